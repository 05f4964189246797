"""Starts, kills and restarts the two programs in a temporary folder, and sends them HTTP requests."""

import atexit
import concurrent.futures
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time

from process import end, spawn
from rest import Response, exchange


def wait_until(condition, seconds=60, what='a condition'):
    """Calls condition() until its result is true and returns that. Raises AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f'timeout after {seconds} s: {what}')
        time.sleep(0.05)


def address_in(log, offset=0):
    """Returns the address in the first event `serving` of a log of JSON lines, from `offset` on; None if there is none yet."""
    with open(log, encoding='utf-8', errors='replace') as file:
        file.seek(offset)
        lines = [json.loads(line) for line in file if line.endswith('}\n')]
    return next((line['address'] for line in lines if line['event'] == 'serving'), None)


def request(method, url, body=None, headers=None, timeout=30):
    """Returns the response. Its status is 0 if there is none."""
    try:
        return exchange(method, url, body, headers, timeout)
    except OSError as error:
        return Response(0, {}, str(error))


class Stack:
    """A platform and a local cluster. close() ends both. With a kubeconfig, the platform uses that cluster instead."""

    def __init__(self, kubeconfig=None):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        atexit.register(self.close)
        os.chmod(self.folder, 0o755)  # the engines' user must reach its data
        self.kubeconfig = kubeconfig or os.path.join(self.folder, 'kubeconfig')
        self.cluster = self.platform = None
        self.base = None

    def start_cluster(self, *flags):
        if os.path.exists(self.kubeconfig):
            os.unlink(self.kubeconfig)
        self.cluster = self._start('cluster.log', ['dbaas-devcluster', 'serve', '--data',
                                                   os.path.join(self.folder, 'cluster'), '--kubeconfig', self.kubeconfig,
                                                   *flags])
        wait_until(lambda: os.path.exists(self.kubeconfig), what='the local cluster')

    def start_operator(self, kubeconfig):
        """Starts the operator alone, instead of the local cluster."""
        self.cluster = self._start('cluster.log', ['dbaas-devcluster', 'operate', '--data', os.path.join(self.folder, 'cluster'),
                                                   '--kubeconfig', kubeconfig])

    def start_platform(self, interval=2, **env):
        log = os.path.join(self.folder, 'platform.log')
        offset = os.path.getsize(log) if os.path.exists(log) else 0
        self.platform = self._start('platform.log', ['dbaas', 'serve', '--listen', '127.0.0.1:0', '--kubeconfig',
                                                     self.kubeconfig, '--data-dir', os.path.join(self.folder, 'platform'),
                                                     '--metrics-sync-interval', str(interval), '--log-format', 'json'], env)

        def address():
            assert self.platform.poll() is None, self.log_tail('platform.log')
            with open(log, encoding='utf-8') as file:
                file.seek(offset)
                for line in file:
                    if '"event":"serving"' in line:
                        return json.loads(line)['address']
            return None

        self.base = wait_until(address, what='the platform')
        wait_until(lambda: self.get('/health/ready').status == 200, what='readiness')

    def start(self):
        self.start_cluster()
        self.start_platform()
        self.wait_for_engine('redis')

    def _start(self, log, command, env=None):
        with open(os.path.join(self.folder, log), 'ab') as out:
            return spawn([os.path.join(os.environ['DBAAS_BIN'], command[0]), *command[1:]], stdin=subprocess.DEVNULL, stdout=out,
                         stderr=out, env={'PATH': os.environ['PATH'], 'TSAN_OPTIONS': 'halt_on_error=1', **(env or {})})

    def log_tail(self, name, lines=20):
        with open(os.path.join(self.folder, name), encoding='utf-8', errors='replace') as file:
            return ''.join(file.readlines()[-lines:])

    def get(self, path, **options):
        return request('GET', self.base + path, **options)

    def post(self, path, body=None, **options):
        return request('POST', self.base + path, {} if body is None else body, **options)

    def patch(self, path, body, **options):
        return request('PATCH', self.base + path, body, **options)

    def delete(self, path, **options):
        return request('DELETE', self.base + path, **options)

    def create(self, name, engine='redis', **fields):
        return self.post('/api/v1/databases', {'project': 'default', 'name': name, 'engine': engine, 'size': 'micro',
                                               'storage': {'size': '1Gi'}, **fields})

    def created(self, name, engine='redis', **fields):
        """Creates a database and returns its id."""
        response = self.create(name, engine, **fields)
        assert response.status == 202, f'{name}: {response.status} {response.text}'
        return response.json['database']['id']

    def databases(self):
        return self.get('/api/v1/databases?limit=500').json['items']

    def phase(self, database_id):
        response = self.get(f'/api/v1/databases/{database_id}/status')
        return response.json['phase'] if response.status == 200 else None

    def wait_for(self, database_id, phase, seconds=60):
        wait_until(lambda: self.phase(database_id) == phase, seconds, f'{database_id} {phase}')

    def wait_for_engine(self, engine):
        wait_until(lambda: any(entry['engine'] == engine and entry['installed'] for entry in self.get('/api/v1/engines').json['items']),
                   what=f'{engine} in the catalogue')

    def cluster_address(self):
        """Returns the URL and the token of the local cluster's API."""
        with open(os.path.join(self.folder, 'cluster/token'), encoding='utf-8') as file:
            token = file.read().strip()
        with open(os.path.join(self.folder, 'cluster/apiserver/apiserver.port'), encoding='utf-8') as file:
            return f'http://127.0.0.1:{file.read().strip()}', token

    def request_cluster(self, method, path, body=None):
        base, token = self.cluster_address()
        return request(method, base + path, body, {'Authorization': 'Bearer ' + token})

    def kubernetes(self, path):
        return self.request_cluster('GET', path).json

    def engine_processes(self, program):
        """Returns the pids of the engine servers that run in the folder of this stack."""
        pids = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/cmdline', 'rb') as file:
                    arguments = file.read().decode(errors='replace').split('\0')
                cwd = os.readlink(f'/proc/{pid}/cwd')
            except OSError:
                continue
            if cwd.startswith(self.folder) and arguments[0].split(' ')[0].endswith(program):
                pids.append(int(pid))
        return pids

    def kill_platform(self):
        self.platform.kill()
        self.platform.wait()

    def delete_kept_responses(self):
        """Deletes every second response kept for an Idempotency-Key, as if the platform had ended before storing it."""
        with contextlib.closing(sqlite3.connect(os.path.join(self.folder, 'platform/platform.db'))) as store, store:
            for table in ('document', 'index_value'):
                store.execute(f"delete from {table} where collection = cast('idempotency' as blob) "
                              "and cast(substr(cast(id as text), -1) as integer) % 2 = 1")

    def kill_cluster(self):
        self.cluster.kill()
        self.cluster.wait()

    def close(self):
        for process in (self.platform, self.cluster):
            end(process)
        # A process that an engine started may write for a moment after the engine has ended.
        deadline = time.monotonic() + 10
        while os.path.exists(self.folder) and time.monotonic() < deadline:
            shutil.rmtree(self.folder, ignore_errors=True)
            time.sleep(0.05)
        atexit.unregister(self.close)


def together(count, act):
    """Calls act(0) to act(count - 1) concurrently. Returns the results in order."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(act, range(count)))
