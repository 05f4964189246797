#!/usr/bin/env python3
"""The commands that operators run next to a platform: 'dbaas report' and 'dbaas admin images'. With real Redis processes."""

import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from process import run  # noqa: E402
from stack import Stack, wait_until  # noqa: E402


def dbaas(*words, **variables):
    return subprocess.run([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), *words], capture_output=True, text=True, check=False, timeout=60,
                          env={'PATH': os.environ['PATH'], **variables})


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.addClassCleanup(cls.stack.close)
        cls.stack.start_cluster()
        cls.stack.start_platform(DBAAS_AUTH='required', DBAAS_ADMIN_KEY_FILE=os.path.join(cls.stack.folder, 'key'))
        with open(os.path.join(cls.stack.folder, 'key'), encoding='utf-8') as file:
            cls.key = file.read().strip()
        cls.headers = {'Authorization': 'Bearer ' + cls.key}

    def report(self, *flags):
        """With thresholds that the commands of the local operator stay below."""
        done = dbaas('report', 'cost', '--url', self.stack.base, '--api-key-file', os.path.join(self.stack.folder, 'key'),
                     '--idle-connections', '100', '--idle-operations', '1000', *flags)
        self.assertNotIn(self.key, done.stdout + done.stderr)
        return done

    def test_an_unused_database_is_unknown_until_the_history_covers_half_of_the_window(self):
        stack = self.stack
        wait_until(lambda: any(entry['engine'] == 'redis' and entry['installed']
                               for entry in stack.get('/api/v1/engines', headers=self.headers).json['items']), what='redis in the catalogue')
        made = stack.post('/api/v1/databases', {'project': 'default', 'name': 'unused', 'engine': 'redis', 'size': 'micro', 'storage': {'size': '1Gi'}},
                          headers=self.headers)
        self.assertEqual(made.status, 202, made.text)

        def reported():
            done = self.report('--json')
            self.assertEqual(done.returncode, 0, done.stderr)
            entry = json.loads(done.stdout)['databases'][0]
            is_known = entry['operations_per_second']['peak'] is not None and entry['used']['cpu_cores'] is not None
            return entry['phase'] == 'running' and is_known and entry
        entry = wait_until(reported, what='a history')
        self.assertEqual((entry['name'], entry['activity'], entry['requested']['storage_bytes']), ('unused', 'unknown', 1024 ** 3))
        self.assertGreater(entry['used']['memory_bytes'], 0)
        self.assertEqual(entry['used']['cpu_source'], 'exporter')
        active = json.loads(self.report('--json', '--idle-connections', '0').stdout)['databases'][0]
        self.assertEqual(active['activity'], 'active')
        text = self.report('--price-cpu=20', '--project', 'default')
        self.assertEqual(text.returncode, 0, text.stderr)
        self.assertIn('0 of 1 databases were idle for 24 h', text.stdout)
        self.assertIn('COST/MONTH', text.stdout)

    def test_the_images_of_the_cluster_with_their_names_in_a_registry(self):
        cluster = ('--kubeconfig', self.stack.kubeconfig)
        wait_until(lambda: 'process' in dbaas('admin', 'images', *cluster).stdout.split(), what='the catalogue')
        done = dbaas('admin', 'images', *cluster, '--engine', 'redis', '--image=own/dbaas:1', '--registry', 'registry.example.com/mirror/')
        self.assertEqual((done.returncode, done.stdout), (0, 'own/dbaas:1 registry.example.com/mirror/own/dbaas:1\n'
                                                             'process registry.example.com/mirror/process\n'), done.stderr)
        self.assertEqual(dbaas('admin', 'images', '--engine', 'nothing').returncode, 2)
        self.assertEqual(dbaas('admin', 'images', '--kubeconfig', '/no/file').returncode, 1)

    def test_libmongoc_writes_nothing_to_the_log_and_leaves_no_shared_memory(self):
        """A killed process with the same pid has left the name of the counters, as in a container that restarts."""
        script = 'touch /dev/shm/mongoc-$$ && echo $$ && exec "$0" --version'
        done = subprocess.run(['sh', '-c', script, os.path.join(os.environ['DBAAS_BIN'], 'dbaas')], capture_output=True, text=True, check=True, timeout=60)
        pid, version = done.stdout.splitlines()[:2]
        self.assertEqual((done.stderr, version.split()[0]), ('', 'dbaas'))
        self.assertFalse(os.path.exists('/dev/shm/mongoc-' + pid))

    def test_a_rejected_key_and_an_absent_platform_have_their_exit_codes(self):
        path = os.path.join(self.stack.folder, 'other')
        with open(path, 'w', encoding='utf-8') as file:
            file.write('dbk_hidden_value')
        done = dbaas('report', 'cost', '--url', self.stack.base, '--api-key-file', path)
        self.assertEqual((done.returncode, done.stdout), (1, ''))
        self.assertIn('status 401', done.stderr)
        self.assertNotIn('hidden', done.stderr)
        done = dbaas('report', 'cost', '--url', 'http://127.0.0.1:1')
        self.assertEqual((done.returncode, done.stdout), (3, ''))
        for words in (('report',), ('report', 'cost', '--fast'), ('report', 'cost', '--api-key-file', '/no/file')):
            self.assertEqual(dbaas(*words).returncode, 2, words)
        self.assertEqual(dbaas('report', '--help').returncode, 0)


if __name__ == '__main__':
    run(unittest.main)
