#!/usr/bin/env python3
"""`dbaas serve` from outside, without a cluster: its address rejects every connection."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

from process import end, spawn
from rest import exchange
from stack import wait_until

KUBECONFIG = """apiVersion: v1
kind: Config
current-context: a
contexts: [{name: a, context: {cluster: a, user: a}}]
clusters: [{name: a, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: a, user: {}}]
"""


class Serve(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        kubeconfig = os.path.join(self.folder, 'kubeconfig')
        with open(kubeconfig, 'w', encoding='utf-8') as file:
            file.write(KUBECONFIG)
        self.config = os.path.join(self.folder, 'config.yaml')
        self.configure('log-level: info')
        self.log = os.path.join(self.folder, 'log')
        with open(self.log, 'wb') as out:
            self.process = spawn([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'serve', '--listen', '127.0.0.1:0',
                                  '--kubeconfig', kubeconfig, '--data-dir', os.path.join(self.folder, 'data'),
                                  '--log-format', 'json', '--config', self.config], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                 env={'PATH': os.environ['PATH']})
        self.addCleanup(end, self.process)
        wait_until(lambda: self.events('serving'), what='the platform')

    def configure(self, text):
        with open(self.config, 'w', encoding='utf-8') as file:
            file.write(text + '\n')

    def health(self, *flags):
        return subprocess.run([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'health', *flags], capture_output=True, text=True,
                              check=False, timeout=60, env={'PATH': os.environ['PATH']})

    def test_health_reports_the_state_by_its_exit_code(self):
        base = self.events('serving')[0]['address']
        self.assertEqual(self.health('--url', base, '--live').returncode, 0)
        ready = self.health('--url', base, '--json')  # the cluster of this platform rejects every connection
        response = json.loads(ready.stdout)
        self.assertEqual((ready.returncode, response['healthy']), (0, True) if response['status'] == 200 else (1, False))
        self.assertIn('database', response['response'])
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        ended = self.health('--url', base)
        self.assertEqual((ended.returncode, ended.stdout), (3, ''), ended.stderr)
        self.assertEqual(self.health('--fast').returncode, 2)
        self.assertEqual(self.health('--help').returncode, 0)

    def reload(self):
        """Sends SIGHUP and returns the log line of the options."""
        count = len(self.reloads_of_options())
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(self.reloads_of_options()) > count, what='the reload')
        return self.reloads_of_options()[-1]

    def reloads_of_options(self):
        return [line for line in self.events('reload') if line['name'] == 'options']

    def events(self, name):
        with open(self.log, encoding='utf-8') as file:
            lines = [json.loads(line) for line in file if line.endswith('}\n')]
        return [line for line in lines if line['event'] == name]

    def test_sighup_puts_options_of_the_file_into_use(self):
        self.configure('log-level: debug\nhttp-threads: 3')
        self.assertEqual(self.reload()['result'], 'ok')
        self.assertEqual([line['options'] for line in self.events('options_changed')], ['LOG_LEVEL'])
        self.assertEqual([line['options'] for line in self.events('options_need_a_restart')], ['DBAAS_HTTP_THREADS'])
        self.configure('log-level: loud')
        broken = self.reload()
        self.assertEqual(broken['result'], 'invalid')
        self.assertIn('LOG_LEVEL', broken['detail'])
        self.configure('log-level: warning\nhttp-threads: 3')
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(self.events('options_need_a_restart')) > 1, what='the last reload')
        self.assertEqual(len(self.events('options_changed')), 1)  # the level hides later ones

    def test_a_client_changes_the_log_levels_until_they_expire(self):
        def change(body):
            return exchange('PUT', self.events('serving')[0]['address'] + '/api/v1/platform/log-level', body)
        rejected = change({'log_level': 'info,kubernetes=debug'})
        self.assertEqual((rejected.status, rejected.json['errors'][0]['pointer']), (422, '/log_level'), rejected.text)
        self.assertFalse(self.events('kubernetes_request'))
        changed = change({'log_level': 'info,kube=debug'})
        self.assertEqual((changed.status, changed.json['log_level'], changed.json['scope']), (200, 'info,kube=debug', 'replica'), changed.text)
        wait_until(lambda: self.events('kubernetes_request'), what='a line of the module')
        self.assertEqual(change({'log_level': 'info,kube=debug', 'duration': 1}).status, 200)
        wait_until(lambda: self.events('log_level_restored'), what='the expiry')
        current = exchange('GET', self.events('serving')[0]['address'] + '/api/v1/platform/log-level')
        self.assertEqual((current.json['log_level'], current.json['expires_at']), ('info', None), current.text)

    def test_sighup_reloads_and_continues(self):
        for count in (1, 2):
            self.process.send_signal(signal.SIGHUP)
            wait_until(lambda: len(self.events('reload')) >= count or self.process.poll() is not None, what='the reload')
            self.assertIsNone(self.process.poll())
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(60), 0)
        self.assertTrue(self.events('stopped'))


if __name__ == '__main__':
    unittest.main(verbosity=2)
