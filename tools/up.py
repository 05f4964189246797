#!/usr/bin/env python3
"""Starts the platform on this machine with a local cluster, creates two databases, and shows their state.

'./dev up' calls this after the build. Both programs listen on 127.0.0.1 and keep their files in the data folder.
"""

import argparse
import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

DEMO = [
    {'project': 'default', 'name': 'orders', 'engine': 'postgres', 'size': 'micro', 'storage': {'size': '1Gi'}},
    {'project': 'default', 'name': 'sessions', 'engine': 'redis', 'size': 'micro', 'storage': {'size': '1Gi'}},
]
# Variables of the tests; their names begin like those of options.
NOT_OPTIONS = ('DBAAS_BIN', 'DBAAS_EXPORTER_PAGES')
START_SECONDS = 60
DEMO_SECONDS = 180
STOP_SECONDS = 60


class Failed(Exception):
    """An error for a person: the cause and the next step."""


class TimedOut(Failed):
    """A condition did not become true before its deadline."""


def say(text=''):
    """Prints a line. A closed output ends the program as Ctrl-C does."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise KeyboardInterrupt from None


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy for this machine


def call(base, path, body=None, timeout=10):
    """Sends one request. Returns (status, JSON or text); the status is 0 if there is no response."""
    request = urllib.request.Request(base + path, method='POST' if body is not None else 'GET')
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        request.add_header('Content-Type', 'application/json')
    try:
        with OPENER.open(request, data, timeout) as response:
            status, text = response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text


STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def signals_blocked():
    """Delays the stop signals until the block ends."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


class Process:
    """A program that runs in the background. A file keeps its pid after this script has ended."""

    def __init__(self, name, run_dir):
        self.name = name
        self.pid_path = os.path.join(run_dir, name + '.pid')
        self.log_path = os.path.join(run_dir, name + '.log')
        self.child = None

    def start(self, command, env):
        # A signal between the start and the pid file would leave an unknown process. The child inherits the blocked
        # signals, which is right: both programs block them and wait for them.
        with signals_blocked(), open(self.log_path, 'ab') as log:
            # In a new session Ctrl-C reaches this script alone, which stops the programs in order.
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                                          start_new_session=True)
            with open(self.pid_path, 'w', encoding='utf-8') as file:
                file.write(f'{self.child.pid} {start_time(self.child.pid)}\n')

    def check(self):
        if self.child is None or self.child.poll() is None:
            return
        if self.child.returncode == 0:
            raise Failed(f'{self.name} was stopped by another command, such as ./dev down')
        raise Failed(f'{self.name} exited with status {self.child.returncode}; the last lines of {self.log_path}:\n'
                     + tail(self.log_path))

    def pid(self):
        """Returns the pid if this process is alive, else None."""
        try:
            with open(self.pid_path, encoding='utf-8') as file:
                pid, started = file.read().split()
        except (OSError, ValueError):
            return None
        return int(pid) if start_time(int(pid)) == started else None

    def stop(self):
        pid = self.pid()
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):  # it has ended since the check
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self.is_alive(pid):
            if time.monotonic() > deadline:
                say(f'  {self.name} does not stop; sending SIGKILL')
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                break
            time.sleep(0.05)
        if os.path.exists(self.pid_path):
            os.unlink(self.pid_path)

    def is_alive(self, pid):
        if self.child is not None and self.child.pid == pid:
            return self.child.poll() is None
        return self.pid() == pid


def start_time(pid):
    """Returns the start of a process in clock ticks since boot, or ''. With the pid it identifies the process."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            fields = file.read().rsplit(')', 1)[1].split()
    except OSError:
        return ''
    return '' if fields[0] == 'Z' else fields[19]


def tail(path, lines=15):
    with open(path, encoding='utf-8', errors='replace') as file:
        return ''.join('    ' + line for line in file.readlines()[-lines:])


def wait_until(condition, seconds, processes, problem):
    """Waits until the condition is true and returns its value. `problem`, a text or a function, describes a timeout."""
    deadline = time.monotonic() + seconds
    while True:
        for process in processes:
            process.check()
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            text = problem() if callable(problem) else problem
            raise TimedOut(f'{text} within {seconds} s; see {os.path.dirname(processes[0].log_path)}/*.log')
        time.sleep(0.05)


def format_amount(value):
    if value is None:
        return '-'
    return f'{value:,.0f}' if value >= 10 else f'{value:.2g}'


def value_at(document, *path):
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def format_database(base, database):
    """Returns a line of the overview, read from the platform's cache."""
    status = database['status']
    endpoints = status.get('endpoints') or []
    endpoint = f"{endpoints[0]['host']}:{endpoints[0]['port']}" if endpoints else '-'
    engine = f"{database['engine']} {database['version']}"
    text = f"{database['name']:<10} {engine:<18} {status['phase']:<12} {endpoint:<17}"
    _, metrics = call(base, f"/api/v1/databases/{database['id']}/metrics")
    values = metrics.get('metrics') if isinstance(metrics, dict) else None
    if values and metrics.get('last_updated'):
        text += f" {format_amount(value_at(values, 'connections', 'current'))} connections"
        text += f"  {format_amount(value_at(values, 'operations', 'per_second'))} ops/s"
        for group, place in (('memory', 'in memory'), ('storage', 'on disk')):
            used = value_at(values, group, 'used_bytes')
            if used is not None:
                text += f'  {format_amount(used / 2**20)} MiB {place}'
                break
        text += f"  metrics {metrics['age_seconds']} s old"
    else:
        text += f"  metrics {value_at(metrics, 'status') or 'pending'}"
    return text


