#!/usr/bin/env python3
"""The local cluster's command line from outside: what its README shows is what these tests run."""

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

    def __init__(self, folder, *words):
        self.kubeconfig = os.path.join(folder, 'kubeconfig')
        self.log_path = os.path.join(folder, 'log')
        with open(self.log_path, 'wb') as log:
            self.process = subprocess.Popen([PROGRAM, *words, '--kubeconfig', self.kubeconfig], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env={**os.environ, 'TMPDIR': folder})
        wait_until(lambda: self.process.poll() is not None or os.path.exists(self.kubeconfig), what='a kubeconfig or the end')

    def serving(self):
        """The event that says where it is; the log's own thread may write it after the kubeconfig is there."""
        def find():
            with open(self.log_path, encoding='utf-8') as file:
                return next((json.loads(line) for line in file if '"event":"serving"' in line and line.endswith('\n')), None)
        return wait_until(find, what='the event "serving"')

    def ask(self, method, path, body=None):
        with open(self.kubeconfig, encoding='utf-8') as file:
            text = file.read()
        token = re.search(r"token: '(.*?)'", text)[1]
        server = re.search(r"server: '(.*?)'", text)[1]
        return request(method, server + path, body, {'Authorization': 'Bearer ' + token})

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def start(self, *words):
        made = Cluster(self.folder, *words)
        self.addCleanup(made.end)
        return made

    def block_on(self, *words):
        return subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)

    def test_played_databases_need_one_flag_and_leave_nothing(self):
        cluster = self.start('--synthetic', '10000')
        data = cluster.serving()['data']
        self.assertTrue(data.startswith(self.folder), data)
        self.assertTrue(os.path.exists(os.path.join(data, 'lock')))
        self.assertEqual(cluster.ask('GET', '/apis/catalog.kubedb.com/v1alpha1/redisversions').status, 200)
        self.assertEqual(cluster.ask('GET', '/devcluster/stats').json['simulator']['databases'], 0)
        self.assertEqual(cluster.end(), 0)
        self.assertFalse(os.path.exists(data))

    def test_a_folder_that_was_named_is_kept(self):
        data = os.path.join(self.folder, 'kept')
        cluster = self.start('serve', '--data', data, '--no-operator')
        self.assertEqual(cluster.end(), 0)
        self.assertTrue(os.path.exists(os.path.join(data, 'token')))

    def test_the_switches_for_trouble_are_as_documented(self):
        cluster = self.start('--synthetic', '10')
        with open(README, encoding='utf-8') as file:
            shown = re.findall(r"^faults '(.*)'$", file.read(), re.MULTILINE)
        self.assertGreaterEqual(len(shown), 10)
        for each in shown:
            answer = cluster.ask('POST', '/devcluster/faults', json.loads(each))
            self.assertEqual(answer.status, 200, f'{each}: {answer.text}')
        answer = cluster.ask('POST', '/devcluster/faults', {'scrapes': {'haunted': 1}})
        self.assertEqual(answer.status, 400)
        self.assertIn('haunted', answer.text)

    def test_a_port_in_use_is_named(self):
        first = self.start('--no-operator')
        port = first.serving()['address'].rsplit(':', 1)[1]
        second = self.block_on('--no-operator', '--data', os.path.join(self.folder, 'second'), '--port', port)
        self.assertEqual(second.returncode, 2, second.stderr)
        self.assertIn(f'127.0.0.1:{port}', second.stderr)
        self.assertIn('in use', second.stderr)

    def test_mistakes_end_with_2_and_a_word(self):
        for words, word in ((('--synthetic', 'many'), '--synthetic'), (('--nonsense', '1'), '--nonsense'), (('--data',), '--data'),
                            (('operate',), '--data'), (('dance',), 'usage'), ((), 'usage')):
            done = self.block_on(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(word, done.stderr)
        for words in (('--help',), ('serve', '--help'), ('help',)):
            done = self.block_on(*words)
            self.assertEqual(done.returncode, 0)
            self.assertIn('--synthetic N', done.stdout)


if __name__ == '__main__':
    unittest.main()
