#!/usr/bin/env python3
"""`dbaas serve` with Redis: replicas exchange their writes, Redis ends and returns, options are checked."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

import mongo_server
from mongo_store_test import SKIPPED, Platform
from process import end, spawn
from stack import request, wait_until

PASSWORD = 'pa55word'


class RedisServer:
    """redis-server on a free port with a password. close() ends it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        self.process = None
        self.start()

    def start(self):
        self.process = spawn(['redis-server', '--port', str(self.port), '--bind', '127.0.0.1', '--dir', self.folder, '--save', '',
                              '--requirepass', PASSWORD], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_until(self._accepts, what='redis-server')

    def _accepts(self):
        assert self.process.poll() is None, 'redis-server has ended'
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', self.port)) == 0

    def stop(self):
        end(self.process)

    def url(self, port=None):
        return f'redis://:{PASSWORD}@127.0.0.1:{port or self.port}'

    def command(self, *words):
        done = subprocess.run(['redis-cli', '-p', str(self.port), *words], capture_output=True, text=True, timeout=20, check=True,
                              env={'PATH': os.environ['PATH'], 'REDISCLI_AUTH': PASSWORD})
        return done.stdout.strip()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@unittest.skipUnless(shutil.which('redis-server'), "redis-server is not installed; './dev test --live' installs it")
class RedisBus(unittest.TestCase):
    def redis(self):
        server = RedisServer()
        self.addCleanup(server.close)
        return server

    def platform(self, url, **env):
        platform = Platform(url, **env)
        self.addCleanup(platform.close)
        return platform

    def bus_state(self, platform):
        return platform.get('/health/ready').json['redis']

    def exchange(self, writer, reader, name, has_bus):
        """Waits until a replica serves the writes of another one, and with `has_bus` until the bus delivers one."""
        def write(number):
            self.assertEqual(writer.create_project(f'{name}-{number}').status, 201)

        def is_shown(number):
            return reader.get(f'/api/v1/projects/{name}-{number}').status == 200
        if has_bus:
            return reader.wait_for_bus(write, is_shown)
        write(0)
        return wait_until(lambda: is_shown(0), 60, 'the write of the other replica')

    @unittest.skipUnless(mongo_server.is_installed(), SKIPPED)
    def test_replicas_exchange_their_writes_with_and_without_redis(self):
        store = mongo_server.MongoServer()
        self.addCleanup(store.close)
        server = self.redis()
        first, second = [self.platform(store.url(), REDIS_URL=server.url()).wait() for _ in range(2)]
        for platform in (first, second):
            platform.wait()
            wait_until(lambda: self.bus_state(platform) == 'connected', what='the connection to Redis')
        self.exchange(first, second, 'with-redis', has_bus=True)
        self.exchange(second, first, 'and-back', has_bus=True)

        server.stop()
        for platform in (first, second):
            wait_until(lambda: self.bus_state(platform) == 'disconnected', what='the loss of the connection')
        self.exchange(first, second, 'without-redis', has_bus=False)

        server.start()
        for platform in (first, second):
            wait_until(lambda: self.bus_state(platform) == 'connected', what='the recovery')
        self.exchange(second, first, 'with-redis-again', has_bus=True)
        with open(first.log, encoding='utf-8') as file:
            self.assertNotIn(PASSWORD, file.read())

    @unittest.skipUnless(mongo_server.is_installed(), SKIPPED)
    def test_a_revocation_of_one_replica_reaches_the_other_over_the_bus(self):
        store = mongo_server.MongoServer()
        self.addCleanup(store.close)
        server = self.redis()
        env = {'REDIS_URL': server.url(), 'DBAAS_AUTH': 'required', 'PLATFORM_KEY': '5e' * 32}
        first, second = [self.platform(store.url(), **env).wait() for _ in range(2)]
        for platform in (first, second):
            wait_until(lambda: self.bus_state(platform) == 'connected', 60, 'the connection to Redis')
        with open(os.path.join(first.folder, 'data/admin-key'), encoding='utf-8') as file:
            admin = file.read().strip()

        def call(platform, method, path, credential=admin, body=None):
            headers = {'Authorization': f'Bearer {credential}'} if credential else {}
            return request(method, f'{platform.base}/api/v1/{path}', body, headers)

        def status(credential):
            return call(second, 'GET', 'auth/whoami', credential).status

        credentials = {}

        def create_key(number):
            created = call(first, 'POST', 'api-keys', body={'name': f'ci-{number}'})
            self.assertEqual(created.status, 201, created.text)
            credentials[number] = created.json['key']
            wait_until(lambda: status(credentials[number]) == 200, 60, 'the key')
            return created.json['api_key']['id']

        def create_session(number):
            name, password = f'user-{number}', 'a long password of a user'
            created = call(first, 'POST', 'users', body={'name': name, 'password': password})
            self.assertEqual(created.status, 201, created.text)
            login = call(first, 'POST', 'auth/login', None, {'username': name, 'password': password})
            self.assertEqual(login.status, 200, login.text)
            credentials[number] = login.json['access_token']
            wait_until(lambda: status(credentials[number]) == 200, 60, 'the session')
            return name

        def revoke(method, path, create, body=None):
            def act(number):
                response = call(first, method, path.format(prepared[number]), body=body)
                self.assertIn(response.status, (200, 204), response.text)
            prepared = [create(number) for number in range(5)]
            second.wait_for_bus(act, lambda number: status(credentials[number]) == 401)
            credentials.clear()

        revoke('DELETE', 'api-keys/{}', create_key)
        revoke('POST', 'users/{}/sessions:revoke', create_session)

    def test_the_platform_starts_without_redis_and_connects_later(self):
        server = self.redis()
        server.stop()
        platform = self.platform('', REDIS_URL=server.url()).wait()
        self.assertEqual(self.bus_state(platform), 'disconnected')
        self.assertEqual(platform.create_project('stored').status, 201)
        server.start()
        wait_until(lambda: self.bus_state(platform) == 'connected', what='the connection to Redis')
        end(platform.process)
        self.assertEqual(platform.process.returncode, 0)

    @unittest.skipUnless(mongo_server.is_installed(), SKIPPED)
    def test_a_changed_password_is_used_without_a_restart(self):
        store = mongo_server.MongoServer()
        self.addCleanup(store.close)
        server = self.redis()
        server.command('ACL', 'SETUSER', 'dbaas', 'on', '>first-pa55word', '~*', '&*', '+@all')

        def write(password):
            with open(path + '.next', 'w', encoding='utf-8') as file:
                file.write(f'redis://dbaas:{password}@127.0.0.1:{server.port}\n')
            os.rename(path + '.next', path)
        path = os.path.join(server.folder, 'url')
        write('first-pa55word')
        first, second = [self.platform(store.url(), REDIS_URL_FILE=path).wait() for _ in range(2)]
        for platform in (first, second):
            wait_until(lambda: self.bus_state(platform) == 'connected', what='the connection to Redis')

        write('wrong-pa55word')
        for platform in (first, second):
            wait_until(lambda: platform.events('secret_unusable'), 30, 'the rejection of the password')
            self.assertEqual(self.bus_state(platform), 'connected', 'the last good password stays in use')
        self.exchange(first, second, 'before', has_bus=True)

        # The server learns the new password after the file, and forgets the old one together with its connections.
        write('second-pa55word')
        server.command('ACL', 'SETUSER', 'dbaas', '>second-pa55word')
        for platform in (first, second):
            wait_until(lambda: platform.events('secret_changed'), 30, 'the use of the new password')
        server.command('ACL', 'SETUSER', 'dbaas', '<first-pa55word')
        server.command('CLIENT', 'KILL', 'USER', 'dbaas')
        for platform in (first, second):
            wait_until(lambda: self.bus_state(platform) == 'connected', what='the connection with the new password')
        self.exchange(first, second, 'after', has_bus=True)
        for platform in (first, second):
            with open(platform.log, encoding='utf-8') as file:
                self.assertNotIn('pa55word', file.read())

    def test_the_documented_metrics_are_the_exported_ones(self):
        server = self.redis()
        path = os.path.join(server.folder, 'url')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(server.url() + '\n')
        platform = self.platform('', REDIS_URL_FILE=path).wait()
        wait_until(lambda: self.bus_state(platform) == 'connected', what='the connection to Redis')
        with open(os.path.join(mongo_server.ROOT, 'docs/metrics.md'), encoding='utf-8') as file:
            section = file.read().split('\n## With Redis\n')[1].split('\n## ')[0]
        documented = set(re.findall(r'^\| `(\w+)` \| (\w+) \|', section, re.M))
        page = platform.get('/metrics').text
        exported = set(re.findall(r'^# TYPE (dbaas_redis_\w+) (\w+)$', page, re.M))
        self.assertEqual(exported, documented)
        self.assertIn('dbaas_redis_connected 1', page.splitlines())

    def test_an_invalid_url_ends_the_start_without_the_password(self):
        platform = self.platform('', REDIS_URL=f'redis://:{PASSWORD}@127.0.0.1:0')
        self.assertEqual(platform.process.wait(60), 1)
        self.assertIn('the port of server 1 must be 1 to 65535', platform.events('start_failed')[0]['detail'])
        with open(platform.log, encoding='utf-8') as file:
            self.assertNotIn(PASSWORD, file.read())


if __name__ == '__main__':
    unittest.main(verbosity=2)
