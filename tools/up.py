#!/usr/bin/env python3
"""Starts the platform on this machine with a local cluster, creates two databases, and shows their state.

'./dev up' calls this after the build. Both programs listen on 127.0.0.1 and keep their files in the data folder.
"""

import argparse
import contextlib
import fcntl
import glob
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

from programs import START_SECONDS, STOP_SIGNALS, Failed, Process, TimedOut, call, say, signals_blocked, wait_until
from up_login import HELP, Client, Login
from up_replicas import Stage, known_processes, missing_programs, watch

DEMO = [
    {'project': 'default', 'name': 'orders', 'engine': 'postgres', 'size': 'micro', 'storage': {'size': '1Gi'}},
    {'project': 'default', 'name': 'sessions', 'engine': 'redis', 'size': 'micro', 'storage': {'size': '1Gi'}},
]
# More databases, so that each replica owns some.
DEMO_OF_REPLICAS = [*DEMO, *({**DEMO[1], 'name': f'cache-{number}'} for number in range(1, 5))]
# Variables of the tests; their names begin like those of options.
NOT_OPTIONS = ('DBAAS_BIN', 'DBAAS_EXPORTER_PAGES')
DEMO_SECONDS = 180


def format_amount(value):
    if value is None:
        return '-'
    return f'{value:,.0f}' if value >= 10 else f'{value:.2g}'


def value_at(document, *path):
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def format_database(client, database):
    """Returns a line of the overview, read from the platform's cache."""
    status = database['status']
    endpoints = status.get('endpoints') or []
    endpoint = f"{endpoints[0]['host']}:{endpoints[0]['port']}" if endpoints else '-'
    engine = f"{database['engine']} {database['version']}"
    text = f"{database['name']:<10} {engine:<18} {status['phase']:<12} {endpoint:<17}"
    _, metrics = client.call(f"/api/v1/databases/{database['id']}/metrics")
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


def list_databases(client):
    """Returns the databases, or None if the request fails."""
    status, response = client.call('/api/v1/databases?limit=20&sort=name')
    return response['items'] if status == 200 else None


def overview(client):
    return [format_database(client, database) for database in list_databases(client) or []]


def create_demo(client, processes, demo):
    """Creates the missing demo databases and waits until all run. Only a new one that fails is an error."""
    created = set()
    for wanted in demo:
        status, response = client.call('/api/v1/databases', wanted, timeout=30)
        if status == 422 and any(error['code'] == 'engine_not_installed' for error in response.get('errors', [])):
            say(f"  {wanted['name']}: {wanted['engine']} is not installed on this machine; skipped")
        elif status == 202:
            say(f"  {wanted['name']}: creating {wanted['engine']} ({response['operation']['id']})")
            created.add(wanted['name'])
        elif status != 409:  # 409: created by an earlier start
            raise Failed(f"the platform rejected '{wanted['name']}': {status} {json.dumps(response)}")
    names = {(wanted['project'], wanted['name']) for wanted in demo}
    shown = {}
    late = {}

    def all_running():
        known = list_databases(client)
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
                _, metrics = client.call(f"/api/v1/databases/{database['id']}/metrics")
                if not value_at(metrics, 'last_updated'):
                    late[name] = f"{name} had no metrics ({value_at(metrics, 'reason') or 'pending'})"
        return not late

    try:
        wait_until(all_running, DEMO_SECONDS, processes, lambda: ', '.join(late.values()) or 'the platform did not respond')
    except TimedOut as failure:
        if created.intersection(late) or not late:
            raise
        say(f'  {failure}')


def show(client, once, processes):
    base = client.base
    say()
    say(f'Platform   {base}     API docs {base}/docs')
    for line in client.login.describe(base) + overview(client):
        say(line)
    for database in list_databases(client) or []:
        if database['engine'] in ('postgres', 'redis'):
            say(f"  credentials: curl {client.login.flag()}{base}/api/v1/databases/{database['id']}/credentials")
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
        for line in overview(client):
            say(line)


def parse():
    parser = argparse.ArgumentParser(prog='./dev up', description=__doc__.split('\n')[0])
    parser.add_argument('--bin', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--data', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--stop', action='store_true', help=argparse.SUPPRESS)
    parser.add_argument('-d', '--detach', action='store_true', help='keep the programs running; ./dev down stops them')
    parser.add_argument('--no-demo', action='store_true', help='do not create the two demo databases')
    parser.add_argument('--replicas', type=int, help='start this many platforms (1 to 6) behind nginx, over a MongoDB test server '
                                                     'and a Redis Cluster')
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
    return re.findall(r'^--\S+ +(\w+) ', text, re.M)


def basic_environment():
    return {key: value for key, value in os.environ.items() if key in ('PATH', 'HOME', 'LANG', 'LOG_LEVEL', 'TERM', 'USER')}


def platform_environment(program):
    """Returns the caller's options of the platform, and the interval of the demonstration."""
    env = basic_environment()
    known = option_variables(program, env)
    # An unknown variable that begins with DBAAS_ is passed on as well: the platform rejects misspelt options.
    passed = {name: value for name, value in os.environ.items()
             if name in known or name.startswith('DBAAS_') and name not in NOT_OPTIONS}
    if passed:
        say(f"   with {', '.join(sorted(passed))} from your environment")
    return {'METRICS_SYNC_INTERVAL': '10', **env, **passed}


