#!/usr/bin/env python3
"""`./dev up --replicas 3`: what it shows, kill -9 of each kind of program while it runs, and that nothing is left after Ctrl-C."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

import mongo_server
from process import end, spawn
from stack import request, wait_until

UP = os.path.join(mongo_server.ROOT, 'tools/up.py')
ARE_PARTS_INSTALLED = mongo_server.is_installed() and all(shutil.which(name) for name in ('nginx', 'redis-server', 'redis-cli'))


def commands_with(text):
    """Returns the command lines of the processes whose command line or working folder contains the text."""
    result = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as file:
                command = file.read().decode(errors='replace').replace('\0', ' ')
            cwd = os.readlink(f'/proc/{pid}/cwd')
        except OSError:
            continue
        if (text in command or text in cwd) and int(pid) != os.getpid():
            result.append(command)
    return result


@unittest.skipUnless(ARE_PARTS_INSTALLED, "parts are missing; './dev test --live' installs them")
class Up(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        self.base = f'http://127.0.0.1:{self.port}'
        self.lines = []

    def start(self, *flags, **variables):
        self.up = spawn([sys.executable, UP, '--bin', os.environ['DBAAS_BIN'], '--data', self.folder, '--port', str(self.port),
                         '--replicas', '3', '--no-demo', *flags], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT, text=True, env={**os.environ, **variables})
        reader = threading.Thread(target=self.collect)
        reader.start()
        self.addCleanup(reader.join)
        self.addCleanup(end, self.up, 120)

    def collect(self):
        with self.up.stdout:
            for line in self.up.stdout:
                self.lines.append(line)

    def wait_for(self, pattern, seconds=60):
        """Waits for a new line that matches, and forgets all lines before it."""
        def found():
            return next((number for number, line in enumerate(self.lines) if re.search(pattern, line)), None) is not None
        wait_until(found, seconds, f'{pattern} in: ' + ''.join(self.lines[-20:]))
        number = next(number for number, line in enumerate(self.lines) if re.search(pattern, line))
        line = self.lines[number]
        del self.lines[:number + 1]
        return line

    def kill(self, name):
        with open(os.path.join(self.folder, 'run', name + '.pid'), encoding='utf-8') as file:
            os.kill(int(file.read().split()[0]), signal.SIGKILL)
        self.wait_for(rf'{name}: lost \(signal 9\)', 20)

    def create_project(self, name, **headers):
        return request('POST', self.base + '/api/v1/projects', {'name': name}, headers=headers).status

    def metric_of_any(self, name):
        page = request('GET', self.base + '/metrics').text
        return next((float(line.rsplit(' ', 1)[1]) for line in page.splitlines() if line.startswith(name + ' ')), None)

    def test_survives_the_kill_of_each_kind_of_program_and_leaves_nothing(self):
        self.start()
        self.wait_for('Kill any program')
        for number in range(1, 4):
            self.wait_for(rf'^replica-{number} +ready .* 0: $', 20)
        self.assertEqual(self.create_project('before'), 201)

        self.kill('replica-2')
        self.assertEqual(request('GET', self.base + '/api/v1/projects/before').status, 200)
        wait_until(lambda: self.metric_of_any('dbaas_replicas') == 2, what='the takeover')
        self.wait_for('replica-2: started again', 40)
        wait_until(lambda: self.metric_of_any('dbaas_replicas') == 3, what='the return of the replica')

        for name in ('nginx', 'redis-1', 'devcluster', 'mongodb'):
            self.kill(name)
            self.wait_for(f'{name}: started again', 20)
        wait_until(lambda: self.create_project('after') in (201, 409), 60, 'writes after all kills')
        for _ in range(3):  # nginx takes the replicas in turn
            wait_until(lambda: request('GET', self.base + '/api/v1/projects/after').status == 200, what='the project on every replica')

        self.up.send_signal(signal.SIGINT)
        self.assertEqual(self.up.wait(120), 0)
        self.assertEqual(commands_with(self.folder), [])

    def test_detached_programs_run_until_down_and_may_require_a_login(self):
        self.start('-d', DBAAS_AUTH='required')
        self.assertEqual(self.up.wait(120), 0, ''.join(self.lines))
        output = ''.join(self.lines)
        path = os.path.join(self.folder, 'replicas', 'replica-1', 'admin-key')
        self.assertIn(f'the API key of the administrator is in {path}', output)
        with open(path, encoding='utf-8') as file:
            key = file.read().strip()
        self.assertNotIn(key, output)
        self.assertEqual(os.stat(os.path.join(self.folder, 'replicas', 'platform-key')).st_mode & 0o777, 0o600)
        self.assertEqual(self.create_project('shop'), 401)
        for number in range(3):  # nginx takes the replicas in turn
            wait_until(lambda: self.create_project(f'shop{number}', Authorization=f'Bearer {key}') == 201, 30, 'the key on every replica')
        stopped = subprocess.run([sys.executable, UP, '--bin', os.environ['DBAAS_BIN'], '--data', self.folder, '--stop'], check=False,
                                 capture_output=True, text=True)
        self.assertEqual(stopped.returncode, 0, stopped.stderr)
        self.assertIn('stopping replica-3', stopped.stdout)
        self.assertEqual(commands_with(self.folder), [])


if __name__ == '__main__':
    unittest.main(verbosity=2)
