"""'./dev up --replicas N': N platforms behind nginx, with a MongoDB test server, a Redis Cluster and the local cluster.

A program that ends is shown as lost and started again: a platform after 20 s, so that the others take over its databases
first, and every other program after 3 s.
"""

import glob
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

from programs import START_SECONDS, Failed, Process, call, say, wait_until
from up_login import HELP, Client, Login, make_platform_key

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MONGO = os.path.join(ROOT, '.cache/mongo')
REDIS_NODES = 6
PLATFORM_RESTART_SECONDS = 20  # longer than a takeover: the Lease of a killed replica expires after 12 s
RESTART_SECONDS = 3
# The order in which the programs stop.
KINDS = ('nginx', 'replica', 'platform', 'devcluster', 'redis', 'mongodb')

NGINX = """{user}
master_process off;  # one process: kill -9 leaves no worker
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream platforms {{
{servers}
        keepalive 16;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://platforms;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_connect_timeout 1s;
            proxy_buffering off;
            add_header X-Served-By $upstream_addr always;
        }}
    }}
}}
"""


def owner_of(key, holders):
    """Returns the holder that owns a key, as ownership.cpp computes it."""
    mask = 2**64 - 1

    def weight(holder):
        value = 14695981039346656037
        for byte in (holder + key).encode():
            value = (value ^ byte) * 1099511628211 & mask
        value = (value ^ value >> 33) * 0xff51afd7ed558ccd & mask
        value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53 & mask
        return value ^ value >> 33

    return min(holders, key=lambda holder: (-weight(holder), holder), default=None)