def start(arguments, cluster, platform):
    check_port(arguments.port)
    kubeconfig = os.path.join(arguments.data, 'kubeconfig')
    if os.path.exists(kubeconfig):
        os.unlink(kubeconfig)
    env = basic_environment()
    say('== starting the local cluster')
    cluster.start([os.path.join(arguments.bin, 'dbaas-devcluster'), 'serve', '--data', os.path.join(arguments.data, 'cluster'),
                   '--kubeconfig', kubeconfig], env)
    wait_until(lambda: os.path.exists(kubeconfig), START_SECONDS, [cluster], 'the local cluster did not start')
    say('== starting the platform')
    program = os.path.join(arguments.bin, 'dbaas')
    env = platform_environment(program)
    platform.start([program, 'serve', '--listen', f'127.0.0.1:{arguments.port}', '--data-dir',
                    os.path.join(arguments.data, 'platform'), '--kubeconfig', kubeconfig], env)
    base = f'http://127.0.0.1:{arguments.port}'
    wait_until(lambda: call(base, '/health/ready', timeout=2)[0] == 200, START_SECONDS, [platform, cluster],
               'the platform was not ready')
    return Client(base, open_login(arguments, base, env))


def data_folders(arguments):
    """Returns the data folders of all platforms of this checkout."""
    return [os.path.join(arguments.data, 'platform'), *sorted(glob.glob(os.path.join(arguments.data, 'replicas', 'replica-*')))]


def open_login(arguments, base, env):
    login = Login(env, data_folders(arguments))
    if not login.open(base) and not arguments.no_demo:
        raise Failed(f'{HELP}; or start with --no-demo')
    return login


def main():
    arguments = parse()
    for number in STOP_SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, interrupt)
    try:
        return main_with(arguments)
    except KeyboardInterrupt:
        return 0
    except Failed as failure:
        print(f'dev: {failure}', file=sys.stderr)
        return 1
    except OSError as error:
        print(f'dev: {error}' + (f'; {arguments.data} belongs to another user' if isinstance(error, PermissionError) else ''),
              file=sys.stderr)
        return 1


def main_with(arguments):
    run_dir = os.path.join(arguments.data, 'run')
    os.makedirs(run_dir, exist_ok=True)
    detached = Detached(run_dir)
    if arguments.stop:
        if not stop_all(run_dir, detached):
            say('== nothing is running')
        return 0
    with open(os.path.join(run_dir, 'lock'), 'w', encoding='utf-8') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print('dev: another ./dev up uses this checkout; stop it with Ctrl-C, or ./dev down', file=sys.stderr)
            return 1
        running = [process.name for process in known_processes(run_dir) if process.pid() is not None]
        if running and detached.read():
            return show_running(arguments, detached.read())
        if running:
            say(f"== an earlier ./dev up did not stop its programs; stopping {' and '.join(running)}")
            stop_all(run_dir, detached)
        return run(arguments, run_dir, detached)


def show_running(arguments, base):
    if not arguments.detach:
        print(f'dev: already running at {base}; ./dev down stops it', file=sys.stderr)
        return 1
    say('== already running; to restart it, run ./dev down first')
    login = Login(os.environ, data_folders(arguments))
    login.open(base)
    show(Client(base, login), once=True, processes=[])
    return 0


def interrupt(*_):
    raise KeyboardInterrupt


def start_one(arguments, run_dir):
    """Starts one platform with a local cluster. Returns a client of it, the processes to check and the demo databases."""
    platform, cluster = Process('platform', run_dir), Process('devcluster', run_dir)
    return start(arguments, cluster, platform), [platform, cluster], DEMO


def start_replicas(arguments, run_dir):
    """The same with several platforms. The only process to check is the stage, which starts lost programs again."""
    missing = missing_programs()
    if missing:
        raise Failed(f"not installed: {', '.join(missing)}; './dev up --replicas N' installs what is missing")
    check_port(arguments.port)
    stage = Stage(arguments, run_dir, platform_environment(os.path.join(arguments.bin, 'dbaas')))
    return stage.start(), [stage], DEMO_OF_REPLICAS


def run(arguments, run_dir, detached):
    keep = False
    try:
        started = time.monotonic()
        client, processes, demo = (start_replicas if arguments.replicas else start_one)(arguments, run_dir)
        say(f'== serving after {time.monotonic() - started:.1f} s')
        if not arguments.no_demo:
            create_demo(client, processes, demo)
        if arguments.detach:
            detached.write(client.base)
            keep = True
        if arguments.replicas:
            show_replicas(processes[0], arguments.detach)
        else:
            show(client, once=arguments.detach, processes=processes)
    except KeyboardInterrupt:
        say()
    except Failed as failure:
        print(f'dev: {failure}', file=sys.stderr)
        return 1
    finally:
        if not keep:
            stop_all(run_dir, detached)
    return 0


def show_replicas(stage, once):
    say()
    say(f'Platforms  {stage.base} (nginx)     API docs {stage.base}/docs')
    for line in stage.client.login.describe(stage.base):
        say(line)
    for replica in stage.replicas:
        say(f'  {replica.program.name}: {replica.base}, pid {replica.program.child.pid}')
    if once:
        for line in stage.table(list_databases(stage.client) or []) + overview(stage.client):
            say(line)
        say('./dev down stops everything. Nothing starts a lost program again.')
        return
    say('Kill any program with kill -9. Ctrl-C stops everything.')
    watch(stage, overview, list_databases)


def stop_all(run_dir, detached):
    """Stops the running processes. Returns their names."""
    with signals_blocked():
        running = [process for process in known_processes(run_dir) if process.pid() is not None]
        for process in running:
            with contextlib.suppress(KeyboardInterrupt):  # the output is closed
                say(f'== stopping {process.name}')
            process.stop()
        detached.remove()
    return [process.name for process in running]


if __name__ == '__main__':
    sys.exit(main())
