#!/usr/bin/env python3
"""`dbaas serve` with its records in MongoDB: the server ends and returns, replicas share it, the platform is killed."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import fault_proxy
import mongo_server
import tls_proxy
from process import end, spawn
from serve_test import KUBECONFIG
from stack import Stack, request, wait_until

SKIPPED = "the MongoDB test server is not installed; './dev test --live' installs it"


class Platform:
    """`dbaas serve` on the store of the URL. Without a kubeconfig, the address of its cluster rejects every connection."""

    def __init__(self, url, kubeconfig=KUBECONFIG, **env):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        path = os.path.join(self.folder, 'kubeconfig')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(kubeconfig)
        self.log = os.path.join(self.folder, 'log')
        with open(self.log, 'wb') as out:
            self.process = spawn([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'serve', '--listen', '127.0.0.1:0',
                                  '--kubeconfig', path, '--log-format', 'json'],
                                 stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                 env={'PATH': os.environ['PATH'], 'TSAN_OPTIONS': 'halt_on_error=1', 'MONGODB_URL': url,
                                      'DBAAS_DATA_DIR': os.path.join(self.folder, 'data'), **env})

    def events(self, name):
        with open(self.log, encoding='utf-8') as file:
            lines = [json.loads(line) for line in file if line.endswith('}\n')]
        return [line for line in lines if line['event'] == name]

    def wait(self):
        """Waits until the platform serves."""
        def serving():
            if self.process.poll() is not None:
                with open(self.log, encoding='utf-8') as file:
                    raise AssertionError(file.read())
            return self.events('serving')
        self.base = wait_until(serving, what='the platform')[0]['address']
        return self

    def get(self, path):
        return request('GET', self.base + path)

    def metric(self, name):
        lines = [line for line in self.get('/metrics').text.splitlines() if line.startswith(name)]
        return sum(float(line.rsplit(' ', 1)[1]) for line in lines)

    def wait_for_bus(self, act, is_shown):
        """Waits until this replica shows the change act(number) of another one, and a comparison with the store did not bring it."""
        for number in range(5):
            repairs = self.metric('dbaas_anti_entropy_repairs_total')
            act(number)
            wait_until(lambda number=number: is_shown(number), 60, 'the write of the other replica')
            if self.metric('dbaas_anti_entropy_repairs_total') == repairs:
                return
        raise AssertionError('a comparison with the store brought each change, and the bus none')

    def create_project(self, name):
        return request('POST', self.base + '/api/v1/projects', {'name': name})

    def store_state(self):
        return self.get('/health/ready').json['database']

    def close(self):
        end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)


@unittest.skipUnless(mongo_server.is_installed(), SKIPPED)
class MongoStore(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def server(self, **options):
        server = mongo_server.MongoServer(**options)
        self.addCleanup(server.close)
        return server

    def platform(self, url, **env):
        platform = Platform(url, **env)
        self.addCleanup(platform.close)
        return platform

    def test_writes_return_503_and_reads_continue_while_mongodb_is_away(self):
        server = self.server(file=os.path.join(self.folder, 'data'))
        platform = self.platform(server.url()).wait()
        self.assertEqual(platform.store_state(), 'connected')
        self.assertEqual(platform.create_project('before').status, 201)
        server.stop()
        wait_until(lambda: platform.store_state() == 'disconnected', what='the loss of the connection')
        for _ in range(3):
            response = platform.create_project('during')
            self.assertEqual(response.status, 503, response.text)
            self.assertIn('Retry-After', response.headers)
        self.assertEqual(platform.get('/api/v1/projects/before').status, 200)
        server.start()
        wait_until(lambda: platform.store_state() == 'connected', what='the recovery')
        self.assertEqual(platform.create_project('before').status, 409, 'the record is there')
        self.assertEqual(platform.create_project('after').status, 201)
        self.assertEqual(len(platform.events('mongodb_disconnected')), 1)
        self.assertEqual(len(platform.events('mongodb_reconnected')), 1)
        self.assertIn('dbaas_mongodb_reconnects_total 1', platform.get('/metrics').text.splitlines())

    def test_replicas_start_together_and_serve_each_others_writes(self):
        server = self.server()
        replicas = [self.platform(server.url()) for _ in range(3)]
        for replica in replicas:
            replica.wait()
        for number, replica in enumerate(replicas):
            self.assertEqual(replica.create_project(f'project-{number}').status, 201)
        for replica in replicas:
            for number in range(len(replicas)):
                wait_until(lambda: replica.get(f'/api/v1/projects/project-{number}').status == 200, 60, 'the write of a replica')
            self.assertEqual(replica.create_project('project-0').status, 409)

    def test_a_start_without_mongodb_fails_and_names_the_masked_url(self):
        url = 'mongodb://admin:pa55word@127.0.0.1:1/dbaas?serverSelectionTimeoutMS=200&appname=secret-option'
        platform = self.platform(url, DBAAS_START_TIMEOUT='0')
        self.assertEqual(platform.process.wait(60), 1)
        detail = platform.events('start_failed')[0]['detail']
        self.assertIn('mongodb://admin:***@127.0.0.1:1/dbaas', detail)
        with open(platform.log, encoding='utf-8') as file:
            log = file.read()
        self.assertNotIn('pa55word', log)
        self.assertNotIn('secret-option', log)

    def test_a_start_waits_for_mongodb(self):
        server = self.server()
        server.stop()
        platform = self.platform(server.url())
        wait_until(lambda: platform.events('mongodb_start_retry'), what='a second attempt')
        server.start()
        platform.wait()
        self.assertEqual(platform.create_project('shop').status, 201)
        self.assertFalse(platform.events('start_failed'))

    def test_sigterm_ends_a_start_that_waits_for_mongodb(self):
        server = self.server()
        server.stop()
        platform = self.platform(server.url(), DBAAS_START_TIMEOUT='600')
        wait_until(lambda: platform.events('mongodb_start_retry'), what='a second attempt')
        self.assert_ends(platform)

    def assert_ends(self, platform, step='open the store'):
        """Sends SIGTERM to a start that waits for MongoDB. Returns the log line at the end."""
        begun = time.monotonic()
        platform.process.terminate()
        self.assertEqual(platform.process.wait(60), 1)
        self.assertLess(time.monotonic() - begun, 10, 'the guard ends the process after 1 s; the timeouts of the URL are longer than 60 s')
        [stopping] = platform.events('stopping')
        self.assertEqual((stopping['signal'], stopping['start_step']), (signal.SIGTERM, step))
        [end_line] = platform.events('start_aborted') or platform.events('start_failed')
        return end_line

    def test_sigterm_ends_a_start_inside_the_search_for_a_server(self):
        """The server rejects connections, accepts them and sends nothing, or drops them."""
        silent = socket.create_server(('127.0.0.1', 0), backlog=16)
        self.addCleanup(silent.close)
        full = socket.create_server(('127.0.0.1', 0), backlog=0)
        self.addCleanup(full.close)
        waiting = []  # a full backlog drops the next ones
        for _ in range(4):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(full.getsockname())
            self.addCleanup(waiting[-1].close)
        for name, port in (('rejects', 1), ('is silent', silent.getsockname()[1]), ('drops', full.getsockname()[1])):
            with self.subTest(name):
                url = f'mongodb://127.0.0.1:{port}/dbaas?serverSelectionTimeoutMS=90000&connectTimeoutMS=90000&socketTimeoutMS=90000'
                platform = self.platform(url, DBAAS_START_TIMEOUT='600')
                wait_until(lambda: platform.events('auth_mode_selected'), what='the start')
                self.assertEqual(self.assert_ends(platform)['event'], 'start_aborted')
                self.assertEqual(platform.events('mongodb_start_retry'), [], 'the first attempt')

    def test_sigterm_ends_a_start_whose_reads_get_no_response(self):
        proxy = fault_proxy.FaultProxy(self.server().port, is_mongo=True)
        self.addCleanup(proxy.close)
        held = threading.Event()

        def hold():
            proxy.is_passing.clear()
            held.set()
        proxy.call_after('find', 'databases', hold)
        url = f'mongodb://127.0.0.1:{proxy.port}/dbaas?serverSelectionTimeoutMS=90000&connectTimeoutMS=90000&socketTimeoutMS=90000'
        platform = self.platform(url, DBAAS_START_TIMEOUT='600')
        self.assertTrue(held.wait(60))
        self.assertEqual(self.assert_ends(platform, 'load the records')['event'], 'start_aborted')

    def test_sigterm_closes_the_store(self):
        platform = self.platform(self.server().url()).wait()
        platform.process.terminate()
        self.assertEqual(platform.process.wait(60), 0)
        self.assertTrue(platform.events('stopped'))

    def test_the_url_can_be_in_a_file(self):
        server = self.server()
        path = os.path.join(self.folder, 'url')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(server.url('from_file') + '\n')
        platform = self.platform('', MONGODB_URL_FILE=path).wait()
        self.assertEqual(platform.events('mongodb_connected')[0]['database'], 'from_file')

    def test_a_changed_file_with_the_url_is_used_without_a_restart(self):
        """The file is behind a symbolic link to a folder, as in a mounted Secret. A URL that does not work changes nothing."""
        server = self.server()
        mount = os.path.join(self.folder, 'mount')
        os.mkdir(mount)

        def swap(number, url):
            folder = os.path.join(mount, f'..{number}')
            os.mkdir(folder)
            with open(os.path.join(folder, 'url'), 'w', encoding='utf-8') as file:
                file.write(url + '\n')
            os.symlink(folder, os.path.join(mount, '..next'))
            os.rename(os.path.join(mount, '..next'), os.path.join(mount, '..data'))
        swap(1, server.url())
        os.symlink('..data/url', os.path.join(mount, 'url'))
        platform = self.platform('', MONGODB_URL_FILE=os.path.join(mount, 'url')).wait()
        self.assertEqual(platform.create_project('first').status, 201)

        other = self.server()
        for number, url, text in ((2, 'mongodb://dbaas:s3cret@127.0.0.1:1/dbaas', ''), (3, server.url('another'), 'must name the database'),
                                  (4, other.url(), 'is not a store of the platform')):
            swap(number, url)
            wait_until(lambda text=text: text in (platform.events('secret_unusable') or [{'detail': '-'}])[-1]['detail'], 40, f'the rejection of URL {number}')
        self.assertEqual(platform.create_project('second').status, 201)
        self.assertEqual(platform.events('secret_changed'), [])

        swap(5, f'mongodb://localhost:{server.port}/dbaas?appName=rotated')
        wait_until(lambda: platform.events('secret_changed'), 30, 'the use of the new URL')
        self.assertIn('localhost', platform.events('mongodb_url_changed')[0]['address'])
        self.assertEqual(platform.create_project('third').status, 201)
        self.assertEqual({item['name'] for item in platform.get('/api/v1/projects').json['items']} & {'first', 'second', 'third'}, {'first', 'second', 'third'})
        with open(platform.log, encoding='utf-8') as file:
            self.assertNotIn('s3cret', file.read())

    def copy(self, source, target):
        return subprocess.run([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'admin', 'copy', '--from', source, '--to', target],
                              capture_output=True, text=True, timeout=60, check=False)

    def test_the_records_move_from_sqlite_to_mongodb_and_back(self):
        server = self.server()
        embedded = self.platform('').wait()
        for number in range(3):
            self.assertEqual(embedded.create_project(f'project-{number}').status, 201)
        original = [embedded.get(f'/api/v1/projects/project-{number}').text for number in range(3)]
        file = 'sqlite:' + os.path.join(embedded.folder, 'data/platform.db')
        rejected = self.copy(file, server.url())
        self.assertEqual(rejected.returncode, 1)
        self.assertIn('is locked by another process', rejected.stderr)
        end(embedded.process)

        url = os.path.join(self.folder, 'url')
        with open(url, 'w', encoding='utf-8') as out:
            out.write(server.url() + '\n')
        moved = self.copy(file, '@' + url)
        self.assertEqual(moved.returncode, 0, moved.stderr)
        self.assertRegex(moved.stdout, r'projects +\d documents')
        again = self.copy(file, '@' + url)
        self.assertEqual(again.returncode, 1)
        self.assertIn('use an empty database or a new file', again.stderr)
        key = os.path.join(os.path.dirname(file.removeprefix('sqlite:')), 'platform-key')  # it sealed keys in the store
        shared = self.platform(server.url(), PLATFORM_KEY_FILE=key).wait()
        self.assertEqual([shared.get(f'/api/v1/projects/project-{number}').text for number in range(3)], original)
        end(shared.process)

        folder = os.path.join(self.folder, 'back')
        os.mkdir(folder)
        back = self.copy('@' + url, f'sqlite:{folder}/platform.db')
        self.assertEqual(back.returncode, 0, back.stderr)
        shutil.copy(key, folder)
        restored = self.platform('', DBAAS_DATA_DIR=folder).wait()
        self.assertEqual([restored.get(f'/api/v1/projects/project-{number}').text for number in range(3)], original)

    def test_an_export_of_a_running_platform_restores_into_sqlite(self):
        server = self.server()
        running = self.platform(server.url()).wait()
        for number in range(3):
            self.assertEqual(running.create_project(f'project-{number}').status, 201)
        original = [running.get(f'/api/v1/projects/project-{number}').text for number in range(3)]
        program = [os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'admin']
        path = os.path.join(self.folder, 'store.export')
        exported = subprocess.run([*program, 'export', '--to', path], capture_output=True, text=True, timeout=60, check=False,
                                  env={'PATH': os.environ['PATH'], 'MONGODB_URL': server.url()})
        self.assertEqual(exported.returncode, 0, exported.stderr)
        folder = os.path.join(self.folder, 'imported')
        os.mkdir(folder)
        imported = subprocess.run([*program, 'import', '--from', path, '--store', f'sqlite:{folder}/platform.db'], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(imported.returncode, 0, imported.stderr)
        restored = self.platform('', DBAAS_DATA_DIR=folder).wait()
        self.assertEqual([restored.get(f'/api/v1/projects/project-{number}').text for number in range(3)], original)

    @unittest.skipUnless(shutil.which('openssl'), 'openssl is not installed')
    def test_the_options_of_the_url_select_tls(self):
        server = self.server()
        tls_proxy.make_certificates(self.folder)
        proxies = {needs_client: tls_proxy.TlsProxy(self.folder, server.port, needs_client) for needs_client in (False, True)}
        for proxy in proxies.values():
            self.addCleanup(proxy.close)

        def url(needs_client, *options, host='localhost'):
            return f'mongodb://{host}:{proxies[needs_client].port}/tls?' + '&'.join(('serverSelectionTimeoutMS=5000', *options))
        authority = f'tls=true&tlsCAFile={self.folder}/ca.pem'
        client = f'tlsCertificateKeyFile={self.folder}/client.pem'
        for accepted in (url(False, authority), url(True, authority, client)):
            platform = self.platform(accepted).wait()
            self.assertEqual(platform.store_state(), 'connected')
            platform.close()
        for rejected in (url(False, 'tls=true'), url(False), url(True, authority), url(False, authority, host='127.0.0.1')):
            platform = self.platform(rejected.replace('5000', '500'), DBAAS_START_TIMEOUT='0')
            self.assertEqual(platform.process.wait(60), 1, rejected)
            platform.close()

    def test_the_documented_metrics_are_the_exported_ones(self):
        platform = self.platform(self.server().url()).wait()
        self.assertEqual(platform.create_project('counted').status, 201)
        with open(os.path.join(mongo_server.ROOT, 'docs/metrics.md'), encoding='utf-8') as file:
            section = file.read().split('\n## With MongoDB\n')[1]
        documented = set(re.findall(r'^\| `(\w+)` \| (\w+) \|', section, re.M))
        page = platform.get('/metrics').text
        exported = set(re.findall(r'^# TYPE (dbaas_mongodb_\w+) (\w+)$', page, re.M))
        self.assertEqual(exported, documented)
        self.assertNotIn('dbaas_store_commit_duration_seconds', page)

    @unittest.skipUnless(shutil.which('redis-server'), 'redis-server is not installed')
    def test_a_database_survives_a_kill_of_the_platform(self):
        server = self.server()
        stack = Stack()
        self.addCleanup(stack.close)
        stack.start_cluster()
        stack.start_platform(MONGODB_URL=server.url())
        stack.wait_for_engine('redis')
        database = stack.created('cache')
        stack.wait_for(database, 'running')
        self.assertEqual(stack.patch(f'/api/v1/databases/{database}', {'labels': {'team': 'a'}}).status, 200)
        stack.kill_platform()
        stack.start_platform(MONGODB_URL=server.url())
        stack.wait_for(database, 'running')
        self.assertEqual(stack.get(f'/api/v1/databases/{database}').json['labels'], {'team': 'a'})
        self.assertEqual(stack.create('cache').status, 409)
        self.assertEqual(stack.delete(f'/api/v1/databases/{database}').status, 202)
        wait_until(lambda: stack.get(f'/api/v1/databases/{database}').status == 404, what='the deletion')
        self.assertFalse(os.path.exists(os.path.join(stack.folder, 'platform/platform.db')))


if __name__ == '__main__':
    unittest.main(verbosity=2)