def list_databases(base):
    """Returns the databases, or None if the request fails."""
    status, response = call(base, '/api/v1/databases?limit=20&sort=name')
    return response['items'] if status == 200 else None


def overview(base):
    return [format_database(base, database) for database in list_databases(base) or []]


def create_demo(base, processes):
    """Creates the missing demo databases and waits until all run. Only a new one that fails is an error."""
    created = set()
    for wanted in DEMO:
        status, response = call(base, '/api/v1/databases', wanted, timeout=30)
        if status == 422 and any(error['code'] == 'engine_not_installed' for error in response.get('errors', [])):
            say(f"  {wanted['name']}: {wanted['engine']} is not installed on this machine; skipped")
        elif status == 202:
            say(f"  {wanted['name']}: creating {wanted['engine']} ({response['operation']['id']})")
            created.add(wanted['name'])
        elif status != 409:  # 409: created by an earlier start
            raise Failed(f"the platform rejected '{wanted['name']}': {status} {json.dumps(response)}")
    names = {(wanted['project'], wanted['name']) for wanted in DEMO}
    shown = {}
    late = {}

    def all_running():
        known = list_databases(base)
        if known is None:
            return False
        late.clear()
        for database in known:
            if (database['project'], database['name']) not in names:
                continue
            name, phase, message = database['name'], database['status']['phase'], database['status'].get('message') or ''
            if shown.get(name) != phase:
                shown[name] = phase
                say(f'  {name}: {phase} {message}'.rstrip())
            if phase == 'failed' and name in created:
                raise Failed(f"{name} failed: {database['status'].get('reason')} {message}")
            if phase in ('provisioning', 'unknown', 'updating', 'degraded'):
                late[name] = f'{name} was not running ({message or phase})'
            elif phase == 'running':
                _, metrics = call(base, f"/api/v1/databases/{database['id']}/metrics")
                if not value_at(metrics, 'last_updated'):
                    late[name] = f"{name} had no metrics ({value_at(metrics, 'reason') or 'pending'})"
        return not late

    try:
        wait_until(all_running, DEMO_SECONDS, processes, lambda: ', '.join(late.values()) or 'the platform did not respond')
    except TimedOut as failure:
        if created.intersection(late) or not late:
            raise
        say(f'  {failure}')


def show(base, once, processes):
    say()
    say(f'Platform   {base}     API docs {base}/docs')
    lines = overview(base)
    for line in lines:
        say(line)
    for database in list_databases(base) or []:
        if database['engine'] in ('postgres', 'redis'):
            say(f"  credentials: curl {base}/api/v1/databases/{database['id']}/credentials")
    if once:
        say('./dev down stops everything.')
        return
    say('Ctrl-C stops everything.')
    interval_seconds = 5 if sys.stdout.isatty() else 30
    shown = time.monotonic()
    while True:
        time.sleep(0.5)
        for process in processes:
            process.check()
        if time.monotonic() - shown < interval_seconds:
            continue
        shown = time.monotonic()
        say('')
        for line in overview(base):
            say(line)


def parse():
    parser = argparse.ArgumentParser(prog='./dev up', description=__doc__.split('\n')[0])
    parser.add_argument('--bin', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--data', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--stop', action='store_true', help=argparse.SUPPRESS)
    parser.add_argument('-d', '--detach', action='store_true', help='keep the programs running; ./dev down stops them')
    parser.add_argument('--no-demo', action='store_true', help='do not create the two demo databases')
    parser.add_argument('--port', type=int, default=8000, help="the platform's port on 127.0.0.1 (8000)")
    return parser.parse_args()


