#!/usr/bin/env python3
"""Tests of the command line of dbaas-devcluster. They run the examples of its README."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from stack import request, wait_until  # noqa: E402

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../devcluster/synthetic/README.md')
PROGRAM = os.path.join(os.environ['DBAAS_BIN'], 'dbaas-devcluster')


class Cluster:
    """A process of dbaas-devcluster with a kubeconfig."""

    def __init__(self, folder, *arguments):
        self.kubeconfig = os.path.join(folder, 'kubeconfig')
        self.log_path = os.path.join(folder, 'log')
        with open(self.log_path, 'wb') as log:
            self.process = subprocess.Popen([PROGRAM, *arguments, '--kubeconfig', self.kubeconfig], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env={**os.environ, 'TMPDIR': folder})
        wait_until(lambda: self.process.poll() is not None or os.path.exists(self.kubeconfig), what='a kubeconfig or the end')

    def serving(self):
        """Returns the event with the address. The log may follow the kubeconfig, since another thread writes it."""
        def find():
            with open(self.log_path, encoding='utf-8') as file:
                return next((json.loads(line) for line in file if '"event":"serving"' in line and line.endswith('\n')), None)
        return wait_until(find, what='the event "serving"')

    def request(self, method, path, body=None):
        with open(self.kubeconfig, encoding='utf-8') as file:
            text = file.read()
        token = re.search(r"token: '(.*?)'", text)[1]
        server = re.search(r"server: '(.*?)'", text)[1]
        return request(method, server + path, body, {'Authorization': 'Bearer ' + token})

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def start(self, *arguments):
        cluster = Cluster(self.folder, *arguments)
        self.addCleanup(cluster.end)
        return cluster

    def run_program(self, *arguments):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)

    def test_simulated_databases_need_one_flag_and_leave_no_files(self):
        cluster = self.start('--synthetic', '10000')
        data = cluster.serving()['data']
        self.assertTrue(data.startswith(self.folder), data)
        self.assertTrue(os.path.exists(os.path.join(data, 'lock')))
        self.assertEqual(cluster.request('GET', '/apis/catalog.kubedb.com/v1alpha1/redisversions').status, 200)
        self.assertEqual(cluster.request('GET', '/devcluster/stats').json['simulator']['databases'], 0)
        self.assertEqual(cluster.end(), 0)
        self.assertFalse(os.path.exists(data))

    def test_keeps_a_data_folder_that_was_given(self):
        data = os.path.join(self.folder, 'kept')
        cluster = self.start('serve', '--data', data, '--no-operator')
        self.assertEqual(cluster.end(), 0)
        self.assertTrue(os.path.exists(os.path.join(data, 'token')))

    def test_accepts_the_documented_faults(self):
        cluster = self.start('--synthetic', '10')
        with open(README, encoding='utf-8') as file:
            examples = re.findall(r"^faults '(.*)'$", file.read(), re.MULTILINE)
        self.assertGreaterEqual(len(examples), 10)
        for example in examples:
            response = cluster.request('POST', '/devcluster/faults', json.loads(example))
            self.assertEqual(response.status, 200, f'{example}: {response.text}')
        response = cluster.request('POST', '/devcluster/faults', {'scrapes': {'haunted': 1}})
        self.assertEqual(response.status, 400)
        self.assertIn('haunted', response.text)

    def test_names_a_port_that_is_in_use(self):
        first = self.start('--no-operator')
        port = first.serving()['address'].rsplit(':', 1)[1]
        second = self.run_program('--no-operator', '--data', os.path.join(self.folder, 'second'), '--port', port)
        self.assertEqual(second.returncode, 2, second.stderr)
        self.assertIn(f'127.0.0.1:{port}', second.stderr)
        self.assertIn('in use', second.stderr)

    def test_exits_with_2_and_names_the_mistake(self):
        for arguments, text in ((('--synthetic', 'many'), '--synthetic'), (('--nonsense', '1'), '--nonsense'), (('--data',), '--data'),
                            (('operate',), '--data'), (('dance',), 'usage'), ((), 'usage')):
            result = self.run_program(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn(text, result.stderr)
        for arguments in (('--help',), ('serve', '--help'), ('help',)):
            result = self.run_program(*arguments)
            self.assertEqual(result.returncode, 0)
            self.assertIn('--synthetic N', result.stdout)


if __name__ == '__main__':
    unittest.main()
