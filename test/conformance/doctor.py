import json
import os
import subprocess
import tempfile
import unittest

import kit
from cluster import DEFINITIONS
from redis_bus_test import RedisServer
from shared import Shared
from stack import Stack, wait_until

ROLE = '/apis/rbac.authorization.k8s.io/v1/clusterroles/dbaas'
ACCOUNT = '/api/v1/namespaces/dbaas-system/serviceaccounts/dbaas'


class Doctor(unittest.TestCase):
    """Runs `dbaas doctor` as the ServiceAccount of k8s/rbac.yaml."""

    @classmethod
    def setUpClass(cls):
        cls.real = Shared.get()
        for entry in kit.kustomized('k8s'):
            if entry['kind'] in ('Namespace', 'ServiceAccount', 'ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'):
                kit.apply(cls.real, entry, 'force=true')
        token = cls.real.ask('POST', ACCOUNT + '/token', {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenRequest', 'spec': {'expirationSeconds': 3600}})
        cls.kubeconfig = cls.real.kubeconfig('dbaas', token.json['status']['token'])
        Shared.make_version('RedisVersion', '7.0.15')

    def doctor(self, *flags, kubeconfig=None, **variables):
        """Returns the exit code, and the findings by check."""
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'doctor', '--json', '--kubeconfig', kubeconfig or self.kubeconfig,
                                   '--data-dir', folder, *flags], capture_output=True, text=True, check=False, timeout=120,
                                  env={'PATH': os.environ['PATH'], **variables})
        self.assertEqual(done.stderr, '')
        report = json.loads(done.stdout)
        self.assertEqual(report['healthy'], done.returncode == 0)
        return done.returncode, {entry['check']: entry for entry in report['checks']}

    def test_the_account_of_the_kit_passes(self):
        code, checks = self.doctor()
        self.assertEqual(code, 0, [entry for entry in checks.values() if entry['result'] == 'failed'])
        self.assertIn('Kubernetes v1.34', checks['cluster']['detail'])
        self.assertEqual(checks['store']['result'], 'ok')
        self.assertEqual((checks['engine redis']['result'], checks['kubedb']['result']), ('ok', 'ok'))

    def test_the_permissions_are_the_rules_of_the_kit(self):
        _, checks = self.doctor()
        checked = {name.removeprefix('permission '): set(entry['detail'].split(', ')) for name, entry in checks.items() if name.startswith('permission ')}
        rules = kit.only(kit.kustomized('k8s'), 'ClusterRole')['rules']
        granted = {(group and group + '/') + resource: set(rule['verbs']) for rule in rules for group in rule['apiGroups'] for resource in rule['resources']}
        self.assertEqual(checked, granted)

    def test_replicas_need_their_leases(self):
        """With MongoDB, in the namespace of the account: the kubeconfig names it."""
        role = '/apis/rbac.authorization.k8s.io/v1/namespaces/dbaas-system/roles/dbaas'
        with tempfile.NamedTemporaryFile('w', suffix='.kubeconfig') as file:
            with open(self.kubeconfig, encoding='utf-8') as source:
                file.write(source.read().replace('context: {cluster: real,', 'context: {namespace: dbaas-system, cluster: real,'))
            file.flush()
            store = {'MONGODB_URL': 'mongodb://127.0.0.1:1/dbaas?serverSelectionTimeoutMS=500'}
            _, checks = self.doctor(kubeconfig=file.name, **store)
            self.assertEqual(checks['permission coordination.k8s.io/leases']['result'], 'ok')
            rules = self.real.ask('GET', role).json['rules']
            self.assertEqual(checks['permission coordination.k8s.io/leases']['detail'], ', '.join(rules[0]['verbs']))
            self.addCleanup(self.real.ask, 'PATCH', role, {'rules': rules}, media='application/merge-patch+json')
            self.real.ask('PATCH', role, {'rules': [{**rules[0], 'verbs': ['get', 'list']}]}, media='application/merge-patch+json')
            code, checks = self.doctor(kubeconfig=file.name, **store)
        self.assertEqual((code, checks['permission coordination.k8s.io/leases']['detail']), (1, 'missing: create, update'))

    def test_checks_without_a_permission_name_it(self):
        """The account of the platform cannot read the objects that surround it."""
        with open(self.kubeconfig, encoding='utf-8') as source:
            text = source.read().replace('context: {cluster: real,', 'context: {namespace: dbaas-system, cluster: real,')
        kubeconfig = self.real.write('account.kubeconfig', text)
        _, checks = self.doctor(kubeconfig=kubeconfig, MONGODB_URL='mongodb://127.0.0.1:1/dbaas?serverSelectionTimeoutMS=500')
        for check, resource in (('webhooks', 'validatingwebhookconfigurations.admissionregistration.k8s.io'), ('ingress', 'ingresses.networking.k8s.io'),
                                ('autoscaler', 'horizontalpodautoscalers.autoscaling'), ('disruption-budget', 'poddisruptionbudgets.policy')):
            with self.subTest(check):
                self.assertEqual(checks[check]['result'], 'skipped', checks[check])
                self.assertTrue(checks[check]['detail'].startswith(f'not checked: needs list on {resource}'), checks[check])

    def test_an_operator_sees_the_objects_of_the_kit(self):
        for entry in kit.kustomized('deploy/overlays/production'):
            kit.apply(self.real, entry, 'force=true')
        with open(self.real.kubeconfig('client'), encoding='utf-8') as source:
            text = source.read().replace('context: {cluster: real,', 'context: {namespace: dbaas-system, cluster: real,')
        kubeconfig = self.real.write('operator.kubeconfig', text)
        store = {'MONGODB_URL': 'mongodb://127.0.0.1:1/dbaas?serverSelectionTimeoutMS=500'}
        deployment = '/apis/apps/v1/namespaces/dbaas-system/deployments/dbaas-api'
        self.addCleanup(self.real.ask, 'PATCH', deployment, {'spec': {'replicas': 1}}, media='application/merge-patch+json')
        # One replica is the default of the API server, and no autoscaler runs here.
        _, checks = self.doctor(kubeconfig=kubeconfig, **store)
        self.assertEqual((checks['autoscaler']['result'], checks['autoscaler']['detail']),
                         ('warning', 'dbaas-api: 3 to 10 pods; the Deployment has 1 replicas'))
        self.real.ask('PATCH', deployment, {'spec': {'replicas': 3}}, media='application/merge-patch+json')
        _, checks = self.doctor(kubeconfig=kubeconfig, **store)
        self.assertEqual(checks['autoscaler']['result'], 'ok', checks['autoscaler'])
        self.assertIn('dbaas-api: 3 to 10 pods', checks['autoscaler']['detail'])
        # Without kubelets there are no pods; the controller of the API may not have counted them yet.
        self.assertIn(checks['disruption-budget']['detail'],
                      ('dbaas-api: no status yet', 'dbaas-api: 0 of 0 pods are healthy, 0 may be evicted'))
        self.assertEqual((checks['ingress']['result'], checks['ingress']['detail']), ('ok', 'TLS for dbaas.example.com'))
        secret = checks['ingress certificate dbaas-tls']
        self.assertEqual((secret['result'], secret['detail']), ('failed', 'the Secret does not exist'))
        self.assertIn(checks['webhooks']['result'], ('ok', 'warning'))

    def test_redis_is_checked_if_its_url_is_set(self):
        _, checks = self.doctor()
        self.assertNotIn('redis', checks)
        code, checks = self.doctor(REDIS_URL='redis://:hidden@127.0.0.1:1')
        self.assertEqual((code, checks['redis']['result']), (1, 'failed'))
        self.assertNotIn('hidden', json.dumps(checks))
        redis = RedisServer()
        self.addCleanup(redis.close)
        code, checks = self.doctor(REDIS_URL=redis.url())
        self.assertEqual((code, checks['redis']['detail']), (0, 'connected'))

    def test_token_reviews_need_their_own_role(self):
        check = 'permission authentication.k8s.io/tokenreviews'
        _, checks = self.doctor()
        self.assertNotIn(check, checks)
        code, checks = self.doctor('--kubernetes-tokens', '--auth', 'required')
        self.assertEqual((code, checks[check]['detail']), (1, 'missing: create'))
        self.assertIn('k8s/token-review.yaml', checks[check]['advice'])

    def test_a_missing_verb_is_reported_with_its_resource(self):
        rules = self.real.ask('GET', ROLE).json['rules']
        self.addCleanup(self.real.ask, 'PATCH', ROLE, {'rules': rules}, media='application/merge-patch+json')
        without = [{**rule, 'verbs': [verb for verb in rule['verbs'] if verb != 'watch' or 'pods' not in rule['resources']]} for rule in rules]
        patched = self.real.ask('PATCH', ROLE, {'rules': without}, media='application/merge-patch+json')
        self.assertEqual(patched.status, 200, patched.text)
        code, checks = self.doctor()
        self.assertEqual((code, checks['permission pods']['result'], checks['permission pods']['detail']), (1, 'failed', 'missing: watch'))
        self.assertIn('k8s/rbac.yaml', checks['permission pods']['advice'])
        self.assertEqual(checks['permission secrets']['result'], 'ok')

    def test_an_unreachable_server_and_store_are_reported(self):
        with tempfile.NamedTemporaryFile('w', suffix='.kubeconfig') as file:
            with open(self.kubeconfig, encoding='utf-8') as source:
                file.write(source.read().replace(str(self.real.port), '1'))
            file.flush()
            code, checks = self.doctor(kubeconfig=file.name, MONGODB_URL='mongodb://dbaas:hidden@127.0.0.1:1/dbaas?serverSelectionTimeoutMS=500')
        self.assertEqual((code, checks['cluster']['result'], checks['store']['result']), (1, 'failed', 'failed'))
        self.assertNotIn('hidden', json.dumps(checks))

    def test_a_kind_in_another_version_alone_is_reported(self):
        """Such as a release of KubeDB that serves v1alpha2 alone: the platform could not create databases."""
        name, check = 'memcacheds.kubedb.com', 'engine memcached'
        Shared.make_version('MemcachedVersion', '1.6.18')
        versions = self.real.definition(name)['spec']['versions']
        own = next(each for each in versions if each['name'] == 'v1')
        self.addCleanup(self.serve, name, versions, True)
        self.serve(name, [{**own, 'served': False}, {**own, 'name': 'v1alpha2', 'storage': False}], False)
        code, checks = self.doctor()
        self.assertEqual((code, checks[check]['result'], checks[check]['detail']),
                         (1, 'failed', 'the cluster serves memcacheds in kubedb.com/v1alpha2 alone; the platform writes kubedb.com/v1'))
        self.assertEqual(checks['engine redis']['result'], 'ok')
        stack = Stack(self.kubeconfig)
        self.addCleanup(stack.close)
        stack.start_platform()
        stack.wait_for_engine('redis')
        engines = {entry['engine']: entry['installed'] for entry in stack.get('/api/v1/engines').json['items']}
        self.assertEqual((engines['redis'], engines['memcached']), (True, False))

    def serve(self, name, versions, is_in_v1):
        """Sets the versions of the definition, and waits until the server serves it in v1, or no longer."""
        patched = self.real.ask('PATCH', f'{DEFINITIONS}/{name}', {'spec': {'versions': versions}}, media='application/merge-patch+json')
        self.assertEqual(patched.status, 200, patched.text)
        plural, group = name.split('.', maxsplit=1)
        wait_until(lambda: (self.real.ask('GET', f'/apis/{group}/v1/{plural}').status == 200) == is_in_v1, 60, f'{name} in v1: {is_in_v1}')

    def test_wrong_options_end_with_2(self):
        done = subprocess.run([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'doctor', '--nothing'], capture_output=True, text=True, check=False,
                              env={'PATH': os.environ['PATH']}, timeout=30)
        self.assertEqual((done.returncode, done.stdout), (2, ''))
