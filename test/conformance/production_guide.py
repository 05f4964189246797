"""The commands of docs/production.md, as printed, with kubectl and Helm against a real API server and a real log."""

import base64
import os
import re
import signal
import subprocess
import tempfile
import unittest

import definitions
import kit
import shared
from cluster import RealCluster
from process import end, spawn
from shared import ROOT
from stack import Stack, wait_until

# First lines of the blocks that need nodes, images or a registry.
NOT_RUN = {'docker build -t your-registry/kubedb-dbaas:latest .', 'kubectl -n dbaas-system rollout status deployment/dbaas-api',
           'dbaas admin images --registry registry.example.com/mirror --image your-registry/kubedb-dbaas:1.0.0 | while read -r from to; do'}
IN_POD = 'kubectl -n dbaas-system exec deployment/dbaas-api -- /usr/bin/dbaas'
ACCOUNT = '/api/v1/namespaces/dbaas-system/serviceaccounts/dbaas'


def blocks():
    """Returns the mark and the text of each block of the guide."""
    with open(os.path.join(ROOT, 'docs/production.md'), encoding='utf-8') as file:
        return re.findall(r'^```sh ?([a-z ]*)\n(.*?)^```$', file.read(), re.M | re.S)


class ProductionGuide(unittest.TestCase):
    """Has a separate cluster, because the guide installs and deletes the platform."""

    @classmethod
    def setUpClass(cls):
        cls.real = RealCluster(shared.how.programs)
        cls.addClassCleanup(cls.real.close)
        cls.real.start()
        own = definitions.own()
        cls.real.apply_definitions(own, own)

    def command(self, text, **variables):
        """Returns the output of the block. Runs it again if kubectl restarted the Deployment less than a second ago."""
        def ended():
            done = self.run_block(text, **variables)
            return None if 'restart has already been triggered within the past second' in done.stderr else done
        done = wait_until(ended, 20, text)
        self.assertEqual(done.returncode, 0, f'{text}\n{done.stdout}{done.stderr}')
        return done.stdout

    def run_block(self, text, **variables):
        return subprocess.run(['bash', '-euo', 'pipefail', '-c', text], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120, env={
            'PATH': os.pathsep.join((shared.how.programs, os.environ['DBAAS_BIN'], os.environ['PATH'])), 'HOME': self.real.folder, 'KUBECONFIG': self.real.kubeconfig('client'), **variables})

    def test_the_commands_succeed_as_printed(self):
        run = [(mark.removeprefix('run').strip(), text) for mark, text in blocks() if mark.startswith('run') or mark == 'exec']
        self.assertEqual({mark for mark, _ in run}, {'', 'exec', 'helm', 'monitoring', 'sqlite'})
        removal = run[-1][1]
        for mark, text in run:
            with self.subTest(text.split('\n', maxsplit=1)[0]):
                text = text.replace('docker run --rm your-registry/kubedb-dbaas:latest', os.path.join(os.environ['DBAAS_BIN'], 'dbaas'))
                if mark == 'exec':
                    listen = self.platform_of_the_account().removeprefix('http://')
                    self.assertTrue(text.startswith(IN_POD), text)
                    self.command(text.replace(IN_POD, 'dbaas'), DBAAS_LISTEN=listen)
                    continue
                if 'http://127.0.0.1:8000' in text:
                    text = text.replace('http://127.0.0.1:8000', self.platform_of_the_account())
                if mark == 'helm':  # "instead": Helm does not take over the objects of kubectl
                    self.command(removal)
                if mark == 'monitoring':
                    self.real.apply_definitions(kit.further_definitions(), ())
                self.command(text)
                if mark == 'helm':
                    self.command('kubectl apply -k k8s')

    def test_each_block_is_run_or_needs_more_than_an_api_server(self):
        self.assertEqual({text.split('\n', maxsplit=1)[0] for mark, text in blocks() if not mark}, NOT_RUN)
        self.assertLessEqual({mark.split(' ')[0] for mark, _ in blocks()}, {'', 'exec', 'log', 'run'})

    def platform_of_the_account(self):
        """Starts a platform with the ServiceAccount and the admin key that the guide created. Returns its URL."""
        secret = self.real.ask('GET', '/api/v1/namespaces/dbaas-system/secrets/dbaas-secrets').json
        key = self.real.write('admin-key', base64.b64decode(secret['data']['admin-key']).decode())
        token = self.real.ask('POST', ACCOUNT + '/token', {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenRequest', 'spec': {'expirationSeconds': 3600}})
        self.assertEqual(token.status, 201, token.text)
        stack = Stack(self.real.kubeconfig('dbaas', token.json['status']['token']))
        self.addCleanup(stack.close)
        stack.start_platform(DBAAS_AUTH='required', DBAAS_ADMIN_KEY_FILE=key)
        self.assertEqual(stack.get('/api/v1/engines').status, 401)
        return stack.base

    def test_each_grep_finds_its_line_in_a_log_with_that_error(self):
        with tempfile.TemporaryDirectory() as folder:
            log = os.path.join(folder, 'log')
            self.write_log(log, folder)
            found = [line for mark, text in blocks() if mark == 'log' for line in text.splitlines()]
            self.assertGreater(len(found), 8)
            for line in found:
                with self.subTest(line):
                    self.assertNotEqual(self.command(line, L=f'cat {log}'), '')

    def write_log(self, path, folder):
        """Lets platforms fail in each way that the guide names, with one log."""
        stack = Stack()
        self.addCleanup(stack.close)
        stack.start()
        database = stack.created('watched')
        stack.wait_for(database, 'running')
        wait_until(lambda: stack.get(f'/api/v1/databases/{database}/metrics').json['status'] == 'fresh', what='metrics')
        stack.cluster.kill()
        stack.cluster.wait()
        self.assertEqual(stack.get(f'/api/v1/databases/{database}/credentials').status, 503)
        wait_until(lambda: 'scrape_failed' in stack.log_tail('platform.log', 1000), what='a failed scrape')
        stack.platform.send_signal(signal.SIGTERM)
        self.assertEqual(stack.platform.wait(30), 0)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(stack.log_tail('platform.log', 10_000))
        self.start_until(path, folder, 'invalid options', DBAAS_DRAIN_DELAY='500')
        self.start_until(path, folder, 'start_failed', DBAAS_START_TIMEOUT='0',
                         MONGODB_URL='mongodb://127.0.0.1:1/dbaas?serverSelectionTimeoutMS=500')
        self.start_until(path, folder, 'redis_connect_failed', REDIS_URL='redis://127.0.0.1:1')
        self.start_until(path, folder, 'is forbidden')

    def start_until(self, path, folder, expected, **variables):
        """Runs a platform without permissions until its log contains the text."""
        offset = os.path.getsize(path)
        with open(path, 'ab') as out:
            process = spawn([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'serve', '--listen', '127.0.0.1:0', '--log-format', 'json', '--kubeconfig',
                             self.real.kubeconfig('plain', 'plain'), '--data-dir', os.path.join(folder, 'data')],
                            stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={'PATH': os.environ['PATH'], **variables})

        def has_text():
            with open(path, encoding='utf-8') as file:
                file.seek(offset)
                return expected in file.read()
        try:
            wait_until(has_text, 30, expected)
        finally:
            end(process)
