"""The two programs for tests from outside: started in a folder of their own, killed, restarted, asked over HTTP."""

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
from rest import Answer, exchange


def wait_until(is_so, seconds=60, what='a condition'):
    """The first true value of is_so(), asked again and again; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = is_so()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f'{what} did not come true within {seconds} s')
        time.sleep(0.05)


def request(method, url, body=None, headers=None, timeout=30):
    """Status 0 when nobody answers."""
    try:
        return exchange(method, url, body, headers, timeout)
    except OSError as error:
        return Answer(0, {}, str(error))


class Stack:
    """A platform and a local cluster. Everything ends with close(). With a kubeconfig: a platform for that cluster."""

    def __init__(self, kubeconfig=None):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        atexit.register(self.close)
        os.chmod(self.folder, 0o755)  # the engines' user passes through
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
        """The local operator alone, in the place of the local cluster."""
        self.cluster = self._start('cluster.log', ['dbaas-devcluster', 'operate', '--data', os.path.join(self.folder, 'cluster'),
                                                   '--kubeconfig', kubeconfig])

    def start_platform(self, interval=2, **env):
        log = os.path.join(self.folder, 'platform.log')
        at = os.path.getsize(log) if os.path.exists(log) else 0
        self.platform = self._start('platform.log', ['dbaas', 'serve', '--listen', '127.0.0.1:0', '--kubeconfig',
                                                     self.kubeconfig, '--data-dir', os.path.join(self.folder, 'platform'),
                                                     '--metrics-sync-interval', str(interval), '--log-format', 'json'], env)

        def address():
            assert self.platform.poll() is None, self.log_tail('platform.log')
            with open(log, encoding='utf-8') as file:
                file.seek(at)
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

    def _start(self, log, words, env=None):
        with open(os.path.join(self.folder, log), 'ab') as out:
            return spawn([os.path.join(os.environ['DBAAS_BIN'], words[0]), *words[1:]], stdin=subprocess.DEVNULL, stdout=out,
                         stderr=out, env={'PATH': os.environ['PATH'], 'TSAN_OPTIONS': 'halt_on_error=1', **(env or {})})

    def log_tail(self, name, lines=20):
        with open(os.path.join(self.folder, name), encoding='utf-8', errors='replace') as file:
            return ''.join(file.readlines()[-lines:])

    def get(self, path, **how):
        return request('GET', self.base + path, **how)

    def post(self, path, body=None, **how):
        return request('POST', self.base + path, {} if body is None else body, **how)

    def patch(self, path, body, **how):
        return request('PATCH', self.base + path, body, **how)

    def delete(self, path, **how):
        return request('DELETE', self.base + path, **how)

    def create(self, name, engine='redis', **more):
        return self.post('/api/v1/databases', {'project': 'default', 'name': name, 'engine': engine, 'size': 'micro',
                                               'storage': {'size': '1Gi'}, **more})

    def created(self, name, engine='redis', **more):
        """The id of a database whose creation was accepted."""
        answer = self.create(name, engine, **more)
        assert answer.status == 202, f'{name}: {answer.status} {answer.text}'
        return answer.json['database']['id']

    def databases(self):
        return self.get('/api/v1/databases?limit=500').json['items']

    def phase(self, database_id):
        answer = self.get(f'/api/v1/databases/{database_id}/status')
        return answer.json['phase'] if answer.status == 200 else None

    def wait_for(self, database_id, phase, seconds=60):
        wait_until(lambda: self.phase(database_id) == phase, seconds, f'{database_id} {phase}')

    def wait_for_engine(self, engine):
        wait_until(lambda: any(each['engine'] == engine and each['installed'] for each in self.get('/api/v1/engines').json['items']),
                   what=f'{engine} in the catalogue')

    def cluster_address(self):
        """The local cluster's API: its URL and its token."""
        with open(os.path.join(self.folder, 'cluster/token'), encoding='utf-8') as file:
            token = file.read().strip()
        with open(os.path.join(self.folder, 'cluster/apiserver/apiserver.port'), encoding='utf-8') as file:
            return f'http://127.0.0.1:{file.read().strip()}', token

    def ask_cluster(self, method, path, body=None):
        base, token = self.cluster_address()
        return request(method, base + path, body, {'Authorization': 'Bearer ' + token})

    def kubernetes(self, path):
        return self.ask_cluster('GET', path).json

    def engine_processes(self, program):
        """Pids of our engines' servers: those whose arguments name our folder."""
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/cmdline', 'rb') as file:
                    words = file.read().decode(errors='replace').split('\0')
                cwd = os.readlink(f'/proc/{pid}/cwd')
            except OSError:
                continue
            if cwd.startswith(self.folder) and words[0].split(' ')[0].endswith(program):
                found.append(int(pid))
        return found

    def kill_platform(self):
        self.platform.kill()
        self.platform.wait()

    def lose_kept_answers(self):
        """Every other one, as if the platform had ended before it kept them."""
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
        # What an engine's own script started may write for a moment after it.
        deadline = time.monotonic() + 10
        while os.path.exists(self.folder) and time.monotonic() < deadline:
            shutil.rmtree(self.folder, ignore_errors=True)
            time.sleep(0.05)
        atexit.unregister(self.close)


def together(count, act):
    """act(0..count-1) at the same time; the results in order."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(act, range(count)))