def rank(name):
    """Returns the place of a program in the order of stopping."""
    return next((index for index, kind in enumerate(KINDS) if name.startswith(kind)), len(KINDS)), name


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(('127.0.0.1', 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


class Program(Process):
    """A program that the stage starts again after its end."""

    def __init__(self, name, run_dir, command, env, restart_seconds=RESTART_SECONDS):
        super().__init__(name, run_dir)
        self.command = command
        self.env = env
        self.restart_seconds = restart_seconds
        self.restart_at = None  # set while it is lost

    def launch(self):
        self.restart_at = None
        self.start(self.command, self.env, inherits_signals=False)


class Replica:
    """One platform: what its log and its metrics say."""

    def __init__(self, program, port, login):
        self.program = program
        self.base = f'http://127.0.0.1:{port}'
        self.client = Client(self.base, login)
        self.delays = (0, 0)  # sum and count of the delays of the bus, as last read

    def metrics(self):
        """Returns the metrics as name with labels → value; nothing if there is no response."""
        status, page = self.client.call('/metrics', timeout=2)
        if status != 200:
            return {}
        pairs = (line.rsplit(' ', 1) for line in page.splitlines() if not line.startswith('#'))
        return {name: float(value) for name, value in pairs}

    def holders(self):
        """Returns the name of the replica and the names of all holders, from the last line of the log that has them."""
        with open(self.program.log_path, encoding='utf-8', errors='replace') as file:
            lines = [line for line in file if '"event":"replicas_changed"' in line]
        if not lines:
            return None, []
        entry = json.loads(lines[-1])
        return entry['replica'], [name for name in entry['holders'].split(', ') if name]

    def bus_delay(self, metrics):
        """Returns the mean delay of the messages since the last call, or None without messages."""
        now = (metrics.get('dbaas_bus_delay_seconds_sum', 0), metrics.get('dbaas_bus_delay_seconds_count', 0))
        total, count = now[0] - self.delays[0], now[1] - self.delays[1]
        self.delays = now
        return total / count if count > 0 else None


class Stage:
    """All programs of one start."""

    def __init__(self, arguments, run_dir, env):
        self.folder = os.path.join(arguments.data, 'replicas')
        self.run_dir = run_dir
        self.log_path = os.path.join(run_dir, 'replicas')  # wait_until() names its folder
        self.bin = arguments.bin
        self.env = env
        self.port = arguments.port
        self.count = arguments.replicas
        self.base = f'http://127.0.0.1:{self.port}'
        # The first replica makes the key of the administrator.
        self.login = Login(env, [os.path.join(self.folder, 'replica-1')])
        self.client = Client(self.base, self.login)
        self.kubeconfig = os.path.join(self.folder, 'kubeconfig')
        self.programs = []
        self.replicas = []
        self.is_watched = False  # lost programs are started again
        self.owned = {}

    def check(self):
        """Starts lost programs again. Before the stage serves, the end of a program is an error."""
        for program in self.programs:
            if not self.is_watched:
                program.check()
            elif program.restart_at is not None:
                if time.monotonic() >= program.restart_at:
                    program.launch()
                    self.report(f'{program.name}: started again')
            elif program.child.poll() is not None:
                status = program.child.returncode
                cause = f'signal {-status}' if status < 0 else f'exit status {status}'
                if status == 0:
                    raise Failed(f'{program.name} was stopped by another command, such as ./dev down')
                program.restart_at = time.monotonic() + program.restart_seconds
                self.report(f'{program.name}: lost ({cause}); starts again in {program.restart_seconds} s')

    @staticmethod
    def report(text):
        say(f"{time.strftime('%H:%M:%S')}  {text}")

    def add(self, name, command, **options):
        program = Program(name, self.run_dir, command, {**self.env, **options.pop('env', {})}, **options)
        if os.path.exists(program.log_path):
            os.unlink(program.log_path)  # the log of an earlier start has other holders
        self.programs.append(program)
        program.launch()
        return program

    def path(self, *names, is_new=False):
        path = os.path.join(self.folder, *names)
        if is_new:
            shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path, exist_ok=True)
        return path

    def start(self):
        self.path()
        say('== starting the MongoDB test server and a Redis Cluster of 6 nodes')
        mongo_port, *redis_ports = free_ports(1 + 2 * REDIS_NODES)
        self.start_mongo(mongo_port)
        nodes = [f'127.0.0.1:{port}' for port in redis_ports[:REDIS_NODES]]
        self.start_redis(redis_ports[:REDIS_NODES], redis_ports[REDIS_NODES:])
        say('== starting the local cluster')
        if os.path.exists(self.kubeconfig):
            os.unlink(self.kubeconfig)
        self.add('devcluster', [os.path.join(self.bin, 'dbaas-devcluster'), 'serve', '--data', self.path('cluster'), '--kubeconfig',
                                self.kubeconfig])
        wait_until(lambda: os.path.exists(self.kubeconfig) and accepts(mongo_port), START_SECONDS, [self],
                   'the local cluster or the MongoDB test server did not start')
        self.join_redis(nodes)
        say(f'== starting {self.count} platforms behind nginx')
        ports = free_ports(self.count)
        urls = {'MONGODB_URL': f'mongodb://127.0.0.1:{mongo_port}/dbaas', 'REDIS_URL': 'redis://' + ','.join(nodes), 'LOG_FORMAT': 'json',
                **self.platform_key()}
        for number, port in enumerate(ports, 1):
            program = self.add(f'replica-{number}', [os.path.join(self.bin, 'dbaas'), 'serve', '--listen', f'127.0.0.1:{port}', '--data-dir',
                                                     self.path(f'replica-{number}'), '--kubeconfig', self.kubeconfig],
                               env=urls, restart_seconds=PLATFORM_RESTART_SECONDS)
            self.replicas.append(Replica(program, port, self.login))
            if number == 1:  # the others find the administrator in the store
                self.open_login(self.replicas[0].base)
        self.start_nginx(ports)
        wait_until(self.is_ready, START_SECONDS, [self], 'not all replicas were ready')
        self.is_watched = True
        return self.client

    def platform_key(self):
        """Returns the option with the platform key, which a platform over MongoDB needs for logins; nothing if the caller has set it."""
        if 'PLATFORM_KEY' in self.env or 'PLATFORM_KEY_FILE' in self.env:
            return {}
        path = os.path.join(self.folder, 'platform-key')
        make_platform_key(path)
        return {'PLATFORM_KEY_FILE': path}

    def open_login(self, base):
        wait_until(lambda: call(base, '/health/live', timeout=2)[0] == 200, START_SECONDS, [self], 'the first replica did not start')
        if not self.login.open(base):
            raise Failed(HELP)

    def is_ready(self):
        return all(replica.metrics().get('dbaas_replicas') == self.count and call(replica.base, '/health/ready', timeout=2)[0] == 200
                   for replica in self.replicas)

    def start_mongo(self, port):
        # The server ends when its standard input does; this one never ends, because the server itself can write to it.
        pipe = os.path.join(self.folder, 'mongodb.stdin')
        if not os.path.exists(pipe):
            os.mkfifo(pipe)
        command = f"exec java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '{MONGO}/classes:{MONGO}/lib/*' " \
                  f"MongoTestServer {port} '{self.path('mongodb')}/data' <>'{pipe}'"
        self.add('mongodb', ['sh', '-c', command])

    def start_redis(self, ports, bus_ports):
        for number, (port, bus_port) in enumerate(zip(ports, bus_ports), 1):
            folder = self.path(f'redis-{number}', is_new=True)  # Redis holds nothing that must last
            self.add(f'redis-{number}', ['redis-server', '--port', str(port), '--cluster-port', str(bus_port), '--cluster-enabled', 'yes',
                                         '--cluster-node-timeout', '2000', '--bind', '127.0.0.1', '--dir', folder, '--save', '',
                                         '--appendonly', 'no'])
        wait_until(lambda: all(accepts(port) for port in ports), START_SECONDS, [self], 'Redis did not start')

    def join_redis(self, nodes):
        command = ['redis-cli', '--cluster', 'create', *nodes, '--cluster-replicas', '1', '--cluster-yes']
        joined = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS, check=False)
        if joined.returncode != 0:
            raise Failed(f'the Redis Cluster was not created: {joined.stdout[-500:]}{joined.stderr[-500:]}')

    def start_nginx(self, ports):
        folder = self.path('nginx')
        path = os.path.join(folder, 'nginx.conf')
        servers = '\n'.join(f'        server 127.0.0.1:{port} max_fails=1 fail_timeout=2s;' for port in ports)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(NGINX.format(folder=folder, port=self.port, servers=servers, user='user root;' if os.getuid() == 0 else ''))
        self.add('nginx', ['nginx', '-c', path, '-p', folder, '-e', 'stderr'])

    # ---- what is shown ---------------------------------------------------------------------------------------------------------

    def show_changes(self):
        """Reports when the number of databases of a replica has changed."""
        for replica in self.replicas:
            if replica.program.restart_at is not None:
                self.owned.pop(replica, None)
                continue
            metrics = replica.metrics()
            known = metrics.get('dbaas_replicas')
            if not known:
                continue
            owned = int(metrics['dbaas_databases_owned'])
            before = self.owned.get(replica)
            if before is not None and before != owned:
                self.report(f'{replica.program.name}: owns {owned} databases (before: {before}); knows {int(known)} replicas')
            self.owned[replica] = owned

    def table(self, databases):
        """Returns the lines of the overview of the replicas."""
        names = {database['id']: database['name'] for database in databases}
        lines = [f"{'replica':<10} {'state':<12} {'compared':>9} {'bus delay':>10} {'oldest metrics':>15}   owns"]
        for replica in self.replicas:
            lines.append(f'{replica.program.name:<10} ' + self.describe(replica, names))
        return lines

    def describe(self, replica, names):
        if replica.program.restart_at is not None:
            return 'lost'
        metrics = replica.metrics()
        if not metrics:
            return 'starting'
        status, _ = call(replica.base, '/health/ready', timeout=2)
        name, holders = replica.holders()
        delay = replica.bus_delay(metrics)
        owned = sorted(text for key, text in names.items() if name and owner_of(key, holders) == name)
        bus = 'down' if not metrics.get('dbaas_redis_connected') else f'{delay * 1000:.1f} ms' if delay is not None else 'idle'
        return (f"{'ready' if status == 200 else 'not ready':<12} {metrics['dbaas_anti_entropy_age_seconds']:>7.0f} s {bus:>10} "
                f"{metrics['dbaas_metrics_age_seconds']:>13.0f} s   {int(metrics['dbaas_databases_owned'])}: {', '.join(owned)}")


def missing_programs():
    """Returns what is not installed."""
    programs = [name for name in ('nginx', 'redis-server', 'redis-cli', 'java') if shutil.which(name) is None]
    if not os.path.exists(os.path.join(MONGO, 'installed')):
        programs.append('the MongoDB test server')
    return programs


def known_processes(run_dir):
    """Returns the processes of this and of earlier starts, in the order of stopping."""
    names = [os.path.basename(path).removesuffix('.pid') for path in glob.glob(os.path.join(run_dir, '*.pid'))]
    return [Process(name, run_dir) for name in sorted(names, key=rank)]


def watch(stage, overview, list_databases):
    """Shows the replicas until a signal arrives, and starts lost programs again."""
    interval_seconds = 5 if sys.stdout.isatty() else 10
    shown = time.monotonic() - interval_seconds
    while True:
        stage.check()
        stage.show_changes()
        if time.monotonic() - shown >= interval_seconds:
            shown = time.monotonic()
            say('')
            for line in stage.table(list_databases(stage.client) or []) + overview(stage.client):
                say(line)
        time.sleep(0.5)
