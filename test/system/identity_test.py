#!/usr/bin/env python3
"""`dbaas serve --auth required` from outside, without a cluster: the first key, restarts, and secrets."""

import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import unittest

from process import end, spawn
from rest import exchange
from serve_test import KUBECONFIG
from stack import wait_until


class Identity(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.kubeconfig = os.path.join(self.folder, 'kubeconfig')
        with open(self.kubeconfig, 'w', encoding='utf-8') as file:
            file.write(KUBECONFIG)
        self.data = os.path.join(self.folder, 'data')
        self.key_file = os.path.join(self.data, 'admin-key')
        self.log = os.path.join(self.folder, 'log')
        self.process = None

    def start(self, *flags):
        offset = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        with open(self.log, 'ab') as out:
            self.process = spawn([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'serve', '--listen', '127.0.0.1:0', '--auth',
                                  'required', '--kubeconfig', self.kubeconfig, '--data-dir', self.data, '--log-format', 'json',
                                  *flags], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={'PATH': os.environ['PATH']})
        self.addCleanup(end, self.process)
        process = self.process

        def address():
            if process.poll() is not None:
                return 'exited'
            with open(self.log, encoding='utf-8') as file:
                file.seek(offset)
                lines = [json.loads(line) for line in file if line.endswith('}\n')]
            return next((line['address'] for line in lines if line['event'] == 'serving'), None)

        self.base = wait_until(address, what='the platform')

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def request(self, method, path, key=None, body=None):
        return exchange(method, self.base + path, body, {'Authorization': 'Bearer ' + key} if key else {})

    def admin_key(self, path=None):
        with open(path or self.key_file, encoding='utf-8') as file:
            return file.read().strip()

    def create_key(self, admin, **members):
        response = self.request('POST', '/api/v1/api-keys', admin, {'name': 'ci', **members})
        self.assertEqual(response.status, 201, response.text)
        return response.json['key'], response.json['api_key']['id']

    def test_keys_survive_kill_and_revocation_does_too(self):
        self.start()
        self.assertEqual(stat.S_IMODE(os.stat(self.key_file).st_mode), 0o600)
        admin = self.admin_key()
        self.assertEqual(self.request('GET', '/api/v1/databases').status, 401)
        self.assertEqual(self.request('GET', '/health/live').status, 200)
        self.assertEqual(self.request('GET', '/api/v1/databases', admin).status, 200)
        limited, _ = self.create_key(admin, permissions=['databases.create'], projects=['default'])
        revoked, revoked_id = self.create_key(admin)
        self.assertEqual(self.request('DELETE', '/api/v1/api-keys/' + revoked_id, admin).status, 204)
        self.kill()
        self.start()
        self.assertEqual(self.request('GET', '/api/v1/databases', admin).status, 200)
        self.assertEqual(self.request('GET', '/api/v1/databases', limited).status, 403)
        response = self.request('GET', '/api/v1/databases', revoked)
        self.assertEqual((response.status, response.json['detail']), (401, 'the API key is revoked'))
        self.kill()
        self.assert_secrets_are_not_written([admin, limited, revoked])

    def assert_secrets_are_not_written(self, keys):
        """Searches the log and every file of the store, except the file of the first key."""
        paths = [self.log] + [os.path.join(folder, name) for folder, _, names in os.walk(self.data) for name in names]
        self.assertGreater(len(paths), 2)
        for path in paths:
            if path == self.key_file:
                continue
            with open(path, 'rb') as file:
                content = file.read()
            for key in keys:
                self.assertNotIn(key.rsplit('_', 1)[1].encode(), content, path)

    def test_a_deleted_file_is_not_made_again_and_a_revoked_key_stays_revoked(self):
        self.start()
        first = self.admin_key()
        own, _ = self.create_key(first)
        first_id = first.split('_')[1]
        self.assertEqual(self.request('DELETE', '/api/v1/api-keys/' + first_id, own).status, 204)
        end(self.process)
        self.start()  # the file is still there
        self.assertEqual(self.request('GET', '/api/v1/databases', first).status, 401)
        self.assertEqual(self.request('GET', '/api/v1/databases', own).status, 200)
        end(self.process)
        os.unlink(self.key_file)
        self.start()
        self.assertFalse(os.path.exists(self.key_file))
        end(self.process)
        named = os.path.join(self.folder, 'new-key')
        self.start('--admin-key-file', named)  # for an administrator who has lost every key
        self.assertEqual(self.request('GET', '/api/v1/databases', self.admin_key(named)).status, 200)

    def test_an_invalid_file_stops_the_start_without_its_content(self):
        named = os.path.join(self.folder, 'key')
        with open(named, 'w', encoding='utf-8') as file:
            file.write('dbk_s3cret\n')
        self.start('--admin-key-file', named)
        self.assertEqual(self.process.wait(30), 1)
        with open(self.log, encoding='utf-8') as file:
            text = file.read()
        self.assertIn('admin key: the text is not an API key', text)
        self.assertNotIn('s3cret', text)


if __name__ == '__main__':
    unittest.main(verbosity=2)
