#!/usr/bin/env python3
"""`dbaas serve` with secrets in files that change like mounted Secrets of Kubernetes: by swapping a symbolic link."""

import base64
import json
import os
import shutil
import signal
import tempfile
import unittest

from process import end, spawn
from sentry_test import Recorder
from serve_test import KUBECONFIG
from stack import request, wait_until

PASSWORD = 'correct horse battery'
OLD, NEW = 'first-secret-' + 'a' * 32, 'second-secret-' + 'b' * 32


class Secrets(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.recorders = [Recorder(), Recorder()]
        for recorder in self.recorders:
            self.addCleanup(recorder.close)
        self.contents = {'jwt': OLD, 'previous': OLD, 'dsn': self.dsn(0), 'key': 'ab' * 32, 'issuers': self.issuers('corp')}
        self.versions = 0
        self.mount()
        kubeconfig = os.path.join(self.folder, 'kubeconfig')
        with open(kubeconfig, 'w', encoding='utf-8') as file:
            file.write(KUBECONFIG)
        self.log = os.path.join(self.folder, 'log')
        with open(self.log, 'wb') as out:
            self.process = spawn([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'serve', '--listen', '127.0.0.1:0', '--kubeconfig', kubeconfig,
                                  '--data-dir', os.path.join(self.folder, 'data'), '--log-format', 'json', '--auth', 'required'], stdout=out, stderr=out,
                                 env={'PATH': os.environ['PATH'], 'BOOTSTRAP_ADMIN_PASSWORD': PASSWORD, 'JWT_SECRET_FILE': self.at('jwt'),
                                      'JWT_SECRET_PREVIOUS_FILE': self.at('previous'), 'SENTRY_DSN_FILE': self.at('dsn'), 'PLATFORM_KEY_FILE': self.at('key'),
                                      'OIDC_ISSUERS_FILE': self.at('issuers'), 'DBAAS_PUBLIC_URL': 'http://127.0.0.1:9'})
        self.addCleanup(end, self.process)
        wait_until(lambda: self.events('serving'), what='the platform')
        self.base = self.events('serving')[0]['address']

    def dsn(self, index):
        return f'http://k3y@127.0.0.1:{self.recorders[index].server_port}/42'

    @staticmethod
    def issuers(*names):
        return json.dumps({'issuers': [{'name': name, 'issuer': f'http://127.0.0.1:9/{name}', 'client_id': 'dbaas'} for name in names]})

    def at(self, name):
        return os.path.join(self.folder, 'secrets', name)

    def mount(self, **changes):
        """Writes all files into a new folder and swaps the link, as the kubelet does. Sends SIGHUP to a running platform."""
        self.contents.update(changes)
        self.versions += 1
        version = os.path.join(self.folder, f'version{self.versions}')
        os.mkdir(version)
        for name, content in self.contents.items():
            with open(os.path.join(version, name), 'w', encoding='utf-8') as file:
                file.write(content + '\n')
        os.symlink(version, self.at('')[:-1] + '.new')
        os.rename(self.at('')[:-1] + '.new', self.at('')[:-1])
        if self.versions > 1:
            self.process.send_signal(signal.SIGHUP)

    def events(self, name, **members):
        with open(self.log, encoding='utf-8') as file:
            lines = [json.loads(line) for line in file if line.endswith('}\n')]
        return [line for line in lines if line['event'] == name and members.items() <= line.items()]

    def wait_for(self, name, option):
        wait_until(lambda: self.events(name, option=option), what=f'{name} {option}')
        return self.events(name, option=option)

    def log_in(self):
        response = request('POST', self.base + '/api/v1/auth/login', {'username': 'admin', 'password': PASSWORD})
        self.assertEqual(response.status, 200, response.text)
        return response.json['access_token']

    def status(self, token):
        return request('GET', self.base + '/api/v1/engines', headers={'Authorization': 'Bearer ' + token}).status

    def log_has_no_secret(self):
        with open(self.log, encoding='utf-8') as file:
            text = file.read()
        for secret in (OLD, NEW, 'k3y', 'short-secret', 'ab' * 32, 'cd' * 32):
            self.assertNotIn(secret, text)

    def test_a_changed_jwt_secret_signs_and_the_one_before_verifies(self):
        before = self.log_in()
        self.mount(jwt=NEW)
        self.wait_for('secret_changed', 'jwt-secret-file')
        after = self.log_in()
        header = [json.loads(base64.urlsafe_b64decode(token.split('.')[0] + '==')) for token in (before, after)]
        self.assertNotEqual(header[0]['kid'], header[1]['kid'])
        self.assertEqual((self.status(before), self.status(after)), (200, 200))
        self.mount(jwt='short-secret')
        self.wait_for('secret_unusable', 'jwt-secret-file')
        self.assertEqual((self.status(after), self.status(self.log_in())), (200, 200))
        self.log_has_no_secret()

    def test_reports_go_to_the_new_dsn_after_a_change(self):
        self.mount(dsn=self.dsn(1))
        self.wait_for('secret_changed', 'sentry-dsn-file')
        self.mount(jwt='short-secret')  # the reload of the options fails, which is an error
        wait_until(lambda: self.recorders[1].received, what='a report to the second server')
        self.mount(dsn='https://no-key/1')
        self.wait_for('secret_unusable', 'sentry-dsn-file')
        self.log_has_no_secret()

    def test_a_changed_platform_key_is_reported_and_not_used(self):
        self.mount(key='cd' * 32)
        line = self.wait_for('secret_unusable', 'platform-key-file')[0]
        self.assertIn('platform-key-previous', line['detail'])
        self.mount(jwt=NEW)  # the others still change
        self.wait_for('secret_changed', 'jwt-secret-file')
        self.log_has_no_secret()

    def listed_issuers(self):
        return [issuer['name'] for issuer in request('GET', self.base + '/api/v1/auth/methods').json['issuers']]

    def test_changed_issuers_are_used_and_a_bad_file_keeps_the_last_good_one(self):
        self.assertEqual(self.listed_issuers(), ['corp'])
        self.mount(issuers=self.issuers('corp', 'partner'))
        self.wait_for('secret_changed', 'oidc-issuers-file')
        self.assertEqual(self.listed_issuers(), ['corp', 'partner'])
        self.assertEqual(request('GET', self.base + '/api/v1/auth/oidc/partner/start').status, 503)  # known, and away
        self.mount(issuers=self.issuers('UPPER'))
        line = self.wait_for('secret_unusable', 'oidc-issuers-file')[0]
        self.assertIn("issuer 'UPPER': name", line['detail'])
        self.assertEqual(self.listed_issuers(), ['corp', 'partner'])
        self.mount(issuers=self.issuers('partner'))
        wait_until(lambda: self.listed_issuers() == ['partner'], what='the last issuers')
        self.assertEqual(request('GET', self.base + '/api/v1/auth/oidc/corp/start').status, 404)
        self.log_has_no_secret()


if __name__ == '__main__':
    unittest.main(verbosity=2)
