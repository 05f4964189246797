#!/usr/bin/env python3
"""Three platforms on one MongoDB store: a client reads its writes on every replica, and a key has one effect on all of them."""

import concurrent.futures
import os
import shutil
import tempfile
import time
import unittest

import mongo_server
from mongo_store_test import SKIPPED, Platform
from redis_bus_test import RedisServer
from stack import request, wait_until

REPLICAS = 3
ROUNDS = 20


@unittest.skipUnless(mongo_server.is_installed(), SKIPPED)
class ReadYourWrites(unittest.TestCase):
    env = {}

    def setUp(self):
        self.server = mongo_server.MongoServer()
        self.addCleanup(self.server.close)
        self.replicas = []
        for _ in range(REPLICAS):
            self.replicas.append(Platform(self.server.url(), **self.env))
            self.addCleanup(self.replicas[-1].close)
        for replica in self.replicas:
            replica.wait()

    def in_parallel(self, work, items):
        with concurrent.futures.ThreadPoolExecutor(max_workers=len(items)) as pool:
            return list(pool.map(work, items))

    def patch(self, replica, name, text):
        patched = request('PATCH', f'{replica.base}/api/v1/projects/{name}', {'display_name': text},
                          {'Content-Type': 'application/merge-patch+json'})
        self.assertEqual(patched.status, 200, patched.text)
        return patched.json['revision']

    def read(self, replica, name, revision):
        response = request('GET', f'{replica.base}/api/v1/projects/{name}', headers={'X-Min-Revision': str(revision)})
        self.assertEqual(response.status, 200, response.text)
        return response.json

    def test_a_read_with_the_revision_of_the_write_is_never_stale(self):
        def client(number):
            name = f'client-{number}'
            created = self.replicas[number].create_project(name)
            self.assertEqual(created.status, 201, created.text)
            for replica in self.replicas:
                self.assertEqual(self.read(replica, name, created.json['revision'])['name'], name)
            for turn in range(ROUNDS):
                text = f'turn {turn}'
                revision = self.patch(self.replicas[(number + turn) % REPLICAS], name, text)
                for replica in self.replicas:
                    project = self.read(replica, name, revision)
                    self.assertEqual(project['display_name'], text)
                    self.assertGreaterEqual(project['revision'], revision)

        self.in_parallel(client, range(REPLICAS))

    def test_every_replica_serves_a_write(self):
        self.assertEqual(self.replicas[0].create_project('shop').status, 201)

        def shown(replica):
            return request('GET', f'{replica.base}/api/v1/projects/shop').json.get('display_name')

        for turn in range(3):
            writer = self.replicas[turn % REPLICAS]
            for replica in self.replicas:
                wait_until(lambda replica=replica: request('GET', f'{replica.base}/api/v1/projects/shop').status == 200, 60, 'the project')
            text = f'turn {turn}'
            self.patch(writer, 'shop', text)
            for replica in self.replicas:
                wait_until(lambda replica=replica: shown(replica) == text, 60, 'the write')
        tags = {request('GET', f'{replica.base}/api/v1/projects/shop').headers['ETag'] for replica in self.replicas}
        self.assertEqual(len(tags), 1)
        for replica in self.replicas:
            response = request('GET', f'{replica.base}/api/v1/projects/shop', headers={'If-None-Match': tags.copy().pop()})
            self.assertEqual(response.status, 304)

    def test_a_key_that_all_replicas_receive_at_once_has_one_effect_and_one_response(self):
        def create(arguments):
            replica, number = arguments
            deadline = time.monotonic() + 30
            while True:
                response = request('POST', f'{replica.base}/api/v1/projects', {'name': f'shop-{number}'}, {'Idempotency-Key': f'key-{number}'})
                if response.status == 201 or time.monotonic() > deadline:
                    return response
                self.assertIn((response.status, response.json['code']), ((409, 'idempotency_key_in_use'), (503, 'unavailable')))
                time.sleep(0.05)

        for number in range(10):
            responses = self.in_parallel(create, [(replica, number) for replica in self.replicas])
            self.assertEqual([response.status for response in responses], [201] * REPLICAS, responses[0].text)
            self.assertEqual(len({response.text for response in responses}), 1)
            self.assertEqual(sum('Idempotency-Replayed' in response.headers for response in responses), REPLICAS - 1)


@unittest.skipUnless(shutil.which('redis-server'), "redis-server is not installed; './dev test --live' installs it")
class ReadYourWritesWithRedis(ReadYourWrites):
    """The same cases with Redis."""

    def setUp(self):
        redis = RedisServer()
        self.addCleanup(redis.close)
        self.env = {'REDIS_URL': redis.url()}
        super().setUp()


@unittest.skipUnless(mongo_server.is_installed(), SKIPPED)
class Callers(unittest.TestCase):
    """Two platforms without Redis: the second one reads a change of a caller from the store before a write of this caller."""

    def setUp(self):
        server = mongo_server.MongoServer()
        self.addCleanup(server.close)
        folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, 'key')
        env = {'DBAAS_AUTH': 'required', 'DBAAS_ADMIN_KEY_FILE': path, 'JWT_SECRET': 'a secret of this test that is long enough'}
        self.replicas = []
        for _ in range(2):
            self.replicas.append(Platform(server.url(), **env))
            self.addCleanup(self.replicas[-1].close)
            self.replicas[-1].wait()
        with open(path, encoding='utf-8') as file:
            self.admin = file.read().strip()
        for name in ('ada', 'zoe'):
            created = self.send(0, 'POST', '/users', self.admin, {'name': name, 'role': 'admin', 'password': 'correct horse'})
            self.assertEqual(created.status, 201, created.text)

    def send(self, replica, method, path, credential, body=None):
        headers = {'Authorization': 'Bearer ' + credential}
        if method == 'PATCH':
            headers['Content-Type'] = 'application/merge-patch+json'
        return request(method, self.replicas[replica].base + '/api/v1' + path, body, headers)

    def log_in(self):
        response = request('POST', self.replicas[0].base + '/api/v1/auth/login', {'username': 'ada', 'password': 'correct horse'})
        self.assertEqual(response.status, 200, response.text)
        token = response.json['access_token']
        wait_until(lambda: self.send(1, 'GET', '/users', token).status == 200, 60, 'the administrator at the second replica')
        return token

    def test_a_demoted_administrator_creates_no_user(self):
        token = self.log_in()
        for turn in range(10):
            self.assertEqual(self.send(0, 'PATCH', '/users/ada', self.admin, {'role': 'none'}).status, 200)
            response = self.send(1, 'POST', '/users', token, {'name': f'eve-{turn}'})
            self.assertEqual(response.status, 403, response.text)
            self.assertEqual(self.send(0, 'PATCH', '/users/ada', self.admin, {'role': 'admin'}).status, 200)
            wait_until(lambda: self.send(1, 'GET', '/users', token).status == 200, 60, 'the administrator at the second replica')

    def test_an_ended_session_creates_no_key(self):
        for _ in range(5):
            token = self.log_in()
            self.assertEqual(self.send(0, 'POST', '/auth/logout', token).status, 204)
            response = self.send(1, 'POST', '/api-keys', token, {'name': 'ci'})
            self.assertEqual(response.status, 401, response.text)
        self.assertEqual([key['name'] for key in self.send(0, 'GET', '/api-keys', self.admin).json['items'] if key['subject'] == 'ada'], [])


if __name__ == '__main__':
    unittest.main(verbosity=2)
