#!/usr/bin/env python3
"""Logins at a real OpenID provider: the code flow with PKCE as a browser does it, the device grant, access tokens, attacks, rotated keys.

The pages of the provider are forms without scripts, so an HTTP client with cookies and redirects fills them in. The class Chromium does the same in
a browser, if Debian's chromium and chromium-driver are installed. Skips its cases if the provider is not installed; './dev test --live' installs it.
"""

import base64
import concurrent.futures
import contextlib
import html.parser
import http.cookiejar
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.parse
import urllib.request

from process import end, spawn
from rest import exchange
from serve_test import KUBECONFIG
from stack import address_in, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INSTALLED = os.path.join(ROOT, '.cache', 'oidc')
SECRET = 'a-secret-with-:-and-%'
PUBLIC_URL = 'http://127.0.0.1:9'  # the test replaces it by the address of the platform
FORM = {'Content-Type': 'application/x-www-form-urlencoded'}


class Forms(html.parser.HTMLParser):
    """The first form of a page: its target and its fields."""

    def __init__(self, text):
        super().__init__()
        self.target, self.fields = None, {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == 'form' and self.target is None:
            self.target = attributes['action']
        elif tag == 'input' and attributes.get('name'):
            self.fields[attributes['name']] = attributes.get('value') or ''


class Browser:
    """Keeps cookies, follows redirects up to the callback of the platform, and fills in forms."""

    def __init__(self):
        class Stop(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, req, fp, code, msg, headers, newurl):
                return None
        self.cookies = http.cookiejar.CookieJar()
        self.headers = {}  # of the last response
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stop, urllib.request.HTTPCookieProcessor(self.cookies))

    def open(self, url, form=None):
        """Returns the status, the text and the target of a redirect."""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        try:
            with self.opener.open(urllib.request.Request(url, data), timeout=30) as response:
                self.headers = response.headers
                return response.status, response.read().decode(), None
        except urllib.error.HTTPError as error:
            self.headers = error.headers
            target = error.headers.get('Location')
            return error.code, error.read().decode(), target and urllib.parse.urljoin(url, target)

    def walk(self, url, until, login):
        """Logs in and consents. Returns the URL that begins with `until`, or the last page."""
        form = None
        for _ in range(20):
            status, text, target = self.open(url, form)
            if target is not None:
                if until and target.startswith(until):
                    return target
                url, form = target, None
                continue
            page = Forms(text)
            if page.target is None:
                return text
            if 'login' in page.fields:
                page.fields.update(login=login, password='x')
            url, form = urllib.parse.urljoin(url, page.target), page.fields
            assert status < 500, text
        raise AssertionError(f'no end after 20 pages: {url}')


@unittest.skipUnless(os.path.isdir(os.path.join(INSTALLED, 'node_modules', 'oidc-provider')) and shutil.which('node'),
                     'the OpenID provider is not installed')
