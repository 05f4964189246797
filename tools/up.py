#!/usr/bin/env python3
"""Starts the platform on this machine with a local cluster, asks it for two databases, and shows what it knows of them.

'./dev up' calls this after building. Everything that is started listens on 127.0.0.1 and keeps its files in the data folder.
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
# Of the tests' environment, not the platform's.
NOT_OPTIONS = ('DBAAS_BIN', 'DBAAS_EXPORTER_PAGES')
START_SECONDS = 60
DEMO_SECONDS = 180
STOP_SECONDS = 60


class Failed(Exception):
    """What went wrong and what to do next, for a person."""


class Late(Failed):
    """Something did not come to be in time."""


def say(text=''):
    """A line for a person. When nobody reads any more, it is as if they had pressed Ctrl-C."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise KeyboardInterrupt from None


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # nothing on this machine is behind a proxy


def call(base, path, body=None, timeout=10):
    """One request; (status, JSON or text). Status 0 when nobody answers."""
    request = urllib.request.Request(base + path, method='POST' if body is not None else 'GET')
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        request.add_header('Content-Type', 'application/json')
    try:
        with OPENER.open(request, data, timeout) as answer:
            status, text = answer.status, answer.read().decode()
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
def undisturbed():
    """Ctrl-C and its like wait until this is done."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


class Process:
    """A program that runs in the background; its pid outlives this script in a file."""

    def __init__(self, name, run_dir):
        self.name = name
        self.pid_path = os.path.join(run_dir, name + '.pid')
        self.log_path = os.path.join(run_dir, name + '.log')
        self.child = None

    def start(self, command, env):
        # Started and noted are one step. That the child inherits the blocked signals is well: both programs wait for those.
        with undisturbed(), open(self.log_path, 'ab') as log:
            # A session of its own: Ctrl-C reaches this script alone, which stops things in order.
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                                          start_new_session=True)
            with open(self.pid_path, 'w', encoding='utf-8') as file:
                file.write(f'{self.child.pid} {start_time(self.child.pid)}\n')

    def check(self):
        if self.child is None or self.child.poll() is None:
            return
        if self.child.returncode == 0:
            raise Failed(f'{self.name} was stopped from elsewhere, as ./dev down does')
        raise Failed(f'{self.name} ended with status {self.child.returncode}; its last lines, from {self.log_path}:\n'
                     + tail(self.log_path))

    def pid(self):
        """The pid while that very process is alive, else None."""
        try:
            with open(self.pid_path, encoding='utf-8') as file:
                pid, began = file.read().split()
        except (OSError, ValueError):
            return None
        return int(pid) if start_time(int(pid)) == began else None

    def stop(self):
        pid = self.pid()
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):  # it ended just now
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self.is_alive(pid):
            if time.monotonic() > deadline:
                say(f'  {self.name} does not stop; killing it')
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
    """When a process began, in clock ticks since boot: with the pid it names one process for good. '' when there is none."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            fields = file.read().rsplit(')', 1)[1].split()
    except OSError:
        return ''
    return '' if fields[0] == 'Z' else fields[19]


def tail(path, lines=15):
    with open(path, encoding='utf-8', errors='replace') as file:
        return ''.join('    ' + line for line in file.readlines()[-lines:])


def wait_until(is_so, seconds, processes, what):
    """'what' says what is not so, for the case that it never is; a function of that, when it can say more."""
    deadline = time.monotonic() + seconds
    while True:
        for process in processes:
            process.check()
        result = is_so()
        if result:
            return result
        if time.monotonic() > deadline:
            text = what() if callable(what) else what
            raise Late(f'{text} within {seconds} s; look into {os.path.dirname(processes[0].log_path)}/*.log')
        time.sleep(0.05)


def amount(value):
    if value is None:
        return '-'
    return f'{value:,.0f}' if value >= 10 else f'{value:.2g}'


