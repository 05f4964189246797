"""A real Kubernetes control plane on loopback: etcd, kube-apiserver and a few controllers as processes, without a node.

The pod addresses of the API server (198.18.0.0/15, a range that is never routed) are on this machine. The egress selector of the API
server sends connections to pods to a proxy in this program. The proxy forwards them to the same port of 127.0.0.1. No traffic leaves
loopback.
"""

import atexit
import ipaddress
import itertools
import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from process import end, spawn
from rest import exchange

POD_NETWORK = ipaddress.ip_network('198.18.0.0/15')
ACCOUNT = 'system:serviceaccount:dbaas-system:dbaas'  # of k8s/rbac.yaml
DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
NEW_KEY = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes')
CONTROLLERS = ('namespace-controller,garbage-collector-controller,serviceaccount-controller,'
               'persistentvolumeclaim-protection-controller')


class Egress(threading.Thread):
    """An HTTP CONNECT proxy on a Unix socket, for the API server's egress selector."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o600)
        self.listener.listen(256)
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    @staticmethod
    def serve(client):
        head = b''
        while b'\r\n\r\n' not in head:
            more = client.recv(4096)
            if not more:
                return client.close()
            head += more
        target = head.split(b' ', 2)[1].decode()
        address, _, port = target.rpartition(':')
        try:
            if ipaddress.ip_address(address) not in POD_NETWORK:
                raise ValueError('not a pod')
            server = socket.create_connection(('127.0.0.1', int(port)), 5)
        except (OSError, ValueError):
            client.sendall(b'HTTP/1.1 502 no such pod\r\nContent-Length: 0\r\n\r\n')
            return client.close()
        client.sendall(b'HTTP/1.1 200 Connection established\r\n\r\n')
        threading.Thread(target=Egress.pipe, args=(server, client), daemon=True).start()
        return Egress.pipe(client, server)

    @staticmethod
    def pipe(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def ask(base, token, method, path, body=None, media='application/json', accept='application/json', timeout=60, context=None):
    """Sends one request to an API server. Returns the response, also when its status is an HTTP error."""
    headers = {'Accept': accept, 'Authorization': 'Bearer ' + token}
    if body is not None:
        headers['Content-Type'] = media
    return exchange(method, base + path, body, headers, timeout, context)


class RealCluster:
    """Keeps all its files in one folder; close() ends it. Tokens: 'admin' has all permissions, 'plain' has none."""

    def __init__(self, programs):
        self.programs = programs
        self.folder = tempfile.mkdtemp(prefix='dbaas-kube-')
        atexit.register(self.close)
        self.processes = {}
        self.egress = Egress(self.at('egress.sock'))
        self.make_certificates()
        self.context = ssl.create_default_context(cafile=self.at('ca.crt'))
        self.write('egress.yaml', 'apiVersion: apiserver.k8s.io/v1beta1\nkind: EgressSelectorConfiguration\negressSelections:\n'
                   '- name: cluster\n  connection: {proxyProtocol: HTTPConnect, transport: {uds: {udsName: '
                   f"{self.at('egress.sock')}}}}}}}\n")
        # The audit log records every request of the platform's own account: its verb and its resource.
        self.write('audit.yaml', 'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n'
                   f'- {{level: Metadata, users: ["{ACCOUNT}"]}}\n- {{level: None}}\n')
        self.write('tokens.csv', 'admin,admin,1,"system:masters"\nplain,plain,2\n')

    def at(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(os.open(self.at(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w', encoding='utf-8') as file:
            file.write(text)
        return self.at(name)

    def choose_ports(self):
        """Chooses ports below the range that the kernel assigns to clients, so that the port of a restarted server is still free."""
        with open('/proc/sys/net/ipv4/ip_local_port_range', encoding='utf-8') as file:
            end = int(file.read().split()[0])
        candidates = range(max(1024, end - 10_000), end) if end > 2048 else range(1024, 65536)
        ports = filter(self.is_free, random.sample(candidates, len(candidates)))
        self.etcd_port, self.etcd_peer, self.port, self.controllers_port = itertools.islice(ports, 4)
        self.base = f'https://127.0.0.1:{self.port}'

    @staticmethod
    def is_free(port):
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', port))
            except OSError:
                return False
        return True

    @staticmethod
    def openssl(*words):
        subprocess.run(['openssl', *words], check=True, capture_output=True)

    def make_certificate(self, name, subject, extension):
        self.write('extension', extension)
        self.openssl('req', '-new', *NEW_KEY, '-keyout', self.at(name + '.key'), '-out', self.at(name + '.csr'), '-subj', subject)
        self.openssl('x509', '-req', '-in', self.at(name + '.csr'), '-CA', self.at('ca.crt'), '-CAkey', self.at('ca.key'),
                     '-CAcreateserial', '-days', '2', '-out', self.at(name + '.crt'), '-extfile', self.at('extension'))

    def make_certificates(self):
        self.openssl('req', '-x509', *NEW_KEY, '-keyout', self.at('ca.key'), '-out', self.at('ca.crt'), '-days', '2', '-subj', '/CN=ca')
        self.make_certificate('server', '/CN=kube-apiserver', 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth')
        self.make_certificate('client', '/O=system:masters/CN=master', 'extendedKeyUsage=clientAuth')
        self.openssl('genrsa', '-out', self.at('accounts.key'), '2048')
        self.openssl('rsa', '-in', self.at('accounts.key'), '-pubout', '-out', self.at('accounts.pub'))

    # ---- processes ---------------------------------------------------------------------------

    def spawn(self, name, *words):
        with open(self.at(name + '.log'), 'ab') as log:
            self.processes[name] = spawn([os.path.join(self.programs, name), *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        try:
            self.start_all()
        except RuntimeError as failure:  # another process took a port after choose_ports()
            if 'address already in use' not in str(failure):
                raise
            self.stop_all()
            shutil.rmtree(self.at('etcd'), ignore_errors=True)  # its data contains the old port
            self.start_all()

    def start_all(self):
        self.choose_ports()
        self.start_etcd()
        self.start_api_server()
        self.start_controllers()

    def start_etcd(self):
        self.spawn('etcd', '--name', 'one', '--data-dir', self.at('etcd'), '--unsafe-no-fsync', '--log-level', 'warn',
                   '--max-request-bytes', '4194304', '--quota-backend-bytes', '4294967296',
                   '--listen-client-urls', f'http://127.0.0.1:{self.etcd_port}',
                   '--advertise-client-urls', f'http://127.0.0.1:{self.etcd_port}',
                   '--listen-peer-urls', f'http://127.0.0.1:{self.etcd_peer}',
                   '--initial-advertise-peer-urls', f'http://127.0.0.1:{self.etcd_peer}',
                   '--initial-cluster', f'one=http://127.0.0.1:{self.etcd_peer}')

    def start_controllers(self):
        self.spawn('kube-controller-manager', '--kubeconfig', self.kubeconfig('client'), '--bind-address=127.0.0.1',
                   f'--secure-port={self.controllers_port}', '--leader-elect=false', f'--controllers={CONTROLLERS}',
                   f"--cert-dir={self.at('controllers-certs')}", '--profiling=false',
                   f"--service-account-private-key-file={self.at('accounts.key')}")

    def start_api_server(self, *more):
        self.spawn('kube-apiserver', f'--etcd-servers=http://127.0.0.1:{self.etcd_port}', '--bind-address=127.0.0.1',
                   f'--secure-port={self.port}', '--advertise-address=127.0.0.1', '--endpoint-reconciler-type=none',
                   f"--tls-cert-file={self.at('server.crt')}", f"--tls-private-key-file={self.at('server.key')}",
                   f"--client-ca-file={self.at('ca.crt')}", f"--token-auth-file={self.at('tokens.csv')}",
                   '--service-account-issuer=https://kubernetes.default.svc',
                   f"--service-account-key-file={self.at('accounts.pub')}",
                   f"--service-account-signing-key-file={self.at('accounts.key')}", '--authorization-mode=Node,RBAC',
                   '--service-cluster-ip-range=10.96.0.0/16', '--profiling=false',
                   f"--audit-policy-file={self.at('audit.yaml')}", f"--audit-log-path={self.at('audit.log')}",
                   f"--egress-selector-config-file={self.at('egress.yaml')}", *more)
        deadline = time.monotonic() + 90
        while not self.is_ready():
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f'{name} ended: {self.log_tail(name)}')
            if time.monotonic() > deadline:
                raise RuntimeError(f"kube-apiserver is not ready: {self.log_tail('kube-apiserver')}")
            time.sleep(0.1)

    def is_ready(self):
        try:
            return self.ask('GET', '/readyz', timeout=5).status == 200
        except OSError:
            return False

    def log_tail(self, name, lines=10):
        with open(self.at(name + '.log'), encoding='utf-8', errors='replace') as file:
            return ''.join(file.readlines()[-lines:])

    def stop(self, name):
        end(self.processes.pop(name, None))

    def kill(self, name):
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop_all(self):
        for name in ('kube-controller-manager', 'kube-apiserver', 'etcd'):
            self.stop(name)

    def close(self):
        self.stop_all()
        self.egress.listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.close)

    # ---- use ---------------------------------------------------------------------------------

    def kubeconfig(self, user, token=None, token_file=None, port=None):
        """The path of a kubeconfig: with a token, with a file that holds one, or with the certificate of that name. `port` is a
        proxy's in the place of the server's."""
        login = f"client-certificate: {self.at(user + '.crt')}, client-key: {self.at(user + '.key')}"
        if token or token_file:
            login = f'token: {token}' if token else f'tokenFile: {token_file}'
        server = f'https://127.0.0.1:{port or self.port}'
        return self.write(f'{user}-{port or self.port}.kubeconfig', f'''apiVersion: v1
kind: Config
clusters: [{{name: real, cluster: {{server: "{server}", certificate-authority: {self.at('ca.crt')}}}}}]
users: [{{name: {user}, user: {{{login}}}}}]
contexts: [{{name: real, context: {{cluster: real, user: {user}}}}}]
current-context: real
''')

    def ask(self, method, path, body=None, token='admin', **how):
        return ask(self.base, token, method, path, body, context=self.context, **how)

    def wait_for_level(self, name):
        """Waits until the server counts requests against this priority level, for 60 s at most."""
        deadline = time.monotonic() + 60
        while f'priority_level="{name}"' not in self.ask('GET', '/metrics').text:
            if time.monotonic() > deadline:
                raise RuntimeError(f'priority level {name} is not in force')
            time.sleep(0.1)

    def audited(self):
        """Returns every request of the platform's own account as (verb, group, resource with subresource)."""
        with open(self.at('audit.log'), encoding='utf-8') as file:
            events = [json.loads(line) for line in file if line.endswith('\n')]
        found = set()
        for event in events:
            target = event.get('objectRef', {})
            if 'resource' in target:
                resource = '/'.join(filter(None, (target['resource'], target.get('subresource'))))
                found.add((event['verb'], target.get('apiGroup', ''), resource))
        return found

    def back_up(self):
        """Stops the API server and etcd, copies etcd's data, and starts both again. Returns the folder of the copy."""
        self.stop('kube-apiserver')
        self.stop('etcd')
        backup = self.at('etcd-backup')
        shutil.rmtree(backup, ignore_errors=True)
        shutil.copytree(self.at('etcd'), backup)
        self.start_etcd()
        self.start_api_server()
        return backup

    def restore(self, backup):
        """Kills the control plane and starts it with the data of the backup: its resource versions go back."""
        for name in ('kube-controller-manager', 'kube-apiserver', 'etcd'):
            self.kill(name)
        shutil.rmtree(self.at('etcd'))
        shutil.copytree(backup, self.at('etcd'))
        self.start_etcd()
        self.start_api_server()
        self.start_controllers()

    def compact(self):
        """Compacts etcd: every old revision is lost."""
        store = f'http://127.0.0.1:{self.etcd_port}/v3/kv/'
        revision = exchange('POST', store + 'range', {'key': 'AA=='}, timeout=10).json['header']['revision']
        done = exchange('POST', store + 'compaction', {'revision': revision, 'physical': True})
        if done.status != 200:
            raise RuntimeError(f'etcd did not compact: {done.text}')

    def apply_definitions(self, definitions, needed):
        """Applies CustomResourceDefinitions (JSON or YAML by name) and waits until all are established. Returns their number.

        Prints a rejected definition if it is not in `needed`; raises RuntimeError if it is.
        """
        names = []
        for name, text in definitions.items():
            response = self.ask('PATCH', f'{DEFINITIONS}/{name}?fieldManager=conformance&force=true', text,
                              media='application/apply-patch+yaml', timeout=120)
            if response.status in (200, 201):
                names.append(name)
            elif name in needed:
                raise RuntimeError(f'{name}: {response.text[:500]}')
            else:
                print(f'{name} is skipped: {response.text[:300]}', flush=True)
        deadline = time.monotonic() + 180
        missing = names
        while True:
            missing = [name for name in missing if not self.is_established(name)]
            if not missing:
                return len(names)
            if time.monotonic() > deadline:
                raise RuntimeError(f'not established: {missing[:3]}')
            time.sleep(0.5)

    def definition(self, name):
        return self.ask('GET', f'{DEFINITIONS}/{name}', timeout=120).json

    def is_established(self, name):
        conditions = self.definition(name).get('status', {}).get('conditions') or []  # null in a definition that was just applied
        return any(each['type'] == 'Established' and each['status'] == 'True' for each in conditions)
