import random
import unittest
from concurrent.futures import ThreadPoolExecutor

from proxy import Proxy
from shared import Shared
from stack import Stack, wait_until

COUNT = 60
REDISES = '/apis/kubedb.com/v1/namespaces/dbaas-default/redises'
SHOWN = {'Ready': 'running', 'Critical': 'degraded', 'NotReady': 'degraded'}


class Faults(unittest.TestCase):
    """What the platform shows of every database is what the server says, whatever happens on the way. No operator runs here: the test
    itself moves the phases, on the server."""

    def setUp(self):
        self.real = Shared.get()
        made = Shared.make_version('RedisVersion', '7.0.15')
        self.assertIn(made.status, (201, 409), made.text)
        self.random = random.Random(7)
        self.pool = ThreadPoolExecutor(8)
        self.addCleanup(self.pool.shutdown)

    def platform(self, kubeconfig, names):
        """A platform with a database of each name, all ready."""
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
        """New phases for the databases, on the server."""
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
        """How long each watch has been silent: another number whenever the platform has counted."""
        return [line for line in self.stack.get('/metrics').text.splitlines() if line.startswith('dbaas_watch_last_event_age_seconds{')]

    def lists(self):
        """Pages of lists that the platform has asked for, over all its watches. It counts once a second: what has happened by now is
        in the next count but one."""
        for _ in range(2):
            before = self.silences()
            wait_until(lambda before=before: self.silences() != before, what='the next count')
        return sum(float(line.rsplit(' ', 1)[1]) for line in self.stack.get('/metrics').text.splitlines()
                   if line.startswith('dbaas_watch_lists_total{'))

    def requests(self, status):
        """Requests of the platform to the API server that were answered so."""
        return sum(float(line.rsplit(' ', 1)[1]) for line in self.stack.get('/metrics').text.splitlines()
                   if line.startswith('dbaas_kubernetes_requests_total{') and f'status="{status}"' in line)

    def test_watches_that_are_cut_go_on_without_a_list(self):
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
        # Held back for a while, then let go: nobody was told that anything was wrong.
        proxy.open.clear()
        self.move(names)
        proxy.open.set()
        self.agree()
        # Gone altogether, while things change and some are deleted.
        proxy.refuse()
        wait_until(lambda: self.stack.get('/health/ready').status == 503, what='readiness to tell the truth')
        self.move(names)
        proxy.accept()
        self.agree()
        self.assertEqual(self.lists(), before, 'a list was asked for')
        print(f'{proxy.cuts} connections cut in the middle, no list', flush=True)

    def test_a_position_that_is_too_old_costs_one_list(self):
        proxy = Proxy(self.real.port)
        self.addCleanup(proxy.close)
        names = [f'old-{number}' for number in range(COUNT)]
        self.platform(self.real.kubeconfig('client', port=proxy.port), names)
        before = self.lists()
        proxy.refuse()
        self.move(names)
        gone = names[:5]
        self.remove(gone)
        # The server forgets what was: its cache with it, the store by compaction.
        self.real.kill('kube-apiserver')
        self.real.compact()
        self.real.start_api_server()
        self.move(names[5:])
        self.real.compact()
        proxy.accept()
        for name in gone:
            del self.phases[name]
        self.agree(90)
        self.assertGreater(self.lists(), before, 'the watch went on: the server had not forgotten')
        for name in gone:
            wait_until(lambda name=name: self.stack.get(f'/api/v1/databases/{self.databases[name]}/status').json['reason'] == 'object_missing',
                       what=f'{name} to be missed')

    def test_too_many_requests_are_waited_out(self):
        """The platform's account gets hardly a seat of the server's priority and fairness, and the rest is refused."""
        group = '/apis/flowcontrol.apiserver.k8s.io/v1'
        level = {'apiVersion': 'flowcontrol.apiserver.k8s.io/v1', 'kind': 'PriorityLevelConfiguration', 'metadata': {'name': 'narrow'},
                 'spec': {'type': 'Limited', 'limited': {'nominalConcurrencyShares': 1, 'lendablePercent': 0, 'borrowingLimitPercent': 0,
                                                         'limitResponse': {'type': 'Reject'}}}}
        schema = {'apiVersion': 'flowcontrol.apiserver.k8s.io/v1', 'kind': 'FlowSchema', 'metadata': {'name': 'narrow'},
                  'spec': {'priorityLevelConfiguration': {'name': 'narrow'}, 'matchingPrecedence': 2,
                           'rules': [{'subjects': [{'kind': 'User', 'user': {'name': 'certified'}}],
                                      'resourceRules': [{'verbs': ['*'], 'apiGroups': ['*'], 'resources': ['*'], 'namespaces': ['*'],
                                                         'clusterScope': True}]}]}}
        # The members of system:masters are exempt: here a certificate without that group has the rights.
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
        refused = self.requests('429')
        self.assertGreater(refused, 0, 'nothing was refused')
        self.move(names)
        self.agree()
        print(f'{COUNT} databases in spite of {refused:.0f} requests refused with 429', flush=True)

    def test_a_token_that_ends_is_followed_by_the_next(self):
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
        # A token ends with its account: what is asked with it is 401 from now on.
        self.assertEqual(self.real.ask('DELETE', f'{account}/rotating').status, 200)
        proxy.refuse()
        proxy.accept()
        # What was right shortly ago counts for ten seconds more on the server.
        def is_refused():
            self.stack.get(f"/api/v1/databases/{self.databases['token-0']}/credentials")
            return self.requests('401') > 0
        wait_until(is_refused, what='the token to be refused')
        proxy.refuse()
        proxy.accept()
        wait_until(lambda: self.stack.get('/health/ready').status == 503, what='readiness to tell the truth')
        self.move(names)
        make_account()
        wait_until(lambda: self.stack.get('/health/ready').status == 200, 90, 'the new token to be taken')
        self.agree()
