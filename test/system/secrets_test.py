#!/usr/bin/env python3
"""`dbaas serve` with secrets in files that change like mounted Secrets of Kubernetes: by swapping a symbolic link."""

import base64
import http.client
import http.server
import json
import os
import shutil
import signal
import ssl
import tempfile
import threading
import unittest

import tls_proxy
from process import end, spawn
from sentry_test import Recorder
from serve_test import KUBECONFIG
from stack import request, wait_until

PASSWORD = 'correct horse battery'
OLD, NEW = 'first-secret-' + 'a' * 32, 'second-secret-' + 'b' * 32


class Stage(unittest.TestCase):
    """A platform and the files of its secrets."""

    further_contents = {}  # of files, by their names
    further_options = {}   # by the names of files

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.recorders = [Recorder(), Recorder()]
        for recorder in self.recorders:
            self.addCleanup(recorder.close)
        self.contents = {'jwt': OLD, 'previous': OLD, 'dsn': self.dsn(0), 'key': 'ab' * 32, 'issuers': self.issuers('corp')}
        self.contents.update(self.further_contents)
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
                                      'OIDC_ISSUERS_FILE': self.at('issuers'), 'DBAAS_PUBLIC_URL': 'http://127.0.0.1:9',
                                      **{option: self.at(name) for name, option in self.further_options.items()}})
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


class Secrets(Stage):
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


class Issuer(http.server.ThreadingHTTPServer):
    """Serves the discovery document of an OpenID issuer over TLS."""

    def __init__(self, folder):
        super().__init__(('127.0.0.1', 0), IssuerHandler)
        self.url = f'https://127.0.0.1:{self.server_port}'
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(folder, 'server.pem'))
        self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):  # pylint: disable=redefined-outer-name
        pass  # clients that do not trust the certificate


class IssuerHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = self.server.url
        text = json.dumps({'issuer': url, 'authorization_endpoint': url + '/authorize', 'token_endpoint': url + '/token', 'jwks_uri': url + '/keys',
                           'response_types_supported': ['code'], 'code_challenge_methods_supported': ['S256'],
                           'id_token_signing_alg_values_supported': ['RS256']}).encode()
        self.send_response(200)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@unittest.skipUnless(shutil.which('openssl'), 'openssl is not installed')
class Authorities(Stage):
    """The authorities of the certificate of an issuer."""

    further_options = {'authorities': 'OIDC_CA_FILE'}

    def setUp(self):
        folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.pem = {}
        for name in ('first', 'second'):
            os.mkdir(os.path.join(folder, name))
            tls_proxy.make_certificates(os.path.join(folder, name), 'IP:127.0.0.1')
            with open(os.path.join(folder, name, 'ca.pem'), encoding='utf-8') as file:
                self.pem[name] = file.read()
        self.issuer = Issuer(os.path.join(folder, 'second'))
        self.addCleanup(self.issuer.server_close)
        self.addCleanup(self.issuer.shutdown)
        issuer = {'name': 'corp', 'issuer': self.issuer.url, 'client_id': 'dbaas'}
        self.further_contents = {'authorities': self.pem['first'], 'issuers': json.dumps({'issuers': [issuer]})}
        super().setUp()

    def login(self):
        """The status of the start of a login, without a visit of the issuer's page."""
        connection = http.client.HTTPConnection(self.base.removeprefix('http://'), timeout=30)
        connection.request('GET', '/api/v1/auth/oidc/corp/start')
        status = connection.getresponse().status
        connection.close()
        return status

    def test_changed_authorities_are_trusted_and_a_bad_file_keeps_the_last_good_ones(self):
        self.assertEqual(self.login(), 503)
        self.mount(authorities='no certificate')
        line = self.wait_for('secret_unusable', 'oidc-ca-file')[0]
        self.assertIn('the text has no certificate', line['detail'])
        self.assertEqual(self.login(), 503)
        self.mount(authorities=self.pem['second'])
        self.wait_for('secret_changed', 'oidc-ca-file')
        wait_until(lambda: self.login() == 303, what='a login at the issuer')
        self.mount(authorities='')
        wait_until(lambda: len(self.events('secret_unusable', option='oidc-ca-file')) == 2, what='the report of the empty file')


if __name__ == '__main__':
    unittest.main(verbosity=2)
