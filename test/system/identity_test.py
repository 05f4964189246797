#!/usr/bin/env python3
"""`dbaas serve --auth required` from outside: the first key, restarts, and secrets without a cluster; presets with a simulated one."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import tempfile
import unittest

from process import end, spawn
from rest import exchange
from serve_test import KUBECONFIG
from stack import Stack, address_in, wait_until


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

    def start(self, *flags, **environment):
        offset = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        with open(self.log, 'ab') as out:
            self.process = spawn([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'serve', '--listen', '127.0.0.1:0', '--auth',
                                  'required', '--kubeconfig', self.kubeconfig, '--data-dir', self.data, '--log-format', 'json',
                                  *flags], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={'PATH': os.environ['PATH'], **environment})
        self.addCleanup(end, self.process)
        process = self.process

        def address():
            if process.poll() is not None:
                return 'exited'
            return address_in(self.log, offset)

        self.base = wait_until(address, what='the platform')

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)

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
        """Searches the log and every file of the store, except the file of the first key, for the secret parts of the keys."""
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
        used, used_id = self.create_key(first)
        self.assertEqual(self.request('GET', '/api/v1/databases', used).status, 200)
        first_id = first.split('_')[1]
        self.assertEqual(self.request('DELETE', '/api/v1/api-keys/' + first_id, own).status, 204)
        end(self.process)
        self.start()  # the file is still there
        self.assertEqual(self.request('GET', '/api/v1/databases', first).status, 401)
        self.assertEqual(self.request('GET', '/api/v1/databases', own).status, 200)
        self.assertIsNotNone(self.request('GET', '/api/v1/api-keys/' + used_id, own).json['last_used_at'])
        end(self.process)
        os.unlink(self.key_file)
        self.start()
        self.assertFalse(os.path.exists(self.key_file))
        end(self.process)
        named = os.path.join(self.folder, 'new-key')
        self.start('--admin-key-file', named)  # for an administrator who has lost every key
        self.assertEqual(self.request('GET', '/api/v1/databases', self.admin_key(named)).status, 200)

    def test_a_rotated_key_has_two_secrets_for_the_overlap(self):
        self.start()
        admin = self.admin_key()
        first, key_id = self.create_key(admin, permissions=['projects.read'])
        path = f'/api/v1/api-keys/{key_id}/rotate'
        self.assertEqual(self.request('POST', path, first, {}).status, 403)  # without keys.update
        self.assertEqual(self.request('POST', path, admin, {'overlap_seconds': -1}).status, 422)
        second = self.request('POST', path, admin, {'overlap_seconds': 3600}).json['key']
        self.kill()
        self.start()
        for key in (first, second):
            self.assertEqual(self.request('GET', '/api/v1/projects', key).status, 200)
        third = self.request('POST', path, admin, {'overlap_seconds': 0}).json['key']
        expected = {first: 401, second: 401, third: 200}
        self.assertEqual({key: self.request('GET', '/api/v1/projects', key).status for key in expected}, expected)
        self.kill()
        self.assert_secrets_are_not_written([first, second, third])

    def test_a_key_is_valid_from_its_networks_and_within_its_limits(self):
        self.start()
        admin = self.admin_key()
        distant, distant_id = self.create_key(admin, cidrs=['192.0.2.0/24'])
        response = self.request('GET', '/api/v1/projects', distant)
        missing = self.request('GET', '/api/v1/projects', admin[:-1] + ('a' if admin[-1] != 'a' else 'b'))
        self.assertEqual((response.status, response.json['code']), (401, missing.json['code']))
        changed = self.request('PATCH', f'/api/v1/api-keys/{distant_id}', admin, {'cidrs': ['192.0.2.0/24', '127.0.0.0/8']})
        self.assertEqual(changed.status, 200, changed.text)
        self.kill()
        self.start()
        self.assertEqual(self.request('GET', '/api/v1/projects', distant).status, 200)
        limited, limited_id = self.create_key(admin, permissions=['keys.update', 'keys.read'])
        response = self.request('PATCH', f'/api/v1/api-keys/{limited_id}', limited, {'permissions': None})
        self.assertEqual(response.status, 403, response.text)
        response = self.request('PATCH', f'/api/v1/api-keys/{limited_id}', admin, {'cidrs': ['300.0.0.0/8']})
        self.assertEqual((response.status, response.json['errors'][0]['pointer']), (422, '/cidrs/0'), response.text)
        response = self.request('PATCH', f'/api/v1/api-keys/{limited_id}', admin, {'subject': 'eve'})
        self.assertEqual(response.status, 422, response.text)

    def test_custom_roles_survive_kill(self):
        self.start()
        admin = self.admin_key()
        role = {'name': 'lister', 'permissions': ['projects.read', 'databases.read']}
        self.assertEqual(self.request('POST', '/api/v1/roles', admin, role).status, 201)
        response = self.request('PUT', '/api/v1/projects/default/members/ada', admin, {'role': 'lister'})
        self.assertEqual(response.status, 201, response.text)
        key, _ = self.create_key(admin, subject='ada')
        self.kill()
        self.start()
        self.assertEqual(self.request('GET', '/api/v1/databases', key).status, 200)
        checks = [{'permission': name, 'project': 'default'} for name in ('databases.read', 'databases.create')]
        results = self.request('POST', '/api/v1/auth/can', key, checks).json['results']
        self.assertEqual([(result['allowed'], result['rule']) for result in results], [(True, 'role'), (False, 'insufficient_role')])
        self.assertEqual(self.request('DELETE', '/api/v1/roles/lister', admin).status, 409)

    def log_in(self, password='correct horse', name='admin'):
        return self.request('POST', '/api/v1/auth/login', None, {'username': name, 'password': password})

    def test_sessions_of_a_deleted_or_disabled_user_stay_ended(self):
        self.start()
        admin = self.admin_key()
        user = {'name': 'ada', 'password': 'correct horse'}
        self.assertEqual(self.request('POST', '/api/v1/users', admin, {**user, 'role': 'none'}).status, 201)
        tokens = self.log_in(name='ada').json
        for state in ('disabled', 'active'):
            self.assertEqual(self.request('PATCH', '/api/v1/users/ada', admin, {'state': state}).status, 200)
        self.assert_ended(tokens)
        tokens = self.log_in(name='ada').json
        self.assertEqual(self.request('DELETE', '/api/v1/users/ada', admin).status, 204)
        self.assertEqual(self.request('POST', '/api/v1/users', admin, {**user, 'role': 'admin'}).status, 201)
        self.assert_ended(tokens)

    def assert_ended(self, tokens):
        self.assertEqual(self.request('GET', '/api/v1/users', tokens['access_token']).status, 401)
        refreshed = self.request('POST', '/api/v1/auth/refresh', None, {'refresh_token': tokens['refresh_token']})
        self.assertEqual(refreshed.status, 401, refreshed.text)

    def test_guesses_of_the_present_password_are_limited(self):
        self.start()
        admin = self.admin_key()
        self.assertEqual(self.request('POST', '/api/v1/users', admin, {'name': 'ada', 'password': 'correct horse'}).status, 201)
        token = self.log_in(name='ada').json['access_token']
        guess = {'current_password': 'wrong horse', 'password': 'battery staple'}
        statuses = [self.request('POST', '/api/v1/users/ada/password', token, guess).status for _ in range(8)]
        self.assertEqual(set(statuses), {403, 429}, statuses)

    def test_sessions_survive_kill_and_a_logout_does_too(self):
        self.start(BOOTSTRAP_ADMIN_PASSWORD='correct horse')
        self.assertFalse(os.path.exists(self.key_file))
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.data, 'platform-key')).st_mode), 0o600)
        self.assertEqual(self.log_in('wrong').status, 401)
        first, second = self.log_in().json, self.log_in().json
        self.assertEqual(self.request('GET', '/api/v1/databases', first['access_token']).status, 200)
        self.assertEqual(self.request('POST', '/api/v1/auth/logout', second['access_token']).status, 204)
        self.kill()
        self.start()
        self.assertEqual(self.request('GET', '/api/v1/databases', first['access_token']).status, 200)
        self.assertEqual(self.request('GET', '/api/v1/databases', second['access_token']).status, 401)
        refreshed = self.request('POST', '/api/v1/auth/refresh', None, {'refresh_token': first['refresh_token']})
        self.assertEqual(refreshed.status, 200, refreshed.text)
        response = self.request('POST', '/api/v1/auth/refresh', None, {'refresh_token': second['refresh_token']})
        self.assertEqual(response.status, 401)
        self.kill()
        self.assert_secrets_are_not_written([first['refresh_token'], refreshed.json['refresh_token'], '_correct horse'])

    def test_an_operator_creates_a_user_in_the_store(self):
        self.start()
        end(self.process)
        dbaas = os.path.join(os.environ['DBAAS_BIN'], 'dbaas')
        store = f'sqlite:{self.data}/platform.db'

        def admin(command, name, password, *flags):
            return subprocess.run([dbaas, 'admin', command, name, '--store', store, *flags], input=password + '\n', capture_output=True,
                                  text=True, check=False)

        self.assertEqual(admin('create-user', 'ada', 'short', '--role', 'admin').returncode, 1)
        self.assertEqual(admin('create-user', 'ada', 'correct horse', '--role', 'admin').returncode, 0)
        self.assertIn('already', admin('create-user', 'ada', 'correct horse').stderr)
        self.assertEqual(admin('set-password', 'ada', 'battery staple').returncode, 0)
        self.start()
        rows = self.request('GET', '/api/v1/audit?limit=500', self.admin_key()).json['items']
        actions = ('create_user', 'create_api_key', 'set_user_password')
        acts = [(row['action'], row['actor'], row['kind'], row['object'], row['outcome']) for row in rows
                if row['action'] in actions and row['outcome'] != 'started']
        first = ('create_api_key', 'bootstrap', 'api_key', self.admin_key().split('_')[1], 'success')
        expected = [first, *(('create_user', 'operator', 'user', 'ada', outcome) for outcome in ('rejected', 'success', 'rejected')),
                    ('set_user_password', 'operator', 'user', 'ada', 'success')]
        self.assertEqual(acts, expected)
        self.assertTrue(all('signature' in row for row in rows))
        self.assertEqual(self.log_in('correct horse', 'ada').status, 401)
        token = self.log_in('battery staple', 'ada').json['access_token']
        self.assertTrue(self.request('GET', '/api/v1/auth/whoami', token).json['administrator'])

    def digest_keys(self, *words, code=0):
        """Runs the command on the store of a stopped platform and returns its output."""
        done = subprocess.run([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'admin', 'digest-keys', *words, '--store',
                               f'sqlite:{self.data}/platform.db'], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def digests(self):
        """The number of digests by digest key."""
        return {line.split()[0]: int(line.split()[1]) for line in self.digest_keys('list').splitlines()}

    def age_digest_key(self, name):
        """Makes a digest key of a stopped platform old, so that every replica knows it."""
        with contextlib.closing(sqlite3.connect(f'{self.data}/platform.db')) as store, store:
            key = (b'digest_keys', name.encode())
            record = json.loads(store.execute('SELECT body FROM document WHERE collection = ? AND id = ?', key).fetchone()[0])
            record['created_at'] = '2026-01-01T00:00:00Z'
            store.execute('UPDATE document SET body = ? WHERE collection = ? AND id = ?', (json.dumps(record).encode(), *key))

    def test_an_operator_rotates_the_server_key_of_the_digests(self):
        self.start()
        admin = self.admin_key()
        unused, _ = self.create_key(admin)
        self.kill()
        self.assertEqual(self.digests(), {'dk-000001': 2, 'bare': 0})
        self.assertIn('add another one first', self.digest_keys('remove', 'dk-000001', code=1))
        self.assertIn('added dk-000002', self.digest_keys('add'))
        self.assertIn('every replica knows the digest key dk-000002 at', self.digest_keys('remove', 'dk-000001', '--revoke-keys', code=1))
        self.start()
        created, _ = self.create_key(admin)
        for key in (admin, unused, created):
            self.assertEqual(self.request('GET', '/api/v1/projects', key).status, 200)
        self.kill()
        self.assertEqual(self.digests(), {'dk-000001': 2, 'dk-000002': 1, 'bare': 0})
        self.age_digest_key('dk-000002')
        self.start()  # the file of the first key proves its secret
        self.kill()
        self.assertEqual(self.digests(), {'dk-000001': 1, 'dk-000002': 2, 'bare': 0})
        self.assertIn('1 digests of valid secrets depend on dk-000001', self.digest_keys('remove', 'dk-000001', code=1))
        self.assertEqual(self.digest_keys('remove', 'dk-000001', '--revoke-keys'), 'revoked 1 API keys\nremoved dk-000001\n')
        self.digest_keys('remove', 'bare')
        self.assertEqual(self.digests(), {'dk-000002': 2, 'bare': 0})
        self.start('--reject-bare-digests')
        statuses = [self.request('GET', '/api/v1/projects', key).status for key in (admin, unused, created)]
        self.assertEqual(statuses, [200, 401, 200])
        rows = self.request('GET', '/api/v1/audit?limit=500', created).json['items']
        acts = [(row['action'], row['actor'], row['object'], row['outcome']) for row in rows if row.get('kind') == 'digest_key']
        self.assertIn(('add_digest_key', 'operator', '', 'success'), acts)
        self.assertIn(('remove_digest_key', 'operator', 'dk-000001', 'rejected'), acts)
        self.assertIn(('remove_digest_key', 'operator', 'dk-000001', 'success'), acts)
        end(self.process)
        for words in ((), ('list', 'x'), ('remove',), ('add', '--revoke-keys'), ('list', '--platform-key-file')):
            self.assertIn('usage:', self.digest_keys(*words, code=2))
        self.assertIn('--platform-key-file', self.digest_keys('add', '--platform-key-file', '/nowhere', code=1))

    def test_options_without_a_usable_secret_are_rejected(self):
        dbaas = os.path.join(os.environ['DBAAS_BIN'], 'dbaas')

        def check(**environment):
            return subprocess.run([dbaas, 'config', '--check', '--auth', 'required'], env=environment, capture_output=True, text=True,
                                  check=False)

        short = check(JWT_SECRET='s3cret')
        self.assertIn('JWT_SECRET: the value must have at least 32 bytes', short.stderr)
        self.assertNotIn('s3cret', short.stderr)
        shared = check(MONGODB_URL='mongodb://h/dbaas')
        self.assertIn('PLATFORM_KEY: must be set with MONGODB_URL', shared.stderr)
        self.assertEqual(check(MONGODB_URL='mongodb://h/dbaas', PLATFORM_KEY='ab' * 32).returncode, 0)
        self.assertEqual(check(MONGODB_URL='mongodb://h/dbaas', JWT_SECRET='ab' * 16).returncode, 0)
        bare = check(MONGODB_URL='mongodb://h/dbaas', JWT_SECRET='ab' * 16, DBAAS_REJECT_BARE_DIGESTS='true')
        self.assertIn('DBAAS_REJECT_BARE_DIGESTS: must be set together with PLATFORM_KEY', bare.stderr)

    def test_the_check_of_the_options_reads_the_files_of_the_issuers(self):
        path = os.path.join(self.folder, 'issuers.json')

        def check():
            command = [os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'config', '--check', '--auth', 'required']
            done = subprocess.run(command, env={'OIDC_ISSUERS_FILE': path}, capture_output=True, text=True, check=False)
            return done.returncode, done.stderr

        def write(**member):
            with open(path, 'w', encoding='utf-8') as file:
                json.dump({'issuers': [{'name': 'corp', 'issuer': 'https://id.example', 'client_secret': 's3cret', **member}]}, file)

        self.assertEqual(check(), (2, f"dbaas: invalid options\n  OIDC_ISSUERS_FILE: '{path}' cannot be read\n"))
        write()
        self.assertEqual(check(), (2, f"dbaas: invalid options\n  OIDC_ISSUERS_FILE: '{path}': issuer 'corp': client_id is required\n"))
        write(client_id='c1')
        self.assertEqual(check(), (0, ''))

    def test_an_invalid_file_stops_the_start_without_its_content(self):
        named = os.path.join(self.folder, 'key')
        with open(named, 'w', encoding='utf-8') as file:
            file.write('dbk_s3cret\n')
        self.start('--admin-key-file', named)
        self.assertEqual(self.process.wait(60), 1)
        with open(self.log, encoding='utf-8') as file:
            text = file.read()
        self.assertIn('admin key: the text is not an API key', text)
        os.chmod(named, 0o666)
        self.start('--admin-key-file', named)
        self.assertEqual(self.process.wait(30), 1)
        with open(self.log, encoding='utf-8') as file:
            self.assertIn('has the mode 0666', file.read())
        self.assertNotIn('s3cret', text)


class Presets(unittest.TestCase):
    """Callers that may create databases from presets alone, with a simulated cluster."""

    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.close)
        self.stack.start_cluster('--synthetic', '1')
        self.start()
        self.assertEqual(self.request('POST', '/api/v1/projects', body={'name': 'shop'}).status, 201)

    def start(self):
        path = os.path.join(self.stack.folder, 'key')
        self.stack.start_platform(DBAAS_AUTH='required', DBAAS_ADMIN_KEY_FILE=path)
        with open(path, encoding='utf-8') as file:
            self.admin = file.read().strip()
        wait_until(lambda: any(entry['engine'] == 'postgres' and entry['installed']
                               for entry in self.request('GET', '/api/v1/engines').json['items']), what='postgres in the catalogue')

    def request(self, method, path, key=None, body=None, **headers):
        return exchange(method, self.stack.base + path, body, {'Authorization': 'Bearer ' + (key or self.admin), **headers})

    def key(self, **members):
        response = self.request('POST', '/api/v1/api-keys', body={'name': 'ci', **members})
        self.assertEqual(response.status, 201, response.text)
        return response.json['key']

    def callers(self):
        """Returns a key that is limited to presets, and a key of a member whose role is."""
        limited = self.key(projects=['shop'], permissions=['databases.create_from_preset', 'databases.read'])
        role = {'name': 'self-service', 'permissions': ['projects.read', 'databases.read', 'databases.create_from_preset']}
        self.assertEqual(self.request('POST', '/api/v1/roles', body=role).status, 201)
        path = '/api/v1/projects/shop/members/ada'
        self.assertEqual(self.request('PUT', path, body={'role': 'self-service'}).status, 201)
        return {'limited': limited, 'member': self.key(subject='ada')}

    def create(self, key, name, project='shop', **members):
        return self.request('POST', '/api/v1/databases', key, {'project': project, 'name': name, 'engine': 'postgres', **members})

    def check(self, key, name):
        """Creates one database from a preset. Nothing else is accepted."""
        preset = self.create(key, name, size='micro')
        self.assertEqual(preset.status, 202, preset.text)
        database = preset.json['database']
        self.assertEqual(database['size']['preset'], 'micro')
        edits = {'/version': {'version': database['version']}, '/storage': {'storage': {'size': '1Gi'}}, '/size/cpu': {
            'size': {'preset': 'micro', 'cpu': '250m'}}, '/labels': {'labels': {}}, '/schedule': {'schedule': None}}
        for pointer, members in edits.items():
            for target in ('/api/v1/databases', '/api/v1/databases?dry_run=true'):
                body = {'project': 'shop', 'name': name + '-2', 'engine': 'postgres', **members}
                response = self.request('POST', target, key, body, **{'Idempotency-Key': name + pointer + target})
                self.assertEqual((response.status, response.json['code']), (403, 'exceeds_preset'), response.text)
                self.assertEqual([error['pointer'] for error in response.json['errors']], [pointer])
                self.assertIn(pointer + ': ', response.json['detail'])
                self.assertIn('databases.create', response.json['detail'])
        foreign, missing = (self.create(key, name + '-2', project, version='16') for project in ('default', 'nowhere'))
        self.assertEqual([(each.status, each.json['code']) for each in (foreign, missing)], [(404, 'project_not_found')] * 2)
        self.assertEqual(foreign.json['detail'].replace('default', 'nowhere'), missing.json['detail'])
        path = '/api/v1/databases/' + database['id']
        for patch in ({'size': 'large'}, {'paused': True}, {'labels': {'a': 'b'}}):
            self.assertEqual(self.request('PATCH', path, key, patch).status, 403, patch)
        self.assertEqual(self.request('DELETE', path, key).status, 403)
        return database['id']

    def test_a_key_and_a_role_create_exactly_presets_before_and_after_a_kill(self):
        keys = self.callers()
        created = {self.check(key, 'first-' + caller) for caller, key in keys.items()}
        self.stack.kill_platform()
        self.start()
        created |= {self.check(key, 'second-' + caller) for caller, key in keys.items()}
        listed = self.request('GET', '/api/v1/databases?project=shop', keys['limited']).json
        self.assertEqual({item['id'] for item in listed['items']}, created)
        checks = [{'permission': 'databases.' + name, 'project': 'shop'} for name in ('create_from_preset', 'create')]
        for key in keys.values():
            results = self.request('POST', '/api/v1/auth/can', key, checks).json['results']
            self.assertEqual([result['allowed'] for result in results], [True, False])

    def test_the_permission_to_create_includes_presets(self):
        creator = self.key(projects=['shop'], permissions=['databases.create', 'keys.create'])
        self.assertEqual(self.create(creator, 'own', size={'cpu': '300m', 'memory': '1Gi'}).status, 202)
        child = {'name': 'child', 'projects': ['shop'], 'permissions': ['databases.create_from_preset']}
        made = self.request('POST', '/api/v1/api-keys', creator, child)
        self.assertEqual(made.status, 201, made.text)
        self.assertEqual(self.create(made.json['key'], 'preset').status, 202)
        self.assertEqual(self.create(made.json['key'], 'edited', monitoring=False).status, 403)
        presets = self.key(projects=['shop'], permissions=['databases.create_from_preset', 'keys.create'])
        wider = {**child, 'permissions': ['databases.create']}
        self.assertEqual(self.request('POST', '/api/v1/api-keys', presets, wider).status, 403)
        review = self.request('POST', '/api/v1/access-reviews', body={'permission': 'databases.create_from_preset', 'project': 'shop'})
        ids = {key for subject in review.json['subjects'] for key in subject['keys']}
        self.assertLessEqual({key.split('_')[1] for key in (creator, presets, made.json['key'])}, ids)


if __name__ == '__main__':
    unittest.main(verbosity=2)