class Stage(unittest.TestCase):
    """A provider and a platform."""

    public_url = PUBLIC_URL

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.log = os.path.join(self.folder, 'log')
        with open(os.path.join(self.folder, 'kubeconfig'), 'w', encoding='utf-8') as file:
            file.write(KUBECONFIG)
        shutil.copy(os.path.join(ROOT, 'test', 'oidc', 'provider.mjs'), INSTALLED)
        # The redirect URI needs a port before the platform has one. A browser would go there; this test goes to the platform itself.
        self.provider = subprocess.Popen(['node', os.path.join(INSTALLED, 'provider.mjs'), f'{self.public_url}/api/v1/auth/oidc/default/callback',
                                          'devs', 'staff'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end_provider)
        self.issuer = self.provider.stdout.readline().strip()
        self.assertTrue(self.issuer.startswith('http://127.0.0.1:'), self.provider.poll())
        self.start_platform()

    def end_provider(self):
        self.provider.kill()
        self.provider.wait(60)
        for stream in (self.provider.stdin, self.provider.stdout, self.provider.stderr):
            stream.close()

    def start_platform(self, roles='devs=default:developer,dba=admin'):
        environment = {'PATH': os.environ['PATH'], 'OIDC_ISSUER': self.issuer, 'OIDC_CLIENT_ID': 'dbaas-client', 'OIDC_CLIENT_SECRET': SECRET,
                       'OIDC_AUDIENCE': 'dbaas', 'OIDC_ROLES': roles, 'DBAAS_PUBLIC_URL': self.public_url}
        with open(self.log, 'wb') as out:
            self.process = spawn([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'serve', '--listen', '127.0.0.1:0', '--auth', 'required',
                                  '--kubeconfig', os.path.join(self.folder, 'kubeconfig'), '--data-dir', os.path.join(self.folder, 'data'),
                                  '--log-format', 'json'], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)
        self.addCleanup(end, self.process)

        def address():
            self.assertIsNone(self.process.poll(), self.log_text())
            return address_in(self.log)

        self.base = wait_until(address, what='the platform')

    def log_text(self):
        with open(self.log, encoding='utf-8', errors='replace') as file:
            return file.read()

    def ask(self, method, path, token=None, body=None):
        return exchange(method, self.base + path, body, {'Authorization': f'Bearer {token}'} if token else {})

    def access_token(self, resource='urn:test:dbaas'):
        return self.grant({'grant_type': 'client_credentials', 'resource': resource})['access_token']

    def grant(self, form, path='/token'):
        credentials = urllib.request.Request(self.issuer + path, urllib.parse.urlencode(form).encode(), FORM)
        words = ':'.join(urllib.parse.quote(word, safe='') for word in ('dbaas-client', SECRET))
        credentials.add_header('Authorization', 'Basic ' + base64.b64encode(words.encode()).decode())
        with Browser().opener.open(credentials, timeout=30) as response:
            return json.loads(response.read())

    def end_provider_process(self):
        self.provider.kill()
        self.provider.wait(60)


class Keys(Stage):
    def test_keys_may_rotate_and_the_issuer_may_go_away(self):
        old = self.access_token()
        self.assertEqual(self.ask('GET', '/api/v1/auth/whoami', old).status, 200)
        self.assertEqual(exchange('POST', self.issuer + '/test/rotate').status, 200)
        new = self.access_token()
        # An unknown key is fetched at most once a minute; a token of the old key is known.
        self.assertEqual(self.ask('GET', '/api/v1/auth/whoami', new).status, 401)
        self.assertEqual(self.ask('GET', '/api/v1/auth/whoami', old).status, 200)

        def is_accepted():
            return self.ask('GET', '/api/v1/auth/whoami', new).status == 200
        wait_until(is_accepted, 90, 'the new key')
        self.end_provider_process()
        self.assertEqual(self.ask('GET', '/api/v1/auth/whoami', new).status, 200)
        self.assertEqual(Browser().open(self.base + '/api/v1/auth/oidc/default/start')[0], 303)  # its document is known


class Oidc(Stage):
    def callback_of(self, browser, login='ada', change=lambda url: url):
        """Logs in at the provider. Returns the path and the query of the callback."""
        status, text, target = browser.open(self.base + '/api/v1/auth/oidc/default/start?return_to=/docs')
        self.assertEqual(status, 303, text)
        self.assertTrue(target.startswith(self.issuer), target)
        return browser.walk(change(target), PUBLIC_URL, login).removeprefix(PUBLIC_URL)

    def log_in(self, login='ada'):
        """Returns the cookies of the session. The jar keeps none of them, because they need TLS."""
        browser = Browser()
        status, text, target = browser.open(self.base + self.callback_of(browser, login))
        self.assertEqual((status, target), (303, self.base + '/docs'), text + self.log_text())
        pairs = [cookie.split(';')[0].split('=', 1) for cookie in browser.headers.get_all('Set-Cookie')]
        return dict(pairs)

    def rejected(self, browser, callback, expected=401):
        """Returns the code of the error of a callback."""
        status, text, _ = browser.open(self.base + callback)
        self.assertEqual(status, expected, text)
        return json.loads(text)['code']

    def test_a_browser_logs_in_with_the_roles_of_its_groups(self):
        cookies = self.log_in()
        header = '; '.join(f'{name}={value}' for name, value in cookies.items())
        caller = exchange('GET', self.base + '/api/v1/auth/whoami', headers={'Cookie': header})
        self.assertEqual((caller.status, caller.json['subject'], caller.json['administrator']), (200, 'default.ada', False), caller.text)
        self.assertEqual(caller.json['roles'], {'default': 'developer'})
        ended = [exchange('POST', self.base + '/api/v1/auth/logout', headers={'Cookie': header, **more}).status
                 for more in ({}, {'X-CSRF-Token': cookies['__Host-dbaas-csrf']})]
        self.assertEqual(ended, [403, 204])
        self.assertIn('__Host-dbaas-session', self.log_in())  # the user exists
        methods = self.ask('GET', '/api/v1/auth/methods').json
        self.assertEqual(methods['issuers'], [{'name': 'default', 'login_path': '/api/v1/auth/oidc/default/start'}])

    def test_a_role_ends_at_a_start_without_its_rule(self):
        header = '; '.join(f'{name}={value}' for name, value in self.log_in().items())

        def roles():
            caller = exchange('GET', self.base + '/api/v1/auth/whoami', headers={'Cookie': header})
            self.assertEqual(caller.status, 200, caller.text)
            return caller.json['roles']

        for rules, expected in (('devs=default:developer', {'default': 'developer'}), ('dba=admin', {}), ('devs=default:developer', {})):
            end(self.process)
            self.start_platform(rules)
            wait_until(lambda expected=expected: roles() == expected, what=f'the roles with the rules {rules}')

    def test_a_callback_belongs_to_one_browser_and_one_login(self):
        browser, other = Browser(), Browser()
        callback = self.callback_of(browser)
        self.assertIn('iss=', callback)
        self.assertEqual(self.rejected(Browser(), callback), 'no_login')
        other.open(self.base + '/api/v1/auth/oidc/default/start')
        self.assertEqual(self.rejected(other, callback), 'state')  # session fixation
        mixed = callback.replace(urllib.parse.quote(self.issuer, safe=''), 'https%3A%2F%2Fevil.example')
        self.assertNotEqual(mixed, callback)
        self.assertEqual(self.rejected(browser, mixed), 'issuer')  # mix-up of issuers
        self.assertEqual(self.rejected(browser, callback, 400), 'login_used')  # the failure has ended the login
        browser = Browser()
        callback = self.callback_of(browser)
        cookies = [f'{cookie.name}={cookie.value}' for cookie in browser.cookies if cookie.name == 'dbaas-login']
        self.assertEqual(browser.open(self.base + callback)[0], 303)
        again = exchange('GET', self.base + callback, headers={'Cookie': cookies[0]})
        self.assertEqual((again.status, again.json['code']), (400, 'login_used'), again.text)
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(callback).query)['code'][0]
        self.assertNotIn(code, self.log_text())
        self.assertNotIn(SECRET, self.log_text())

    def test_changed_logins_are_rejected(self):
        def replaced(name, value):
            def change(url):
                parts = urllib.parse.urlsplit(url)
                query = [(key, value if key == name else old) for key, old in urllib.parse.parse_qsl(parts.query)]
                return parts._replace(query=urllib.parse.urlencode([pair for pair in query if pair[1]])).geturl()
            return change
        browser = Browser()
        self.assertEqual(self.rejected(browser, self.callback_of(browser, change=replaced('nonce', 'other'))), 'nonce')
        browser = Browser()
        self.assertEqual(self.rejected(browser, replaced('state', 'other')(self.callback_of(browser))), 'state')
        # PKCE: the provider has another challenge than the one of this login, or none.
        browser = Browser()
        self.assertEqual(self.rejected(browser, self.callback_of(browser, change=replaced('code_challenge', 'A' * 43))), 'invalid_grant')
        browser = Browser()
        self.assertEqual(self.rejected(browser, self.callback_of(browser, change=replaced('code_challenge', ''))), 'issuer_error')
        for target in ('https://evil.example', '//evil.example', '/%5Cevil.example'):
            self.assertEqual(Browser().open(self.base + '/api/v1/auth/oidc/default/start?return_to=' + target)[0], 400)

    def test_a_command_line_logs_in_on_another_device(self):
        begun = self.ask('POST', '/api/v1/auth/device', body={})
        self.assertEqual(begun.status, 200, begun.text)
        poll = {'device_code': begun.json['device_code']}
        first, second = (self.ask('POST', '/api/v1/auth/device/token', body=poll) for _ in range(2))
        self.assertEqual((first.status, first.json['code']), (400, 'authorization_pending'), first.text)
        self.assertEqual((second.status, second.json['code']), (400, 'slow_down'), second.text)
        Browser().walk(begun.json['verification_uri_complete'], None, 'eve')
        ended = wait_until(lambda: (lambda response: response.status == 200 and response)(
            self.ask('POST', '/api/v1/auth/device/token', body=poll)), 60, 'the login')
        caller = self.ask('GET', '/api/v1/auth/whoami', ended.json['access_token'])
        self.assertEqual(caller.json['subject'], 'default.eve', caller.text)

    def test_dbaas_login_keeps_the_tokens_in_a_file(self):
        command = [os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'login']
        environment = {'PATH': os.environ['PATH'], 'HOME': self.folder}
        process = subprocess.Popen([*command, '--url', self.base], stderr=subprocess.PIPE, text=True, env=environment)
        self.addCleanup(process.stderr.close)
        self.addCleanup(end, process)
        # libmongoc may write a line first, if a killed process has left its shared memory.
        address = next(line for line in process.stderr if line.startswith('or open '))
        Browser().walk(address.removeprefix('or open ').strip(), None, 'eve')
        self.assertEqual(process.wait(60), 0, process.stderr.read())
        path = os.path.join(self.folder, '.config', 'dbaas', 'tokens.json')
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(os.path.dirname(path)).st_mode & 0o777, 0o700)
        token = subprocess.run([*command, '--token'], capture_output=True, text=True, check=True, env=environment).stdout.strip()
        self.assertEqual(self.ask('GET', '/api/v1/auth/whoami', token).json['subject'], 'default.eve')
        with open(path, encoding='utf-8') as file:
            tokens = json.load(file)
        with open(path, 'w', encoding='utf-8') as file:
            json.dump({**tokens, 'expires_at': '2020-01-01T00:00:00Z'}, file)
        os.chmod(path, 0o644)
        refreshed = subprocess.run([*command, '--token'], capture_output=True, text=True, check=True, env=environment)
        renewed = refreshed.stdout.strip()
        self.assertIn(f"other users could access '{path}' (mode 0644); its mode is 0600 now", refreshed.stderr)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertNotEqual(renewed, token)
        self.assertEqual(self.ask('GET', '/api/v1/auth/whoami', renewed).status, 200)

    def test_access_tokens_of_the_issuer_are_accepted_for_our_audience_alone(self):
        caller = self.ask('GET', '/api/v1/auth/whoami', self.access_token())
        self.assertEqual((caller.status, caller.json['subject']), (200, 'default.dbaas-client'), caller.text + self.log_text())
        self.assertEqual(self.ask('GET', '/api/v1/auth/whoami', self.access_token('urn:test:another')).status, 401)

    def test_an_id_token_is_no_access_token(self):
        begun = self.grant({'client_id': 'dbaas-client', 'scope': 'openid'}, '/device/auth')
        Browser().walk(begun['verification_uri_complete'], None, 'ada')
        tokens = self.grant({'grant_type': 'urn:ietf:params:oauth:grant-type:device_code', 'device_code': begun['device_code']})
        self.assertEqual(self.ask('GET', '/api/v1/auth/whoami', tokens['id_token']).status, 401)
        self.assertEqual(self.ask('GET', '/api/v1/auth/whoami', tokens['access_token']).status, 401)  # of no audience

    def test_an_issuer_that_does_not_respond_affects_its_own_logins_alone(self):
        known, unknown = self.access_token(), self.access_token()
        self.assertEqual(self.ask('GET', '/api/v1/auth/whoami', known).status, 200)
        self.assertEqual(exchange('POST', self.issuer + '/test/hang').status, 200)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            begun = [pool.submit(self.ask, 'POST', '/api/v1/auth/device', None, {}) for _ in range(4)]
            self.assertEqual(self.ask('GET', '/api/v1/auth/whoami', known).status, 200)
            self.assertEqual(self.ask('GET', '/api/v1/auth/whoami', unknown).status, 200)  # its keys are known
            self.assertEqual(self.ask('GET', '/health/live').status, 200)
            for response in (future.result() for future in begun):
                self.assertEqual((response.status, 'Retry-After' in response.headers), (503, True), response.text)

    def test_an_issuer_that_is_away_is_a_503(self):
        self.end_provider_process()
        response = self.ask('GET', '/api/v1/auth/oidc/default/start')
        self.assertEqual(response.status, 503, response.text)
        self.assertIn('Retry-After', response.headers)
        self.assertEqual(self.ask('GET', '/health/live').status, 200)