def check_port(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError as error:
            raise Failed(f'port {port} of 127.0.0.1 is not available ({error.strerror}); '
                         'choose another with ./dev up --port N') from error


class Detached:
    """A file that exists if the programs run without this script. Its content is the platform's URL."""

    def __init__(self, run_dir):
        self.path = os.path.join(run_dir, 'detached')

    def write(self, base):
        with open(self.path, 'w', encoding='utf-8') as file:
            file.write(base)

    def read(self):
        try:
            with open(self.path, encoding='utf-8') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def remove(self):
        if os.path.exists(self.path):
            os.unlink(self.path)


def option_variables(program, env):
    """Returns the environment variables that the platform reads options from."""
    text = subprocess.run([program, 'config'], env=env, capture_output=True, text=True, check=True).stdout
    return re.findall(r'^--\S+  +(\w+) ', text, re.M)


def start(arguments, cluster, platform):
    check_port(arguments.port)
    kubeconfig = os.path.join(arguments.data, 'kubeconfig')
    if os.path.exists(kubeconfig):
        os.unlink(kubeconfig)
    env = {key: value for key, value in os.environ.items() if key in ('PATH', 'HOME', 'LANG', 'LOG_LEVEL', 'TERM', 'USER')}
    say('== starting the local cluster')
    cluster.start([os.path.join(arguments.bin, 'dbaas-devcluster'), 'serve', '--data', os.path.join(arguments.data, 'cluster'),
                   '--kubeconfig', kubeconfig], env)
    wait_until(lambda: os.path.exists(kubeconfig), START_SECONDS, [cluster], 'the local cluster did not start')
    say('== starting the platform')
    program = os.path.join(arguments.bin, 'dbaas')
    known = option_variables(program, env)
    # An unknown variable that begins with DBAAS_ is passed on as well: the platform rejects misspelt options.
    passed = {name: value for name, value in os.environ.items()
             if name in known or name.startswith('DBAAS_') and name not in NOT_OPTIONS}
    if passed:
        say(f"   with {', '.join(sorted(passed))} from your environment")
    env.update(passed)
    env.setdefault('METRICS_SYNC_INTERVAL', '10')
    platform.start([program, 'serve', '--listen', f'127.0.0.1:{arguments.port}', '--data-dir',
                    os.path.join(arguments.data, 'platform'), '--kubeconfig', kubeconfig], env)
    base = f'http://127.0.0.1:{arguments.port}'
    wait_until(lambda: call(base, '/health/ready', timeout=2)[0] == 200, START_SECONDS, [platform, cluster],
               'the platform was not ready')
    return base


def main():
    arguments = parse()
    for number in STOP_SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, interrupt)
    try:
        return main_with(arguments)
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        print(f'dev: {error}' + (f'; {arguments.data} belongs to another user' if isinstance(error, PermissionError) else ''),
              file=sys.stderr)
        return 1


def main_with(arguments):
    run_dir = os.path.join(arguments.data, 'run')
    os.makedirs(run_dir, exist_ok=True)
    processes = [Process('platform', run_dir), Process('devcluster', run_dir)]  # in the order of stopping
    detached = Detached(run_dir)
    if arguments.stop:
        if not stop_all(processes, detached):
            say('== nothing is running')
        return 0
    with open(os.path.join(run_dir, 'lock'), 'w', encoding='utf-8') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print('dev: another ./dev up uses this checkout; stop it with Ctrl-C, or ./dev down', file=sys.stderr)
            return 1
        running = [process.name for process in processes if process.pid() is not None]
        if len(running) == len(processes) and detached.read():
            return show_running(arguments, detached.read())
        if running:
            say(f"== an earlier ./dev up did not stop its programs; stopping {' and '.join(running)}")
            stop_all(processes, detached)
        return run(arguments, processes, detached)


def show_running(arguments, base):
    if not arguments.detach:
        print(f'dev: already running at {base}; ./dev down stops it', file=sys.stderr)
        return 1
    say('== already running; to restart it, run ./dev down first')
    show(base, once=True, processes=[])
    return 0


def interrupt(*_):
    raise KeyboardInterrupt


def run(arguments, processes, detached):
    platform, cluster = processes
    keep = False
    try:
        started = time.monotonic()
        base = start(arguments, cluster, platform)
        say(f'== serving after {time.monotonic() - started:.1f} s')
        if not arguments.no_demo:
            create_demo(base, processes)
        if arguments.detach:
            detached.write(base)
            keep = True
        show(base, once=arguments.detach, processes=processes)
    except KeyboardInterrupt:
        say()
    except Failed as failure:
        print(f'dev: {failure}', file=sys.stderr)
        return 1
    finally:
        if not keep:
            stop_all(processes, detached)
    return 0


def stop_all(processes, detached):
    """Stops the running processes. Returns their names."""
    with signals_blocked():
        running = [process for process in processes if process.pid() is not None]
        for process in running:
            with contextlib.suppress(KeyboardInterrupt):  # the output is closed
                say(f'== stopping {process.name}')
            process.stop()
        detached.remove()
    return [process.name for process in running]


if __name__ == '__main__':
    sys.exit(main())
