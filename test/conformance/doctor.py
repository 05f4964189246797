import json
import os
import subprocess
import tempfile
import unittest

import kit
from shared import Shared

ROLE = '/apis/rbac.authorization.k8s.io/v1/clusterroles/dbaas'
ACCOUNT = '/api/v1/namespaces/dbaas-system/serviceaccounts/dbaas'


class Doctor(unittest.TestCase):
    """Runs `dbaas doctor` as the ServiceAccount of k8s/rbac.yaml."""

    @classmethod
    def setUpClass(cls):
        cls.real = Shared.get()
        for entry in kit.kustomized('k8s'):
            if entry['kind'] in ('Namespace', 'ServiceAccount', 'ClusterRole', 'ClusterRoleBinding'):
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

    def test_wrong_options_end_with_2(self):
        done = subprocess.run([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'doctor', '--nothing'], capture_output=True, text=True, check=False,
                              env={'PATH': os.environ['PATH']}, timeout=30)
        self.assertEqual((done.returncode, done.stdout), (2, ''))