class Relay:
    """Forwards connections to the platform, so that its public URL is known before it starts."""

    def __init__(self):
        self.socket = socket.create_server(('127.0.0.1', 0))
        self.url = f'http://127.0.0.1:{self.socket.getsockname()[1]}'
        self.target = None
        self.connections = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            server = socket.create_connection(self.target)
            self.connections += (client, server)
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=pair, daemon=True).start()

    @staticmethod
    def copy(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end_point in (source, target):
            with contextlib.suppress(OSError):
                end_point.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        for entry in (self.socket, *self.connections):
            entry.close()


@unittest.skipUnless(shutil.which('chromium') and shutil.which('chromedriver'), "Debian's chromium and chromium-driver are not installed")
class Chromium(Stage):
    """The code flow in a real browser, with its rules for cookies and redirects."""

    def setUp(self):
        relay = Relay()
        self.addCleanup(relay.close)
        self.public_url = relay.url
        super().setUp()
        relay.target = ('127.0.0.1', int(self.base.rsplit(':', 1)[1]))
        driver = subprocess.Popen(['chromedriver', '--port=0'], stdout=subprocess.PIPE, text=True, env={**os.environ, 'HOME': self.folder})
        self.addCleanup(driver.stdout.close)
        self.addCleanup(end, driver)
        ports = (re.search(r'started successfully on port (\d+)', line) for line in driver.stdout)
        port = next(match for match in ports if match).group(1)
        self.driver = f'http://127.0.0.1:{port}/session'
        arguments = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1']
        session = self.command('', {'capabilities': {'alwaysMatch': {'browserName': 'chrome', 'goog:chromeOptions': {'args': arguments}}}})
        self.driver += '/' + session['sessionId']
        self.addCleanup(lambda: exchange('DELETE', self.driver))

    def command(self, path, body):
        response = exchange('POST', self.driver + path, body, timeout=60)
        self.assertEqual(response.status, 200, response.text)
        return response.json['value']

    def element(self, selector):
        """Returns the path of an element, once the page has it."""
        def present():
            response = exchange('POST', self.driver + '/element', {'using': 'css selector', 'value': selector}, timeout=60)
            return response.status == 200 and '/element/' + next(iter(response.json['value'].values()))
        return wait_until(present, 60, selector)

    def script(self, text):
        return self.command('/execute/sync', {'script': text, 'args': []})

    def test_a_person_logs_in_and_the_page_has_a_session(self):
        self.command('/url', {'url': self.public_url + '/api/v1/auth/oidc/default/start?return_to=/docs'})
        self.command(self.element('input[name=login]') + '/value', {'text': 'ada'})
        self.command(self.element('input[name=password]') + '/value', {'text': 'x'})
        self.command(self.element('button[type=submit]') + '/click', {})
        self.element('input[name=prompt][value=consent]')
        self.command(self.element('button[type=submit]') + '/click', {})
        wait_until(lambda: self.script('return location.href') == self.public_url + '/docs', 60, 'the end of the login')
        caller = self.script("return fetch('/api/v1/auth/whoami').then(response => response.json())")
        self.assertEqual((caller['subject'], caller['roles']), ('default.ada', {'default': 'developer'}))
        cookies = self.script('return document.cookie')
        self.assertIn('__Host-dbaas-csrf=', cookies)
        self.assertNotIn('session', cookies)
        status = "return fetch('/api/v1/auth/logout', {method: 'POST', headers: {'X-CSRF-Token': %s}}).then(response => response.status)"
        self.assertEqual(self.script(status % "'wrong'"), 403)
        self.assertEqual(self.script(status % "document.cookie.match(/__Host-dbaas-csrf=([^;]*)/)[1]"), 204)


if __name__ == '__main__':
    sys.exit(unittest.main(verbosity=2))
