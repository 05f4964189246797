import datetime
import json
import shutil
import unittest

from shared import Shared
from stack import Stack, wait_until

ENGINES_HERE = {'redis': 'redis-server', 'postgres': 'prometheus-postgres-exporter', 'mariadb': 'mariadbd', 'memcached': 'memcached'}
GROWS = {'postgres': ['primary', 'standby']}  # roles of two members; the engines that can become replicated here
ENGINES_ELSEWHERE = {'mysql': ('mysqls', 'MySQLVersion'), 'mongodb': ('mongodbs', 'MongoDBVersion'),
                     'elasticsearch': ('elasticsearches', 'ElasticsearchVersion')}


def later(seconds):
    """Returns a time of the future, as MicroTime."""
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return when.strftime('%Y-%m-%dT%H:%M:%S.%fZ')


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

    def test_events_show_why_a_database_does_not_start(self):
        engine, name = 'mysql', 'waits'
        made = Shared.make_version(ENGINES_ELSEWHERE[engine][1], '8.0.1')
        self.assertIn(made.status, (201, 409), made.text)
        wait_until(lambda: self.stack.get(f'/api/v1/engines/{engine}/versions').json['items'], what='versions')
        database = self.stack.created(name, engine, size='medium')
        object_path = f'/apis/kubedb.com/v1/namespaces/dbaas-default/mysqls/{name}'
        wait_until(lambda: self.real.ask('GET', object_path).status == 200, what='the object')

        def events(reason):
            items = self.stack.get(self.path(database, '/events')).json['items']
            return [each for each in items if each['reason'] == reason]

        # As kube-scheduler reports it: events.k8s.io/v1 with a series.
        path = '/apis/events.k8s.io/v1/namespaces/dbaas-default/events'
        scheduling = {'metadata': {'name': f'{name}-0.18a1', 'namespace': 'dbaas-default'}, 'type': 'Warning', 'reason': 'FailedScheduling',
                      'note': '0/3 nodes are available', 'action': 'Scheduling', 'eventTime': later(1),
                      'regarding': {'kind': 'Pod', 'namespace': 'dbaas-default', 'name': f'{name}-0'},
                      'reportingController': 'default-scheduler', 'reportingInstance': 's-1', 'series': {'count': 108, 'lastObservedTime': later(60)}}
        posted = self.real.ask('POST', path, scheduling)
        self.assertEqual(posted.status, 201, posted.text)
        self.assertEqual(wait_until(lambda: events('FailedScheduling'), what='the event of a pod')[0]['count'], 108)
        scheduling = posted.json
        scheduling['series'] = {'count': 109, 'lastObservedTime': later(61)}
        put = self.real.ask('PUT', f"{path}/{name}-0.18a1", scheduling)
        self.assertEqual(put.status, 200, put.text)
        wait_until(lambda: events('FailedScheduling')[0]['count'] == 109, what='the new count')

        # As the controller of volumes reports it: v1 with count and times.
        posted = self.real.ask('POST', '/api/v1/namespaces/dbaas-default/events', {
            'metadata': {'name': f'data-{name}-0.18b1', 'namespace': 'dbaas-default'}, 'type': 'Warning', 'reason': 'ProvisioningFailed',
            'message': 'storageclass.storage.k8s.io "fast-ssd" not found', 'count': 14, 'firstTimestamp': later(1)[:19] + 'Z',
            'lastTimestamp': later(120)[:19] + 'Z', 'source': {'component': 'persistentvolume-controller'},
            'involvedObject': {'kind': 'PersistentVolumeClaim', 'namespace': 'dbaas-default', 'name': f'data-{name}-0'}})
        self.assertEqual(posted.status, 201, posted.text)
        wait_until(lambda: 'fast-ssd' in self.stack.get(self.path(database, '/status')).json['message'], what='the cause in the status')
        self.delete(database)
