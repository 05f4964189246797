"""The login of './dev up' at a platform that requires one: for its own requests, and for the person who reads its output."""

import os
import secrets
import time

from programs import Failed, call

RENEWAL_SECONDS = 60  # the platform limits the logins of a user
HELP = ('./dev up has no credential of this platform: set BOOTSTRAP_ADMIN_PASSWORD to the password of the user admin, '
        'or DBAAS_ADMIN_KEY_FILE to a new path, where the platform writes an API key of the administrator')


class Login:
    """The credential of the administrator: the API key in a file, or the password of the first start. None if the platform requires none."""

    def __init__(self, env, folders):
        """`folders`: the data folders of the platforms."""
        named = env.get('DBAAS_ADMIN_KEY_FILE')
        self.key_paths = [named] if named else [os.path.join(folder, 'admin-key') for folder in folders]
        self.password_path = env.get('BOOTSTRAP_ADMIN_PASSWORD_FILE')
        self.password = env.get('BOOTSTRAP_ADMIN_PASSWORD') or read_line(self.password_path)
        self.is_required = False
        self.authorization = None
        self.key_path = None  # of the key in use
        self.tried_at = 0

    def open(self, base):
        """Finds a credential that the platform at `base` accepts, if it requires one. Returns whether requests are possible."""
        status, methods = call(base, '/api/v1/auth/methods')
        if status != 200:
            raise Failed(f'the platform did not list its logins: {status} {methods}')
        self.is_required = methods['required']
        if not self.is_required:
            return True
        for path in self.key_paths:
            header = f'Bearer {read_line(path)}'
            if os.path.exists(path) and call(base, '/api/v1/auth/whoami', authorization=header)[0] == 200:
                self.authorization, self.key_path = header, path
                return True
        return self.log_in(base)

    def log_in(self, base):
        """Starts a session with the password. Returns whether the platform accepted it."""
        if not self.password:
            return False
        self.tried_at = time.monotonic()
        status, response = call(base, '/api/v1/auth/login', {'username': 'admin', 'password': self.password}, timeout=30)
        if status == 200:
            self.authorization = f"Bearer {response['access_token']}"
        return status == 200

    def renew(self, base):
        """Starts another session after the present one has ended. Returns whether it started."""
        is_session = self.authorization is not None and self.key_path is None
        return is_session and time.monotonic() - self.tried_at >= RENEWAL_SECONDS and self.log_in(base)

    def describe(self, base):
        """Returns the lines that say how to log in. No line contains a secret."""
        if not self.is_required:
            return []
        lines = []
        if self.key_path:
            lines.append(f'Login      the API key of the administrator is in {self.key_path}:')
            lines.append(f'           curl {self.flag()}{base}/api/v1/databases')
        if self.password:
            place = f'the file {self.password_path}' if self.password_path else 'BOOTSTRAP_ADMIN_PASSWORD'
            lines.append(f'Login      the user admin with the password in {place}: POST {base}/api/v1/auth/login')
        return lines or [HELP]

    def flag(self):
        """Returns the flag of curl for a request with the credential."""
        if not self.is_required:
            return ''
        value = f'$(cat {self.key_path})' if self.key_path else '$TOKEN'
        return f'-H "Authorization: Bearer {value}" '


class Client:
    """Sends requests to one address of the platform, with the credential of the login."""

    def __init__(self, base, login):
        self.base = base
        self.login = login

    def call(self, path, body=None, timeout=10):
        """Returns (status, JSON or text); the status is 0 if there is no response."""
        status, response = call(self.base, path, body, timeout, self.login.authorization)
        if status == 401 and self.login.renew(self.base):
            status, response = call(self.base, path, body, timeout, self.login.authorization)
        return status, response


def read_line(path):
    """Returns the first line of a file; '' if there is none."""
    try:
        with open(path or '', encoding='utf-8') as file:
            return file.readline().strip()
    except OSError:
        return ''


def make_platform_key(path):
    """Writes a new platform key, which only the owner of the file may read, if there is none."""
    if os.path.exists(path):
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, 'w', encoding='utf-8') as file:
        file.write(secrets.token_hex(32) + '\n')
