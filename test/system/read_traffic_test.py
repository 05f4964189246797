#!/usr/bin/env python3
"""The requests to MongoDB and Redis that reads cause: cached reads cause none, for callers with an API key or an access token.

A proxy before each server records what the platform sends. The background tasks send commands at any time, so a batch of reads
counts if nothing at all was sent during it and for a moment after it; other batches are repeated. A read that causes a command,
even a late one, never has such a batch.
"""

import os
import shutil
import time
import types
import unittest

import mongo_server
from fault_clients import Connection
from fault_proxy import FaultProxy
from mongo_store_test import SKIPPED, Platform
from process import run
from redis_bus_test import RedisServer
from stack import Stack, request, wait_until

READS = 50  # of each kind
BATCH_MAX, BATCH_MIN = 25, 5  # a slow machine needs shorter batches between the background tasks
SETTLING = 0.05  # seconds after the last response in which a late command is still seen
HISTORY = 'find history'


@unittest.skipUnless(mongo_server.is_installed(), SKIPPED)
@unittest.skipUnless(shutil.which('redis-server'), 'redis-server is not installed')
class ReadTraffic(unittest.TestCase):
    """Two platforms; the requests of the first one are recorded, and the second one changes its view over the bus."""

    @classmethod
    def setUpClass(cls):
        def close_later(server):
            cls.addClassCleanup(server.close)
            return server
        cls.stack = close_later(Stack())
        mongo, redis = close_later(mongo_server.MongoServer()), close_later(RedisServer())
        cls.stack.start_cluster('--synthetic', '200')
        cls.store = close_later(FaultProxy(mongo.port, is_mongo=True))
        cls.bus = close_later(FaultProxy(redis.port))
        with open(cls.stack.kubeconfig, encoding='utf-8') as file:
            kubeconfig = file.read()
        env = {'DBAAS_AUTH': 'required', 'PLATFORM_KEY': '5e' * 32, 'METRICS_SYNC_INTERVAL': '5', 'DBAAS_RATE_LIMITS': 'on',
               'DBAAS_RATE_LIMIT_READS': '100000', 'DBAAS_RATE_LIMIT_WRITES': '100000'}
        cls.first = close_later(Platform(cls.store_url(cls.store.port), kubeconfig, REDIS_URL=redis.url(cls.bus.port), **env)).wait()
        cls.second = close_later(Platform(mongo.url(), kubeconfig, REDIS_URL=redis.url(), **env)).wait()
        with open(os.path.join(cls.first.folder, 'data/admin-key'), encoding='utf-8') as file:
            cls.credential = cls.key = file.read().strip()
        cls.connection = close_later(Connection())
        cls.prepare()

    @staticmethod
    def store_url(port):
        return f'mongodb://127.0.0.1:{port}/dbaas'

    @classmethod
    def prepare(cls):
        """Creates databases of which each platform owns some, and an access token."""
        def is_ready():
            return all(platform.get('/health/ready').status == 200 for platform in (cls.first, cls.second))
        wait_until(is_ready, 60, 'both platforms')
        cls.databases = []
        for number in range(6):
            created = cls.post('databases', {'project': 'default', 'name': f'cache-{number}', 'engine': 'redis', 'size': 'micro',
                                             'storage': {'size': '1Gi'}, 'labels': {'team': 'a'}})
            assert created.status == 202, created.text
            cls.databases.append(created.json['database']['id'])
            cls.operation = created.json['operation']['id']
        for database in cls.databases:
            wait_until(lambda path=f'databases/{database}': cls.read(f'{path}/status').json.get('phase') == 'running' and
                       cls.read(f'{path}/metrics').json.get('status') == 'fresh', 60, 'the databases')
        user = cls.post('users', {'name': 'ada', 'role': 'admin', 'password': 'a long password of a user'})
        assert user.status == 201, user.text
        login = cls.post('auth/login', {'username': 'ada', 'password': 'a long password of a user'})
        assert login.status == 200, login.text
        cls.token = login.json['access_token']

    @classmethod
    def read(cls, path, credential=None, **headers):
        server = types.SimpleNamespace(name='first', base=cls.first.base, starts=1)
        path = path if path.startswith('/') else f'/api/v1/{path}'
        return cls.connection.send(server, 'GET', path, timeout=30,
                                   headers={'Authorization': f'Bearer {credential or cls.credential}', **headers})

    @classmethod
    def post(cls, path, body):
        return request('POST', f'{cls.first.base}/api/v1/{path}', body, {'Authorization': f'Bearer {cls.key}'})

    def requests_of(self, act):
        """Returns what the first platform sent to both servers while act() ran and shortly after."""
        for proxy in (self.store, self.bus):
            proxy.record()
        act()
        time.sleep(SETTLING)
        return self.store.recorded() + self.bus.recorded()

    def check_quiet(self, name, read, status=200):
        """READS reads have this status, and cause no request to a server."""
        def check():
            response = read()
            self.assertEqual(response.status, status, f'{name}: {response.text[:200]}')

        def read_batch():
            for _ in range(batch):
                check()
        check()
        batch, quiet, seen, deadline = BATCH_MAX, 0, [], time.monotonic() + 60
        while quiet < READS:
            sent = self.requests_of(read_batch)
            quiet += 0 if sent else batch
            batch = max(BATCH_MIN, batch // 2) if sent else batch
            seen += sent
            self.assertLess(time.monotonic(), deadline, f'{name}: each batch of reads had requests: {seen[:20]}')

    def paths(self):
        database = f'databases/{self.databases[0]}'
        return {'a database': database, 'its status': f'{database}/status', 'its metrics': f'{database}/metrics',
                'its operations': f'{database}/operations', 'its events': f'{database}/events', 'an operation': f'operations/{self.operation}',
                'the list': 'databases', 'the list by status': 'databases?status=running&sort=-updated_at',
                'the list by label': 'databases?label=team=a&limit=2', 'a search': 'databases?q=ache', 'a name': 'databases?name=cache-1',
                'the operations': 'operations?phase=succeeded', 'the projects': 'projects', 'a project': 'projects/default',
                'the engines': 'engines', 'the versions': 'engines/redis/versions', 'the caller': 'auth/whoami',
                'the rate limits': 'rate-limits', 'the users': 'users', 'the API keys': 'api-keys', 'the roles': 'roles',
                'the members': 'projects/default/members', 'the metrics of all databases': '/metrics/databases',
                'the metrics of the platform': '/metrics', 'the readiness': '/health/ready'}

    def test_cached_reads_cause_no_requests(self):
        for name, path in self.paths().items():
            with self.subTest(name):
                self.check_quiet(name, lambda path=path: self.read(path, self.token))

    def test_reads_that_return_304_cause_no_requests(self):
        for name in ('a database', 'its status', 'its metrics', 'the list', 'a search', 'the projects', 'a project'):
            path = self.paths()[name]

            def read(path=path):
                # The content may change between both reads; the second one is then a 200.
                for _ in range(20):
                    tag = self.read(path, self.token).headers['ETag']
                    response = self.read(path, self.token, **{'If-None-Match': tag})
                    if response.status == 304:
                        break
                return response
            with self.subTest(name):
                self.check_quiet(name, read, 304)

    def test_reads_of_a_known_revision_cause_no_requests(self):
        path = f'databases/{self.databases[0]}'
        revision = str(self.read(path).json['revision'])
        self.check_quiet('a minimum revision', lambda: self.read(path, self.token, **{'X-Min-Revision': revision}))

    def test_credentials_cause_no_requests(self):
        path = f'databases/{self.databases[0]}'
        self.check_quiet('an API key', lambda: self.read(path, self.key))
        self.check_quiet('an unknown API key', lambda: self.read(path, 'dbaas_unknown_secret'), 401)
        self.check_quiet('an access token without its signature', lambda: self.read(path, self.token.rsplit('.', 1)[0] + '.AAAA'), 401)

    def test_history_causes_requests_for_databases_of_the_other_platform_alone(self):
        """The owner of a database has its history in memory. Another platform reads the store for each request."""
        owned, foreign = [], []
        for database in self.databases:
            path = f'databases/{database}/metrics/history?metric=connections.current'
            self.assertEqual(self.read(path).status, 200, self.read(path).text)
            sent = self.requests_of(lambda path=path: self.read(path))
            (foreign if HISTORY in sent else owned).append(path)
        self.assertTrue(owned and foreign, 'each platform owns some databases')
        self.check_quiet('the history', lambda: self.read(owned[0], self.token))
        sent = self.requests_of(lambda: [self.read(foreign[0]) for _ in range(10)])
        self.assertEqual(sent.count(HISTORY), 10)

    def test_a_write_is_recorded(self):
        """The proxies see what a request causes."""
        sent = self.requests_of(lambda: self.assertEqual(self.post('projects', {'name': 'recorded'}).status, 201))
        self.assertIn('insert projects', sent)


if __name__ == '__main__':
    run(lambda: unittest.main(verbosity=2))