def dig(document, *path):
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def line_of(base, database):
    """One database as a line of the overview, all of it from the platform's cache."""
    status = database['status']
    endpoints = status.get('endpoints') or []
    where = f"{endpoints[0]['host']}:{endpoints[0]['port']}" if endpoints else '-'
    what = f"{database['engine']} {database['version']}"
    text = f"{database['name']:<10} {what:<18} {status['phase']:<12} {where:<17}"
    _, metrics = call(base, f"/api/v1/databases/{database['id']}/metrics")
    values = metrics.get('metrics') if isinstance(metrics, dict) else None
    if values and metrics.get('last_updated'):
        text += f" {amount(dig(values, 'connections', 'current'))} connections"
        text += f"  {amount(dig(values, 'operations', 'per_second'))} ops/s"
        for group, word in (('memory', 'in memory'), ('storage', 'on disk')):
            used = dig(values, group, 'used_bytes')
            if used is not None:
                text += f'  {amount(used / 2**20)} MiB {word}'
                break
        text += f"  metrics {metrics['age_seconds']} s old"
    else:
        text += f"  metrics {dig(metrics, 'status') or 'pending'}"
    return text


def databases(base):
    """What the platform knows of; None when it does not say."""
    status, answer = call(base, '/api/v1/databases?limit=20&sort=name')
    return answer['items'] if status == 200 else None


def overview(base):
    return [line_of(base, database) for database in databases(base) or []]


def make_demo(base, processes):
    """Asks for the demo databases that are not there, and waits for all of them. Only new ones have to come up."""
    made = set()
    for wanted in DEMO:
        status, answer = call(base, '/api/v1/databases', wanted, timeout=30)
        if status == 422 and any(fault['code'] == 'engine_not_installed' for fault in answer.get('errors', [])):
            say(f"  {wanted['name']}: {wanted['engine']} is not installed on this machine; left out")
        elif status == 202:
            say(f"  {wanted['name']}: a {wanted['engine']} is on its way ({answer['operation']['id']})")
            made.add(wanted['name'])
        elif status != 409:  # 409: there from an earlier start
            raise Failed(f"the platform did not accept '{wanted['name']}': {status} {json.dumps(answer)}")
    names = {(wanted['project'], wanted['name']) for wanted in DEMO}
    shown = {}
    late = {}

    def all_running():
        known = databases(base)
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
            if phase == 'failed' and name in made:
                raise Failed(f"{name} failed: {database['status'].get('reason')} {message}")
            if phase in ('provisioning', 'unknown', 'updating', 'degraded'):
                late[name] = f'{name} was not running ({message or phase})'
            elif phase == 'running':
                _, metrics = call(base, f"/api/v1/databases/{database['id']}/metrics")
                if not dig(metrics, 'last_updated'):
                    late[name] = f"{name} had no metrics ({dig(metrics, 'reason') or 'pending'})"
        return not late

    try:
        wait_until(all_running, DEMO_SECONDS, processes, lambda: ', '.join(late.values()) or 'the platform did not answer')
    except Late as failure:
        if made.intersection(late) or not late:
            raise
        say(f'  {failure}')


def show(base, once, processes):
    say()
    say(f'Platform   {base}     API docs {base}/docs')
    lines = overview(base)
    for line in lines:
        say(line)
    for database in databases(base) or []:
        if database['engine'] in ('postgres', 'redis'):
            say(f"  credentials: curl {base}/api/v1/databases/{database['id']}/credentials")
    if once:
        say('./dev down stops everything.')
        return
    say('Ctrl-C stops everything.')
    pause = 5 if sys.stdout.isatty() else 30
    shown = time.monotonic()
    while True:
        time.sleep(0.5)
        for process in processes:
            process.check()
        if time.monotonic() - shown < pause:
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
    parser.add_argument('-d', '--detach', action='store_true', help='leave it running; ./dev down stops it')
    parser.add_argument('--no-demo', action='store_true', help='do not ask for the two demo databases')
    parser.add_argument('--port', type=int, default=8000, help="the platform's port on 127.0.0.1 (8000)")
    return parser.parse_args()


