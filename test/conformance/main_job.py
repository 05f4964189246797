import json
import shutil
import unittest

from shared import Shared
from stack import Stack, wait_until

ENGINES_HERE = {'redis': 'redis-server', 'postgres': 'prometheus-postgres-exporter', 'mariadb': 'mariadbd', 'memcached': 'memcached'}
GROWS = {'postgres': ['primary', 'standby']}  # roles of two members; the engines that can become replicated here
ENGINES_ELSEWHERE = {'mysql': ('mysqls', 'MySQLVersion'), 'mongodb': ('mongodbs', 'MongoDBVersion'),
                     'elasticsearch': ('elasticsearches', 'ElasticsearchVersion')}


class MainJob(unittest.TestCase):
    """Sends REST requests for every engine; the local operator runs the databases through a real API server."""

    @classmethod
    def setUpClass(cls):
        cls.real = Shared.get()
        kubeconfig = cls.real.kubeconfig('client')  # a client certificate over TLS
        cls.stack = Stack(kubeconfig)
        cls.addClassCleanup(cls.stack.close)
        cls.stack.start_operator(kubeconfig)
        cls.stack.start_platform()

    def path(self, database, rest=''):
        return f'/api/v1/databases/{database}{rest}'

    def patch(self, database, body):
        response = self.stack.patch(self.path(database), body)
        self.assertIn(response.status, (200, 202), response.text)
        if response.status == 202:
            operation = response.json['operation']['id']

            def ended_operation():
                found = self.stack.get(f'/api/v1/operations/{operation}').json
                return found['phase'] in ('succeeded', 'failed') and found
            ended = wait_until(ended_operation, 90, f'{body} to end')
            self.assertEqual(ended['phase'], 'succeeded', ended)

    def delete(self, database):
        self.assertEqual(self.stack.delete(self.path(database)).status, 202)
        wait_until(lambda: self.stack.get(self.path(database)).status == 404, 90, 'the deletion')

    def life(self, engine):
        self.assertTrue(shutil.which(ENGINES_HERE[engine]), f"{ENGINES_HERE[engine]} is not installed; './dev conformance' installs it")
        memcached = engine == 'memcached'
        self.stack.wait_for_engine(engine)
        body = {'project': 'default', 'name': f'{engine}-one', 'engine': engine, 'size': 'micro'}
        if not memcached:
            body['storage'] = {'size': '1Gi'}
        response = self.stack.post('/api/v1/databases', body)
        self.assertEqual(response.status, 202, response.text)
        database = response.json['database']['id']
        self.stack.wait_for(database, 'running', 120)

        def fresh_metrics():
            found = self.stack.get(self.path(database, '/metrics')).json
            return found['status'] == 'fresh' and found
        metrics = wait_until(fresh_metrics, what='metrics through the real services/proxy')
        self.assertEqual(metrics['metrics']['up'], 1)
        self.assertEqual(self.stack.get(self.path(database, '/credentials')).status, 200)
        self.patch(database, {'size': 'small'})
        self.stack.wait_for(database, 'running')
        if engine in GROWS:
            self.patch(database, {'topology': {'mode': 'replicated', 'replicas': 2}})
            members = lambda: self.stack.get(self.path(database, '/status')).json['replicas']  # noqa: E731
            wait_until(lambda: sorted(each['role'] for each in members() if each['ready']) == GROWS[engine], 90, 'a second member')
        if not memcached:
            self.patch(database, {'storage': {'size': '2Gi'}})
            self.patch(database, {'paused': True})
            self.stack.wait_for(database, 'paused')
            self.patch(database, {'paused': False})
            self.stack.wait_for(database, 'running')
        self.delete(database)
        left = [each['metadata']['name'] for kind in ('pods', 'services', 'secrets')
                for each in self.real.ask('GET', f'/api/v1/namespaces/dbaas-default/{kind}').json['items']
                if each['metadata']['name'].startswith(f'{engine}-one')]
        self.assertEqual(left, [])

    def test_redis(self):
        self.life('redis')

    def test_postgres(self):
        self.life('postgres')

    def test_mariadb(self):
        self.life('mariadb')

    def test_memcached(self):
        self.life('memcached')

    def test_engines_without_a_runtime_pass_strict_validation_and_report_the_reason(self):
        for engine, (plural, kind) in ENGINES_ELSEWHERE.items():
            made = Shared.make_version(kind, '8.0.1')
            self.assertIn(made.status, (201, 409), made.text)
            wait_until(lambda engine=engine: self.stack.get(f'/api/v1/engines/{engine}/versions').json['items'], what=f'versions of {engine}')
            for mode in ({}, {'topology': {'mode': 'replicated', 'replicas': 3}}):
                response = self.stack.create(f'{engine}-{len(mode)}', engine, size='medium', **mode)
                self.assertEqual(response.status, 202, response.text)
                database = response.json['database']['id']
                wait_until(lambda database=database: self.stack.get(self.path(database, '/status')).json['reason'] != 'creating', what='the object')
                found = self.real.ask('GET', f'/apis/kubedb.com/v1/namespaces/dbaas-default/{plural}/{engine}-{len(mode)}')
                self.assertEqual(found.status, 200, found.text)
                wait_until(lambda database=database: 'no runtime' in json.dumps(self.stack.get(self.path(database, '/status')).json), what='the reason')
                self.delete(database)
