#!/usr/bin/env python3
"""`dbaas serve` with Redis: replicas exchange their writes, Redis ends and returns, options are checked."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

import mongo_server
from mongo_store_test import SKIPPED, Platform
from process import end, spawn
from stack import wait_until

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
        wait_until(self._accepts, 20, 'redis-server')

    def _accepts(self):
        assert self.process.poll() is None, 'redis-server has ended'
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', self.port)) == 0

    def stop(self):
        end(self.process)

    def url(self):
        return f'redis://:{PASSWORD}@127.0.0.1:{self.port}'

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

    def delay(self, writer, reader, name):
        """Returns the seconds from the response of a write until the other replica serves it."""
        self.assertEqual(writer.create_project(name).status, 201)
        start = time.monotonic()
        wait_until(lambda: reader.get(f'/api/v1/projects/{name}').status == 200, 10, 'the write of the other replica')
        return time.monotonic() - start

    @unittest.skipUnless(mongo_server.is_installed(), SKIPPED)
    def test_replicas_exchange_their_writes_with_and_without_redis(self):
        store = mongo_server.MongoServer()
        self.addCleanup(store.close)
        server = self.redis()
        first, second = [self.platform(store.url(), REDIS_URL=server.url()) for _ in range(2)]
        for platform in (first, second):
            platform.wait()
            wait_until(lambda: self.bus_state(platform) == 'connected', 10, 'the connection to Redis')
        self.assertLess(self.delay(first, second, 'with-redis'), 1)
        self.assertLess(self.delay(second, first, 'and-back'), 1)

        server.stop()
        for platform in (first, second):
            wait_until(lambda: self.bus_state(platform) == 'disconnected', 10, 'the loss of the connection')
        self.assertLess(self.delay(first, second, 'without-redis'), 5)

        server.start()
        for platform in (first, second):
            wait_until(lambda: self.bus_state(platform) == 'connected', 10, 'the recovery')
        self.assertLess(self.delay(second, first, 'with-redis-again'), 5)
        with open(first.log, encoding='utf-8') as file:
            self.assertNotIn(PASSWORD, file.read())

    def test_the_platform_starts_without_redis_and_connects_later(self):
        server = self.redis()
        server.stop()
        platform = self.platform('', REDIS_URL=server.url()).wait()
        self.assertEqual(self.bus_state(platform), 'disconnected')
        self.assertEqual(platform.create_project('stored').status, 201)
        server.start()
        wait_until(lambda: self.bus_state(platform) == 'connected', 20, 'the connection to Redis')
        end(platform.process)
        self.assertEqual(platform.process.returncode, 0)

    def test_the_documented_metrics_are_the_exported_ones(self):
        server = self.redis()
        path = os.path.join(server.folder, 'url')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(server.url() + '\n')
        platform = self.platform('', REDIS_URL_FILE=path).wait()
        wait_until(lambda: self.bus_state(platform) == 'connected', 10, 'the connection to Redis')
        with open(os.path.join(mongo_server.ROOT, 'docs/metrics.md'), encoding='utf-8') as file:
            section = file.read().split('\n## With Redis\n')[1].split('\n## ')[0]
        documented = set(re.findall(r'^\| `(\w+)` \| (\w+) \|', section, re.M))
        page = platform.get('/metrics').text
        exported = set(re.findall(r'^# TYPE (dbaas_redis_\w+) (\w+)$', page, re.M))
        self.assertEqual(exported, documented)
        self.assertIn('dbaas_redis_connected 1', page.splitlines())

    def test_an_invalid_url_ends_the_start_without_the_password(self):
        platform = self.platform('', REDIS_URL=f'redis://:{PASSWORD}@127.0.0.1:0')
        self.assertEqual(platform.process.wait(30), 1)
        self.assertIn('the port of server 1 must be 1 to 65535', platform.events('start_failed')[0]['detail'])
        with open(platform.log, encoding='utf-8') as file:
            self.assertNotIn(PASSWORD, file.read())


if __name__ == '__main__':
    unittest.main(verbosity=2)
