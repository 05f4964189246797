#!/usr/bin/env python3
"""The main job over the REST API, with real Redis and PostgreSQL processes: create, connect, read, change, break, delete."""

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from process import run  # noqa: E402
from stack import Stack, together, wait_until  # noqa: E402

HAS_POSTGRES = os.path.exists('/usr/bin/prometheus-postgres-exporter') and shutil.which('psql') is not None


def redis(uri, *words):
    """Runs one command through redis-cli, as a user does. Returns its output."""
    parts = urllib.parse.urlparse(uri)
    done = subprocess.run(['redis-cli', '-h', parts.hostname, '-p', str(parts.port), *words], capture_output=True, text=True,
                          timeout=20, check=False, env={'PATH': os.environ['PATH'],
                                                        'REDISCLI_AUTH': urllib.parse.unquote(parts.password)})
    return done.stdout.strip()


class MainJob(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.addClassCleanup(cls.stack.close)
        cls.stack.start()

    def made(self, name, engine='redis', **more):
        response = self.stack.create(name, engine, **more)
        self.assertEqual(response.status, 202, response.text)
        database = response.json['database']['id']
        self.stack.wait_for(database, 'running', 120)
        return database

    def uri(self, database):
        response = self.stack.get(f'/api/v1/databases/{database}/credentials')
        self.assertEqual(response.status, 200, response.text)
        self.assertEqual(response.headers['Cache-Control'], 'no-store')
        return response.json['uri']

    def test_a_redis_from_creation_to_deletion(self):
        stack = self.stack
        database = self.made('cache', labels={'team': 'web'})
        uri = self.uri(database)
        self.assertEqual(redis(uri, 'set', 'a', '1'), 'OK')

        def metrics_with_rates():
            found = stack.get(f'/api/v1/databases/{database}/metrics').json
            return found['metrics'].get('operations') and found
        metrics = wait_until(metrics_with_rates, what='rates')
        self.assertEqual(metrics['status'], 'fresh')
        self.assertEqual(metrics['metrics']['up'], 1)
        history = f'/api/v1/databases/{database}/metrics/history?metric=connections.current&step=60'
        wait_until(lambda: any(value is not None for _, value in stack.get(history).json['points']), what='history')
        self.assertEqual(len(stack.get('/api/v1/databases?label=team=web').json['items']), 1)

        self.assertEqual(stack.patch(f'/api/v1/databases/{database}', {'deletion_protection': True}).status, 200)
        rejected = stack.delete(f'/api/v1/databases/{database}')
        self.assertEqual((rejected.status, rejected.json['code']), (409, 'deletion_protected'))
        stack.patch(f'/api/v1/databases/{database}', {'deletion_protection': False})

        self.assertEqual(stack.patch(f'/api/v1/databases/{database}', {'paused': True}).status, 202)
        stack.wait_for(database, 'paused')
        self.assertEqual(redis(uri, 'get', 'a'), '')
        self.assertEqual(stack.patch(f'/api/v1/databases/{database}', {'paused': False}).status, 202)
        stack.wait_for(database, 'running')
        self.assertEqual(redis(uri, 'get', 'a'), '1')

        grown = stack.patch(f'/api/v1/databases/{database}', {'storage': {'size': '2Gi'}, 'size': 'small'})
        operation = grown.json['operation']['id']
        wait_until(lambda: stack.get(f'/api/v1/operations/{operation}').json['phase'] == 'succeeded', what='the change')
        self.assertEqual(redis(uri, 'get', 'a'), '1')

        gone = stack.delete(f'/api/v1/databases/{database}')
        self.assertEqual(gone.status, 202)
        wait_until(lambda: stack.get(f'/api/v1/databases/{database}').status == 404, what='the deletion')
        self.assertEqual(stack.get(f"/api/v1/operations/{gone.json['operation']['id']}").json['phase'], 'succeeded')
        for kind in ('pods', 'secrets', 'persistentvolumeclaims', 'services'):
            left = stack.kubernetes(f'/api/v1/namespaces/dbaas-default/{kind}')['items']
            self.assertEqual([each['metadata']['name'] for each in left if 'cache' in each['metadata']['name']], [])

    @unittest.skipUnless(HAS_POSTGRES, 'PostgreSQL with its exporter and psql is not installed: ./dev test --live installs it')
    def test_a_postgres_gets_a_standby_and_survives_a_kill(self):
        stack = self.stack
        database = self.made('orders', 'postgres')
        uri = self.uri(database)

        def psql(sql):
            done = subprocess.run(['psql', uri, '-Atc', sql], capture_output=True, text=True, timeout=30, check=False)
            return done.stdout.strip()

        self.assertEqual(psql('create table t as select 1 as n; select n from t').splitlines()[-1], '1')
        response = stack.patch(f'/api/v1/databases/{database}', {'topology': {'mode': 'replicated', 'replicas': 2}})
        operation = response.json['operation']['id']
        wait_until(lambda: stack.get(f'/api/v1/operations/{operation}').json['phase'] == 'succeeded', 120, 'the standby')
        wait_until(lambda: psql('select count(*) from pg_stat_replication') == '1', what='replication')

        primary = next(pid for pid in stack.engine_processes('postgres')
                       if os.path.basename(os.path.dirname(os.readlink(f'/proc/{pid}/cwd'))) == 'orders-0')
        os.kill(primary, signal.SIGKILL)
        wait_until(lambda: stack.phase(database) == 'degraded', what='degraded')
        stack.wait_for(database, 'running')
        self.assertEqual(psql('select n from t'), '1')
        events = stack.get(f'/api/v1/databases/{database}/events').json['items']
        self.assertTrue(any(each['reason'] == 'BackOff' and 'signal 9' in each['message'] for each in events), events)

    def test_a_hundred_creates_of_one_name_make_one_database(self):
        responses = together(100, lambda _: self.stack.create('only').status)
        self.assertEqual(sorted(responses), [202] + [409] * 99)

    def test_a_repeated_write_returns_its_first_response(self):
        head = {'Idempotency-Key': 'k1'}
        body = {'name': 'team-a', 'display_name': 'Team A'}
        first = self.stack.post('/api/v1/projects', body, headers=head)
        again = self.stack.post('/api/v1/projects', body, headers=head)
        self.assertEqual((first.status, again.status), (201, 201))
        self.assertEqual(again.text, first.text)
        self.assertEqual(again.headers['Idempotency-Replayed'], 'true')
        other = self.stack.post('/api/v1/projects', {'name': 'team-b'}, headers=head)
        self.assertEqual((other.status, other.json['code']), (422, 'idempotency_key_reused'))

    def test_patch_accepts_the_response_of_a_get(self):
        path = f"/api/v1/databases/{self.made('echo')}"
        read = self.stack.get(path).json
        read['labels'] = {'team': 'data'}
        response = self.stack.patch(path, read)
        self.assertEqual((response.status, response.json['database']['labels']), (200, read['labels']), response.text)
        read['engine'] = 'mysql'
        rejected = self.stack.patch(path, read)
        self.assertLessEqual({'/engine', '/revision'}, {each['pointer'] for each in rejected.json['errors']}, rejected.text)

    def test_invalid_input_is_reported_by_pointer(self):
        stack = self.stack
        for body, pointers in [
                ({'project': 'default', 'name': 'Bad_Name', 'engine': 'redis'}, ['/name']),
                ({'project': 'nowhere', 'name': 'x1', 'engine': 'redis'}, ['/project']),
                ({'project': 'default', 'name': 'x1', 'engine': 'oracle'}, ['/engine']),
                ({'project': 'default', 'name': 'x1', 'engine': 'mongodb'}, ['/engine']),
                ({'project': 'default', 'name': 'x1', 'engine': 'redis', 'version': '99'}, ['/version']),
                ({'project': 'default', 'name': 'x1', 'engine': 'redis', 'size': 7, 'nonsense': 1}, ['/nonsense', '/size']),
        ]:
            response = stack.post('/api/v1/databases', body)
            self.assertEqual(response.status, 422, response.text)
            self.assertEqual(sorted(each['pointer'] for each in response.json['errors']), pointers, response.text)
        for raw in (b'{', b'[1]', b'\xff\xfe', b'{"a":' * 200 + b'1' + b'}' * 200, b'nul'):
            self.assertEqual(stack.post('/api/v1/databases', raw).status, 400)
        self.assertEqual(stack.post('/api/v1/databases', b'x' * 2_000_000).status, 413)
        self.assertEqual(stack.post('/api/v1/databases', b'{}', headers={'Content-Type': 'text/plain'}).status, 415)
        self.assertEqual(stack.get('/api/v1/databases?nonsense=1').status, 400)
        self.assertEqual(stack.get('/api/v1/databases?cursor=zz').status, 400)
        self.assertEqual(stack.get('/api/v1/../etc/passwd').status, 404)
        self.assertEqual(stack.delete('/api/v1/databases').status, 405)
        self.assertEqual(stack.get('/api/v1/databases', headers={'Host': 'rebound.example'}).status, 421)

    def test_promtool_and_openapi_accept_the_platform(self):
        if shutil.which('promtool'):
            page = self.stack.get('/metrics').text
            done = subprocess.run(['promtool', 'check', 'metrics'], input=page, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        description = self.stack.get('/api/v1/openapi.json').json
        self.assertEqual(description['openapi'], '3.1.0')
        self.assertIn('/api/v1/databases/{id}/metrics', description['paths'])

    def test_the_documentation_pages_load_nothing_from_other_hosts(self):
        for page in ('/docs', '/docs/plain'):
            response = self.stack.get(page)
            self.assertEqual((response.status, response.headers['X-Content-Type-Options']), (200, 'nosniff'))
            policy = response.headers['Content-Security-Policy']
            self.assertTrue(policy.startswith("default-src 'none';"), policy)
            self.assertNotRegex(policy, r'unsafe-eval|https?:|\*')
            for reference in re.findall(r'(?:src|href)="?([^\s">#][^\s">]*)', response.text):
                if reference == 'data:,':
                    continue
                self.assertNotIn('//', reference)
                part = self.stack.get('/' + reference.lstrip('/'))
                self.assertEqual((part.status, part.headers['X-Content-Type-Options']), (200, 'nosniff'), reference)
                self.assertIn(part.headers['Content-Type'].split(';')[0], {
                    'js': 'text/javascript', 'css': 'text/css', 'txt': 'text/plain', 'json': 'application/json',
                }.get(reference.rpartition('.')[2], 'text/html'), reference)
                tag = part.headers.get('ETag')
                if tag:
                    again = self.stack.get('/' + reference.lstrip('/'), headers={'If-None-Match': tag})
                    self.assertEqual((again.status, again.text), (304, ''), reference)
        self.assertEqual(self.stack.get('/docs/nothing.js').status, 404)

    def test_the_documented_metrics_are_the_exported_ones(self):
        """Compares names, types and labels. Some appear only after the first scrape and the first update of the watch metrics."""
        self.made('counted')
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        with open(os.path.join(root, 'docs/metrics.md'), encoding='utf-8') as file:
            common = file.read().split('\n## ')[0]  # the sections after it depend on options
        rows = re.findall(r'^\| `(\w+)` \| (\w+) \| ([\w, ]*?) *\|', common, re.M)
        listed = {name: (kind, set(re.findall(r'\w+', labels))) for name, kind, labels in rows}

        def differing():
            shown = self.shown_metrics()
            return {name: (shown.get(name), listed.get(name)) for name in shown.keys() | listed.keys() if shown.get(name) != listed.get(name)}
        try:
            wait_until(lambda: not differing())
        except AssertionError:
            self.assertEqual(differing(), {}, 'shown, listed')
        self.assertIn('dbaas_log_lines_dropped_total 0', self.stack.get('/metrics').text.splitlines())

    def shown_metrics(self):
        page = self.stack.get('/metrics').text
        shown = {name: (kind, set()) for name, kind in re.findall(r'^# TYPE (\w+) (\w+)$', page, re.M)}
        for name, labels in re.findall(r'^(\w+)\{(.*)\} ', page, re.M):
            if name not in shown:
                name = re.sub(r'_(bucket|sum|count)$', '', name)
            shown[name][1].update(set(re.findall(r'(\w+)="', labels)) - {'le'})
        return shown

    def test_a_matching_etag_returns_304(self):
        database = self.made('tagged')
        first = self.stack.get(f'/api/v1/databases/{database}')
        again = self.stack.get(f'/api/v1/databases/{database}', headers={'If-None-Match': first.headers['ETag']})
        self.assertEqual(again.status, 304)
        stale = self.stack.patch(f'/api/v1/databases/{database}', {'labels': {'a': 'b'}}, headers={'If-Match': '"1-1"'})
        self.assertEqual(stale.status, 412)

    def test_a_missing_object_is_reported_and_recreated_on_request(self):
        stack = self.stack
        database = self.made('ghost')
        gone = stack.request_cluster('DELETE', '/apis/kubedb.com/v1/namespaces/dbaas-default/redises/ghost')
        self.assertEqual(gone.status, 200, gone.text)
        wait_until(lambda: stack.get(f'/api/v1/databases/{database}/status').json['reason'] == 'object_missing',
                   what='object_missing')
        again = stack.post(f'/api/v1/databases/{database}/recreate')
        self.assertEqual(again.status, 202, again.text)
        stack.wait_for(database, 'running')


class Disasters(unittest.TestCase):
    """Kills the platform or the cluster during work; every accepted operation still completes."""

    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.close)
        self.stack.start()

    def settled(self, wanted):
        """Returns whether exactly the databases in `wanted` exist, all run, and no operation is unfinished."""
        databases = self.stack.databases()
        if {each['name'] for each in databases} != wanted:
            return False
        if any(each['status']['phase'] != 'running' for each in databases):
            return False
        unfinished = [each for phase in ('queued', 'running')
                      for each in self.stack.get(f'/api/v1/operations?phase={phase}').json['items']]
        return not unfinished

    def test_a_platform_killed_during_a_hundred_writes_completes_the_accepted_ones(self):
        stack = self.stack
        first = together(20, lambda index: stack.created(f'old-{index}'))
        for database in first[:10]:
            stack.wait_for(database, 'running', 120)
        accepted = set(f'old-{index}' for index in range(20))

        def act(index):
            if index % 5 == 0:
                gone = index // 5
                if stack.delete(f'/api/v1/databases/{first[gone]}').status == 202:
                    return ('deleted', f'old-{gone}')
            elif create(index).status == 202:
                return ('created', f'new-{index}')
            return ('unknown', None)

        def create(index):
            return stack.post('/api/v1/databases', {'project': 'default', 'name': f'new-{index}', 'engine': 'redis', 'size': 'micro',
                                                    'storage': {'size': '1Gi'}}, headers={'Idempotency-Key': f'new-{index}'})

        def kill(_):
            time.sleep(0.15)
            stack.kill_platform()

        results = together(101, lambda index: kill(index) if index == 100 else act(index))
        stack.delete_kept_responses()
        stack.start_platform()
        # A write without a response may have happened or not; the platform's list after the restart decides.
        names = {each['name'] for each in stack.databases() if not each['deleted']}
        for verdict, name in filter(None, results):
            if verdict == 'created':
                self.assertIn(name, names)
            if verdict == 'deleted':
                self.assertNotIn(name, names)
        self.assertLessEqual(names, accepted | {f'new-{index}' for index in range(100)})
        # Every client repeats its create: the platform neither rejects it nor creates a second database.
        ids = {each['name']: each['id'] for each in stack.databases()}
        created = [index for index in range(100) if index % 5]
        for index, again in zip(created, together(len(created), lambda position: create(created[position]))):
            name = f'new-{index}'
            self.assertEqual(again.status, 202, again.text)
            if name in ids:
                self.assertEqual(again.headers.get('Idempotency-Replayed'), 'true', name)
                self.assertEqual(again.json['database']['id'], ids[name])
            names.add(name)
        wait_until(lambda: self.settled(names), 240, 'every accepted operation to complete')
        objects = stack.kubernetes('/apis/kubedb.com/v1/namespaces/dbaas-default/redises')['items']
        self.assertEqual(sorted(each['metadata']['name'] for each in objects), sorted(names))
        self.assertEqual(len(stack.engine_processes('redis-server')), len(names))

    def test_the_platform_recovers_after_the_cluster_was_killed(self):
        stack = self.stack
        database = stack.created('kept')
        stack.wait_for(database, 'running')
        uri = stack.get(f'/api/v1/databases/{database}/credentials').json['uri']
        redis(uri, 'set', 'a', '1')
        wait_until(lambda: stack.get(f'/api/v1/databases/{database}/metrics').json['status'] == 'fresh', what='metrics')
        stack.kill_cluster()
        wait_until(lambda: not stack.engine_processes('redis-server'), what='the engine processes to end')
        wait_until(lambda: stack.get('/health/ready').status == 503, what='readiness to report 503')
        read = stack.get(f'/api/v1/databases/{database}/metrics')
        self.assertEqual(read.status, 200)
        self.assertIn(read.json['status'], ('fresh', 'stale'))
        stack.start_cluster()
        wait_until(lambda: stack.get('/health/ready').status == 200, 90, 'readiness without a restart')
        stack.wait_for(database, 'running')
        wait_until(lambda: redis(uri, 'get', 'a') == '1', what='the data')

    def stream(self):
        """Opens an event stream and reads it up to its sync event. Returns the connection and the response."""
        connection = http.client.HTTPConnection(self.stack.base.removeprefix('http://'), timeout=30)
        connection.request('GET', '/api/v1/stream')
        response = connection.getresponse()
        text = b''
        while b'event: sync' not in text:
            text += response.read1(65536)
        return connection, response

    def test_sigterm_completes_open_requests(self):
        stack = self.stack
        stream, response = self.stream()

        def act(index):
            if index == 0:
                stack.platform.send_signal(signal.SIGTERM)
                return 202
            return stack.create(f'late-{index}').status

        results = together(20, act)
        stack.platform.wait(60)
        self.assertEqual(stack.platform.returncode, 0, stack.log_tail('platform.log'))
        self.assertLessEqual(set(results), {202, 0}, results)  # 0: connected after the listener closed
        response.read()  # complete: read() raises otherwise
        stream.close()
        self.assertIn('"event":"stopped"', stack.log_tail('platform.log'))

    def test_sigterm_ends_an_idle_stream_in_order(self):
        stack = self.stack
        stack.kill_platform()
        stack.start_platform(DBAAS_SHUTDOWN_GRACE='3')  # shorter than the interval between two comments
        stream, response = self.stream()
        stack.platform.send_signal(signal.SIGTERM)
        stack.platform.wait(60)
        response.read()  # complete: read() raises otherwise
        stream.close()
        self.assertEqual(stack.platform.returncode, 0, stack.log_tail('platform.log'))
        self.assertNotIn('"event":"requests_aborted"', stack.log_tail('platform.log'))


if __name__ == '__main__':
    if shutil.which('redis-server') is None or not os.path.exists('/usr/bin/prometheus-redis-exporter'):
        sys.exit('redis-server and its exporter are not installed; ./dev test --live installs them')
    run(lambda: unittest.main(verbosity=2))
