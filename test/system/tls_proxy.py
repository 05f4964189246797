"""A proxy that speaks TLS to its clients and plain TCP to its target, with certificates made by openssl."""

import contextlib
import os
import socket
import ssl
import subprocess
import threading


def make_certificates(folder, hosts='DNS:localhost'):
    """Makes ca.pem, and server.pem and client.pem with their keys for these hosts, signed by it."""
    def openssl(*arguments):
        subprocess.run(['openssl', *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def read(name):
        with open(os.path.join(folder, name), encoding='utf-8') as file:
            return file.read()

    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem',
            '-days', '1', '-subj', '/CN=test CA')
    for name in ('server', 'client'):
        with open(os.path.join(folder, 'extensions'), 'w', encoding='utf-8') as file:
            file.write(f'subjectAltName={hosts}\n')
        openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', f'{name}.key', '-out',
                f'{name}.csr', '-subj', f'/CN={name}')
        openssl('x509', '-req', '-in', f'{name}.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-extfile',
                'extensions', '-out', f'{name}.crt')
        with open(os.path.join(folder, f'{name}.pem'), 'w', encoding='utf-8') as file:
            file.write(read(f'{name}.crt') + read(f'{name}.key'))


class TlsProxy:
    """Accepts TLS on a free port; with `needs_client`, only from clients with a certificate of the CA. close() ends it."""

    def __init__(self, folder, target, needs_client=False):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(os.path.join(folder, 'server.pem'))
        if needs_client:
            self.context.load_verify_locations(os.path.join(folder, 'ca.pem'))
            self.context.verify_mode = ssl.CERT_REQUIRED
        self.target = target
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), self.context.wrap_socket(client, server_side=True) as secure, \
                socket.create_connection(('127.0.0.1', self.target)) as server:
            secure.settimeout(0.05)  # one TLS socket must not be used by two threads, so that this one does both directions
            server.settimeout(0.05)
            while True:
                for source, sink in ((secure, server), (server, secure)):
                    with contextlib.suppress(TimeoutError, ssl.SSLWantReadError):
                        data = source.recv(65536)
                        if not data:
                            return
                        sink.sendall(data)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
