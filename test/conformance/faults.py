import random
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from proxy import Proxy
from shared import Shared
from stack import Stack, wait_until

COUNT = 60
REDISES = '/apis/kubedb.com/v1/namespaces/dbaas-default/redises'
SHOWN = {'Ready': 'running', 'Critical': 'degraded', 'NotReady': 'degraded'}


class Faults(unittest.TestCase):
    """The platform shows the phases of the API server after every fault between the two. No operator runs here: the test itself changes
    the phases on the server."""

    def setUp(self):
        self.real = Shared.get()
        made = Shared.make_version('RedisVersion', '7.0.15')
        self.assertIn(made.status, (201, 409), made.text)
        self.random = random.Random(7)
        self.pool = ThreadPoolExecutor(8)
        self.addCleanup(self.pool.shutdown)

    def platform(self, kubeconfig, names):
        """Starts a platform and creates one database per name; all are ready."""
        self.stack = Stack(kubeconfig)
        self.addCleanup(self.remove, names)
        self.addCleanup(self.stack.close)
        self.stack.start_platform()
        self.stack.wait_for_engine('redis')
        self.databases = dict(zip(names, self.pool.map(lambda name: self.stack.created(name, version='7.0.15'), names)))
        for name in names:
            wait_until(lambda name=name: self.real.ask('GET', f'{REDISES}/{name}').status == 200, what=f'the object of {name}')
        self.phases = dict.fromkeys(names, 'Ready')
        self.move(names, ['Ready'])
        self.agree()

    def remove(self, names):
        for name in names:
            self.real.ask('DELETE', f'{REDISES}/{name}')

    def move(self, names, phases=tuple(SHOWN)):
        """Sets a random phase for each database on the server."""
        def one(name):
            phase = self.random.choice(phases)
            done = self.real.ask('PATCH', f'{REDISES}/{name}/status', {'status': {'phase': phase}}, media='application/merge-patch+json')
            self.assertEqual(done.status, 200, done.text)
            self.phases[name] = phase
        list(self.pool.map(one, names))

    def agree(self, seconds=60):
        wanted = {name: SHOWN[phase] for name, phase in self.phases.items()}

        def shown():
            return {each['name']: each['status']['phase'] for each in self.stack.databases() if each['name'] in wanted}
        try:
            wait_until(lambda: shown() == wanted, seconds)
        except AssertionError:
            found = shown()
            self.fail({name: (found.get(name), wanted[name]) for name in wanted if found.get(name) != wanted[name]})

    def silences(self):
        """Returns the age of the last event of each watch; it changes with every update of the metrics."""
        return [line for line in self.stack.get('/metrics').text.splitlines() if line.startswith('dbaas_watch_last_event_age_seconds{')]

    def lists(self):
        """Returns the number of list pages that the platform has requested over all its watches. The platform updates the metrics once
        per second; the second update from now includes everything that has happened before."""
        for _ in range(2):
            before = self.silences()
            wait_until(lambda before=before: self.silences() != before, what='the next update of the metrics')
        return sum(float(line.rsplit(' ', 1)[1]) for line in self.stack.get('/metrics').text.splitlines()
                   if line.startswith('dbaas_watch_lists_total{'))

    def requests(self, status):
        """Returns the number of requests of the platform to the API server with this response status."""
        return sum(float(line.rsplit(' ', 1)[1]) for line in self.stack.get('/metrics').text.splitlines()
                   if line.startswith('dbaas_kubernetes_requests_total{') and f'status="{status}"' in line)

    def test_cut_watches_resume_without_a_list(self):
        proxy = Proxy(self.real.port)
        self.addCleanup(proxy.close)
        names = [f'cut-{number}' for number in range(COUNT)]
        self.platform(self.real.kubeconfig('client', port=proxy.port), names)
        before = self.lists()
        for _ in range(8):
            proxy.cut_in_the_middle()
            self.move(names)
            self.agree()
        self.assertGreaterEqual(proxy.cuts, 8)
        # The proxy holds all data back and then releases it; neither side sees an error.
        proxy.open.clear()
        self.move(names)
        proxy.open.set()
        self.agree()
        # The proxy resets every connection while the phases change.
        proxy.refuse()
        wait_until(lambda: self.stack.get('/health/ready').status == 503, what='readiness to report 503')
        self.move(names)
        proxy.accept()
        self.agree()
        self.assertEqual(self.lists(), before, 'the platform requested a list')
        print(f'{proxy.cuts} connections cut in the middle, no list', flush=True)

    def test_an_expired_watch_position_causes_a_list(self):
        proxy = Proxy(self.real.port)
        self.addCleanup(proxy.close)
        names = [f'old-{number}' for number in range(COUNT)]
        self.platform(self.real.kubeconfig('client', port=proxy.port), names)
        before = self.lists()
        proxy.refuse()
        self.move(names)
        gone = names[:5]
        self.remove(gone)
        # The restart clears the server's watch cache, the compaction clears the history of the store.
        self.real.kill('kube-apiserver')
        self.real.compact()
        self.real.start_api_server()
        self.move(names[5:])
        self.real.compact()
        proxy.accept()
        for name in gone:
            del self.phases[name]
        self.agree(90)
        self.assertGreater(self.lists(), before, 'the watch continued: the server still had the history')
        for name in gone:
            wait_until(lambda name=name: self.stack.get(f'/api/v1/databases/{self.databases[name]}/status').json['reason'] == 'object_missing',
                       what=f'{name} to be reported as missing')

    def test_a_restored_backup_of_the_store_is_noticed(self):
        names = [f'restored-{number}' for number in range(COUNT)]
        self.platform(self.real.kubeconfig('client'), names)
        backup = self.real.back_up()
        self.agree()
        phases = dict(self.phases)
        lost = [f'lost-{number}' for number in range(5)]
        self.addCleanup(self.remove, lost)
        for _ in range(5):  # the store goes well beyond the backup
            self.move(names, [phase for phase in SHOWN if phase != 'Ready'])
        created = dict(zip(lost, self.pool.map(lambda name: self.stack.created(name, version='7.0.15'), lost)))
        for name in lost:
            wait_until(lambda name=name: self.real.ask('GET', f'{REDISES}/{name}').status == 200, what=f'the object of {name}')
        self.agree()
        begun = time.monotonic()
        self.real.restore(backup)
        self.phases = phases
        self.agree(120)
        for name in lost:
            wait_until(lambda name=name: self.stack.get(f'/api/v1/databases/{created[name]}/status').json['reason'] == 'object_missing',
                       what=f'{name} to be reported as missing')
        print(f'the restored phases are shown {time.monotonic() - begun:.1f} s after the restore began', flush=True)
        self.move(names)
        self.agree()

    def test_requests_rejected_with_429_are_repeated(self):
        """Priority and fairness gives the platform's account the smallest share and rejects all other requests with 429."""
        group = '/apis/flowcontrol.apiserver.k8s.io/v1'
        level = {'apiVersion': 'flowcontrol.apiserver.k8s.io/v1', 'kind': 'PriorityLevelConfiguration', 'metadata': {'name': 'narrow'},
                 'spec': {'type': 'Limited', 'limited': {'nominalConcurrencyShares': 1, 'lendablePercent': 0, 'borrowingLimitPercent': 0,
                                                         'limitResponse': {'type': 'Reject'}}}}
        schema = {'apiVersion': 'flowcontrol.apiserver.k8s.io/v1', 'kind': 'FlowSchema', 'metadata': {'name': 'narrow'},
                  'spec': {'priorityLevelConfiguration': {'name': 'narrow'}, 'matchingPrecedence': 2,
                           'rules': [{'subjects': [{'kind': 'User', 'user': {'name': 'certified'}}],
                                      'resourceRules': [{'verbs': ['*'], 'apiGroups': ['*'], 'resources': ['*'], 'namespaces': ['*'],
                                                         'clusterScope': True}]}]}}
        # Members of system:masters are exempt, so this certificate has the rights without that group.
        self.real.make_certificate('certified', '/CN=certified', 'extendedKeyUsage=clientAuth')
        binding = {'metadata': {'name': 'certified'}, 'roleRef': {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'ClusterRole',
                                                                  'name': 'cluster-admin'},
                   'subjects': [{'kind': 'User', 'name': 'certified', 'apiGroup': 'rbac.authorization.k8s.io'}]}
        for path, body in (('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', binding),
                           (group + '/prioritylevelconfigurations', level), (group + '/flowschemas', schema)):
            made = self.real.ask('POST', path, body)
            self.assertEqual(made.status, 201, made.text)
            self.addCleanup(self.real.ask, 'DELETE', f"{path}/{body['metadata']['name']}")
        names = [f'narrow-{number}' for number in range(COUNT)]
        self.real.wait_for_level('narrow')
        self.platform(self.real.kubeconfig('certified'), names)
        rejected = self.requests('429')
        self.assertGreater(rejected, 0, 'the server rejected no request')
        self.move(names)
        self.agree()
        print(f'{COUNT} databases in spite of {rejected:.0f} requests rejected with 429', flush=True)

    def test_an_expired_token_is_replaced_by_the_next(self):
        account = '/api/v1/namespaces/dbaas-system/serviceaccounts'

        def make_account():
            made = self.real.ask('POST', account, {'metadata': {'name': 'rotating'}})
            self.assertEqual(made.status, 201, made.text)
            token = self.real.ask('POST', f'{account}/rotating/token', {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenRequest',
                                                                        'spec': {'expirationSeconds': 600}})
            self.assertEqual(token.status, 201, token.text)
            return self.real.write('rotating.token', token.json['status']['token'])
        binding = {'metadata': {'name': 'rotating'}, 'roleRef': {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'ClusterRole',
                                                                 'name': 'cluster-admin'},
                   'subjects': [{'kind': 'ServiceAccount', 'name': 'rotating', 'namespace': 'dbaas-system'}]}
        self.real.ask('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', binding)
        path = make_account()
        self.addCleanup(self.real.ask, 'DELETE', f'{account}/rotating')
        proxy = Proxy(self.real.port)
        self.addCleanup(proxy.close)
        names = [f'token-{number}' for number in range(5)]
        self.platform(self.real.kubeconfig('rotating', token_file=path, port=proxy.port), names)
        # The deletion of the account invalidates its token: the server returns 401 from now on.
        self.assertEqual(self.real.ask('DELETE', f'{account}/rotating').status, 200)
        proxy.refuse()
        proxy.accept()
        # The server caches a valid token for ten more seconds.
        def is_rejected():
            self.stack.get(f"/api/v1/databases/{self.databases['token-0']}/credentials")
            return self.requests('401') > 0
        wait_until(is_rejected, what='the token to be rejected')
        proxy.refuse()
        proxy.accept()
        wait_until(lambda: self.stack.get('/health/ready').status == 503, what='readiness to report 503')
        self.move(names)
        make_account()
        wait_until(lambda: self.stack.get('/health/ready').status == 200, 90, 'the platform to use the new token')
        self.agree()
