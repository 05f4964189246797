"""Servers next to the platform: nginx before it, a Redis Cluster."""

import os
import shutil
import socket
import subprocess
import tempfile

from process import end, spawn
from stack import request, wait_until


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


NGINX = """worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/nginx.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream dbaas {{
{servers}
        keepalive 32;
        {upstream}
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://dbaas;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host localhost;
            {location}
        }}
    }}
}}
"""


class Nginx:
    """nginx before the replicas, with these directives. It never learns their readiness. close() ends it."""

    name, is_up, changed, starts = 'nginx', True, 0.0, 1

    def __init__(self, replicas, upstream='', location='', server=''):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        os.chmod(self.folder, 0o755)  # nginx drops its privileges
        port = free_port()
        self.base = f'http://127.0.0.1:{port}'
        servers = '\n'.join(f'        server 127.0.0.1:{replica.port} {server};' for replica in replicas)
        path = os.path.join(self.folder, 'nginx.conf')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(NGINX.format(folder=self.folder, port=port, servers=servers, upstream=upstream, location=location))
        self.process = spawn(['nginx', '-c', path, '-p', self.folder], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: request('GET', self.base + '/health/live').status == 200, what='nginx')

    def errors(self):
        with open(os.path.join(self.folder, 'nginx.err'), encoding='utf-8') as file:
            return file.read()

    def close(self):
        end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)


class RedisCluster:
    """Three masters and three replicas on free ports. With TlsFiles they accept TLS alone. close() ends them."""

    def __init__(self, make_tls=None):
        """make_tls: a function that makes TlsFiles in a folder."""
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.tls = make_tls(self.folder) if make_tls else None
        self.servers = {}
        for _ in range(6):
            port = free_port()
            while port > 55000 or port + 10000 in self.servers:  # the bus of the cluster listens on port + 10000
                port = free_port()
            folder = os.path.join(self.folder, str(port))
            os.mkdir(folder)
            lines = [*self.tls.lines(port), 'tls-cluster yes'] if self.tls else [f'port {port}']
            with open(os.path.join(folder, 'redis.conf'), 'w', encoding='utf-8') as file:
                file.write('\n'.join([*lines, 'bind 127.0.0.1', f'dir {folder}', 'save ""', 'cluster-enabled yes',
                                      'cluster-node-timeout 1000', 'cluster-config-file nodes']) + '\n')
            self.servers[port] = spawn(['redis-server', file.name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        ports = list(self.servers)
        wait_until(lambda: all(self.command(port, 'ping') == 'PONG' for port in ports), what='the servers of the cluster')
        addresses = [f'127.0.0.1:{port}' for port in ports]
        subprocess.run(['redis-cli', *self.arguments(), '--cluster', 'create', *addresses, '--cluster-replicas', '1', '--cluster-yes'], check=True,
                       capture_output=True, timeout=60)
        wait_until(lambda: all('cluster_state:ok' in self.command(port, 'cluster', 'info') for port in ports), 30, 'the cluster')
        # A replica without a copy of its master's data cannot replace it.
        wait_until(lambda: sum('master_link_status:up' in self.command(port, 'info', 'replication') for port in ports) == 3, 30,
                   'the copies of the replicas')

    def arguments(self):
        return self.tls.arguments() if self.tls else []

    def env(self):
        return self.tls.env() if self.tls else {}

    def command(self, port, *words):
        done = subprocess.run(['redis-cli', '-p', str(port), *self.arguments(), *words], capture_output=True, text=True, timeout=20, check=False)
        return done.stdout.strip()

    def url(self):
        return ('rediss://' if self.tls else 'redis://') + ','.join(f'127.0.0.1:{port}' for port in list(self.servers)[:3])

    def masters(self):
        return [port for port, server in self.servers.items() if server.poll() is None and
                self.command(port, 'role').startswith('master')]

    def kill(self, port):
        self.servers[port].kill()
        self.servers[port].wait()

    def kill_master(self, port=None):
        """Kills this master, or the first one, and waits until a replica is a master in its place."""
        masters = self.masters()
        self.kill(port or masters[0])
        wait_until(lambda: len(self.masters()) == len(masters), 60, 'the failover')

    def close(self):
        for server in self.servers.values():
            end(server)
        shutil.rmtree(self.folder, ignore_errors=True)