def check_port(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError as error:
            raise Failed(f'port {port} of 127.0.0.1 cannot be had ({error.strerror}); ./dev up --port N takes another') from error


class Detached:
    """The note that the processes are meant to run without a script that watches over them; it holds where."""

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


def options(program, env):
    """The environment variables that the platform takes options from."""
    told = subprocess.run([program, 'config'], env=env, capture_output=True, text=True, check=True).stdout
    return re.findall(r'^--\S+  +(\w+) ', told, re.M)


def start(how, cluster, platform):
    check_port(how.port)
    kubeconfig = os.path.join(how.data, 'kubeconfig')
    if os.path.exists(kubeconfig):
        os.unlink(kubeconfig)
    env = {key: value for key, value in os.environ.items() if key in ('PATH', 'HOME', 'LANG', 'LOG_LEVEL', 'TERM', 'USER')}
    say('== starting the local cluster')
    cluster.start([os.path.join(how.bin, 'dbaas-devcluster'), 'serve', '--data', os.path.join(how.data, 'cluster'),
                   '--kubeconfig', kubeconfig], env)
    wait_until(lambda: os.path.exists(kubeconfig), START_SECONDS, [cluster], 'the local cluster did not start')
    say('== starting the platform')
    program = os.path.join(how.bin, 'dbaas')
    known = options(program, env)
    # One that begins with DBAAS_ and is no option is the platform's to refuse: it is a misspelt one.
    given = {name: value for name, value in os.environ.items()
             if name in known or name.startswith('DBAAS_') and name not in NOT_OPTIONS}
    if given:
        say(f"   with {', '.join(sorted(given))} of your environment")
    env.update(given)
    env.setdefault('METRICS_SYNC_INTERVAL', '10')
    platform.start([program, 'serve', '--listen', f'127.0.0.1:{how.port}', '--data-dir',
                    os.path.join(how.data, 'platform'), '--kubeconfig', kubeconfig], env)
    base = f'http://127.0.0.1:{how.port}'
    wait_until(lambda: call(base, '/health/ready', timeout=2)[0] == 200, START_SECONDS, [platform, cluster],
               'the platform was not ready')
    return base


def main():
    how = parse()
    for number in STOP_SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup wants it
            signal.signal(number, interrupt)
    try:
        return main_with(how)
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        print(f'dev: {error}' + (f'; {how.data} belongs to another user' if isinstance(error, PermissionError) else ''),
              file=sys.stderr)
        return 1


def main_with(how):
    run_dir = os.path.join(how.data, 'run')
    os.makedirs(run_dir, exist_ok=True)
    processes = [Process('platform', run_dir), Process('devcluster', run_dir)]  # in the order of stopping
    detached = Detached(run_dir)
    if how.stop:
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
            return show_running(how, detached.read())
        if running:
            say(f"== an earlier ./dev up did not end well; stopping its {' and '.join(running)}")
            stop_all(processes, detached)
        return run(how, processes, detached)


def show_running(how, base):
    if not how.detach:
        print(f'dev: it runs already, at {base}; ./dev down stops it', file=sys.stderr)
        return 1
    say('== it runs already; ./dev down, then this again, starts it anew')
    show(base, once=True, processes=[])
    return 0


def interrupt(*_):
    raise KeyboardInterrupt


def run(how, processes, detached):
    platform, cluster = processes
    keep = False
    try:
        begun = time.monotonic()
        base = start(how, cluster, platform)
        say(f'== serving after {time.monotonic() - begun:.1f} s')
        if not how.no_demo:
            make_demo(base, processes)
        if how.detach:
            detached.write(base)
            keep = True
        show(base, once=how.detach, processes=processes)
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
    """The names of those that ran."""
    with undisturbed():
        running = [process for process in processes if process.pid() is not None]
        for process in running:
            with contextlib.suppress(KeyboardInterrupt):  # nobody reads it
                say(f'== stopping {process.name}')
            process.stop()
        detached.remove()
    return [process.name for process in running]


if __name__ == '__main__':
    sys.exit(main())
