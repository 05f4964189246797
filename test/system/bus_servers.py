"""Redis servers for the URLs that the platform accepts: with TLS, client certificates and an ACL user, and behind Sentinels."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import urllib.parse

import mongo_server
import tls_proxy
from fault_servers import free_port
from process import end, spawn
from stack import wait_until

ADMINISTRATOR = 'pa55word'  # of the default user
USER_PASSWORD = 's3cret:/?#@%&'  # of the user dbaas
SENTINEL_PASSWORD = 's3ntinel/@'


def documented_user():
    """Returns the ACL line of docs/operations/redis.md with USER_PASSWORD."""
    with open(os.path.join(mongo_server.ROOT, 'docs/operations/redis.md'), encoding='utf-8') as file:
        return re.search(r'^user dbaas .*$', file.read(), re.M).group().replace('>PASSWORD', '>' + USER_PASSWORD)


class TlsFiles:
    """Certificates in a folder, and the options for them."""

    def __init__(self, folder):
        self.folder = folder
        tls_proxy.make_certificates(folder, 'DNS:localhost,IP:127.0.0.1')

    def path(self, name):
        return os.path.join(self.folder, name)

    def lines(self, port):
        """Returns the configuration of a server that accepts TLS alone, from clients with a certificate."""
        return ['port 0', f'tls-port {port}', f"tls-cert-file {self.path('server.crt')}", f"tls-key-file {self.path('server.key')}",
                f"tls-ca-cert-file {self.path('ca.pem')}", 'tls-auth-clients yes', 'tls-replication yes']

    def env(self):
        return {'REDIS_CA_FILE': self.path('ca.pem'), 'REDIS_CERT_FILE': self.path('client.crt'), 'REDIS_KEY_FILE': self.path('client.key')}

    def arguments(self):
        """Returns the arguments of redis-cli."""
        return ['--tls', '--cacert', self.path('ca.pem'), '--cert', self.path('client.crt'), '--key', self.path('client.key')]


class Node:
    """A redis-server, or a Sentinel, with a configuration. close() ends it."""

    def __init__(self, folder, lines, tls=None, password=ADMINISTRATOR, is_sentinel=False):
        self.port, self.tls, self.password, self.is_sentinel = free_port(), tls, password, is_sentinel
        self.file = os.path.join(folder, f'{self.port}.conf')
        self.process = None
        with open(self.file, 'w', encoding='utf-8') as file:
            file.write('\n'.join(['bind 127.0.0.1', f'dir {folder}', f'requirepass "{password}"',
                                  *(tls.lines(self.port) if tls else [f'port {self.port}']), *lines]) + '\n')
        self.start()

    def start(self):
        self.process = spawn(['redis-server', self.file, *(['--sentinel'] if self.is_sentinel else [])],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_until(lambda: self.command('ping') == 'PONG', 20, 'redis-server')

    def stop(self):
        end(self.process)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def command(self, *words):
        assert self.process.poll() is None, 'redis-server has ended'
        done = subprocess.run(['redis-cli', '-p', str(self.port), *(self.tls.arguments() if self.tls else []), *words], capture_output=True,
                              text=True, timeout=20, check=False, env={'PATH': os.environ['PATH'], 'REDISCLI_AUTH': self.password})
        return done.stdout.strip()

    def close(self):
        end(self.process)


class SecureRedis(Node):
    """A server that accepts TLS alone, from clients with a certificate, with the ACL user of the documentation."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        super().__init__(self.folder, ['save ""', documented_user()], TlsFiles(self.folder))

    def url(self, port=None):
        return f'rediss://dbaas:{urllib.parse.quote(USER_PASSWORD, safe="")}@localhost:{port or self.port}'

    def env(self):
        return self.tls.env()

    def close(self):
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)


class SentinelRedis:
    """A master, a replica of it and three Sentinels, all with passwords. close() ends them."""

    def __init__(self, has_tls=False):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.tls = TlsFiles(self.folder) if has_tls else None
        lines = ['save ""', f'masterauth {ADMINISTRATOR}', 'repl-diskless-sync-delay 0', documented_user()]
        self.nodes = [Node(self.folder, lines, self.tls)]
        self.nodes.append(Node(self.folder, [*lines, f'replicaof 127.0.0.1 {self.nodes[0].port}'], self.tls))
        wait_until(lambda: 'master_link_status:up' in self.nodes[1].command('info', 'replication'), 30, 'the replica')
        monitor = [f'sentinel monitor main 127.0.0.1 {self.nodes[0].port} 2', f'sentinel auth-pass main {ADMINISTRATOR}',
                   'sentinel down-after-milliseconds main 1000', 'sentinel failover-timeout main 3000',
                   f'sentinel sentinel-pass "{SENTINEL_PASSWORD}"']
        self.sentinels = [Node(self.folder, monitor, self.tls, SENTINEL_PASSWORD, is_sentinel=True) for _ in range(3)]
        wait_until(self.is_complete, 30, 'the Sentinels to know each other')

    def is_complete(self):
        states = [sentinel.command('sentinel', 'master', 'main').split() for sentinel in self.sentinels]
        return all(dict(zip(state[::2], state[1::2])).get('num-other-sentinels') == '2' and
                   dict(zip(state[::2], state[1::2])).get('num-slaves') == '1' for state in states)

    def url(self):
        hosts = ','.join(f'localhost:{sentinel.port}' for sentinel in self.sentinels)
        scheme = 'rediss+sentinel' if self.tls else 'redis+sentinel'
        return (f'{scheme}://dbaas:{urllib.parse.quote(USER_PASSWORD, safe="")}@{hosts}/main'
                f'?sentinel_password={urllib.parse.quote(SENTINEL_PASSWORD, safe="")}')

    def env(self):
        return self.tls.env() if self.tls else {}

    def kill_master(self):
        """Kills the master and waits until the Sentinels name the other one."""
        port = int(self.sentinels[0].command('sentinel', 'get-master-addr-by-name', 'main').split()[1])
        master = next(node for node in self.nodes if node.port == port)
        master.kill()
        others = [node for node in self.nodes if node is not master]
        wait_until(lambda: others[0].command('role').startswith('master'), 60, 'the failover')

    def close(self):
        for node in (*self.sentinels, *self.nodes):
            with contextlib.suppress(OSError):
                node.close()
        shutil.rmtree(self.folder, ignore_errors=True)
