#!/usr/bin/env python3
"""`dbaas serve --auth required` while a client sends thousands of different invalid credentials and another client reads."""

import base64
import json
import os
import random
import shutil
import socket
import sys
import tempfile
import threading
import unittest

from process import end, spawn
from rest import exchange
from serve_test import KUBECONFIG
from stack import address_in, wait_until

SEED = int(os.environ.get('DBAAS_SEED', random.randrange(1 << 32)))
ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'  # of API keys
TOKENS = 4000  # in one flood: about a thousand per second for a few seconds
WARM_UP = 1000  # before the memory is measured
CONNECTIONS = 8
BATCH = 25  # requests on a connection before their responses are read
READS_MAX = 1000
MIB = 1024 * 1024
# Less than the bytes of the tokens of one flood, so that a platform that keeps them exceeds it.
GROWTH_MAX = 12 * MIB


def text_of(bytes_):
    return base64.urlsafe_b64encode(bytes_).rstrip(b'=').decode()


def api_key(source):
    """An API key with a valid checksum (FNV-1a, src/token/api_key.cpp) that does not exist."""
    text = 'dbk_' + ''.join(source.choices(ALPHABET, k=12)) + '_' + ''.join(source.choices(ALPHABET, k=32))
    value = 0xcbf29ce484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001b3 % (1 << 64)
    value ^= value >> 32
    for _ in range(6):
        text += ALPHABET[value % 32]
        value //= 32
    return text


class Tokens:
    """Different invalid credentials: API keys, changed signatures of a valid access token, and long tokens of unknown keys."""

    def __init__(self, access_token, seed):
        self.source = random.Random(seed)
        self.header, self.claims, _ = access_token.split('.')

    def next(self, number):
        signature = text_of(self.source.randbytes(64))
        if number % 5 == 0:
            return api_key(self.source)
        if number % 5 == 1:
            return f'{self.header}.{self.claims}.{signature}'
        header = text_of(json.dumps({'alg': 'EdDSA', 'typ': 'at+jwt', 'kid': text_of(self.source.randbytes(8))}).encode())
        return f'{header}.{text_of(self.source.randbytes(5500))}.{signature}'


class Wire:
    """A connection on which requests are sent before the responses of earlier ones are read."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=60)
        self.reader = self.socket.makefile('rb')

    def send(self, tokens):
        self.socket.sendall(b''.join(f'GET /api/v1/projects HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n'.encode()
                                     for token in tokens))

    def status(self):
        line = self.reader.readline()
        if not line.startswith(b'HTTP/1.1 '):
            raise ConnectionError(f'no response: {line!r}')
        length = 0
        while True:
            header = self.reader.readline().strip().lower()
            if not header:
                break
            if header.startswith(b'content-length:'):
                length = int(header.split(b':')[1])
        self.reader.read(length)
        return int(line.split()[1])

    def close(self):
        self.reader.close()
        self.socket.close()


class TokenFlood(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.log = os.path.join(self.folder, 'log')
        with open(os.path.join(self.folder, 'kubeconfig'), 'w', encoding='utf-8') as file:
            file.write(KUBECONFIG)

    def start(self, *flags):
        data = os.path.join(self.folder, 'data')
        # Without a quarantine of freed memory, which AddressSanitizer would have.
        environment = {'PATH': os.environ['PATH'], 'BOOTSTRAP_ADMIN_PASSWORD': 'correct horse', 'ASAN_OPTIONS': 'quarantine_size_mb=1'}
        with open(self.log, 'wb') as out:
            self.process = spawn([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'serve', '--listen', '127.0.0.1:0', '--auth', 'required',
                                  '--kubeconfig', os.path.join(self.folder, 'kubeconfig'), '--data-dir', data, '--log-format', 'json',
                                  *flags], stdout=out, stderr=out, env=environment)
        self.addCleanup(end, self.process)

        def address():
            self.assertIsNone(self.process.poll())
            return address_in(self.log)

        self.base = wait_until(address, what='the platform')
        self.port = int(self.base.rsplit(':', 1)[1])
        login = exchange('POST', self.base + '/api/v1/auth/login', {'username': 'admin', 'password': 'correct horse'})
        self.assertEqual(login.status, 200, login.text)
        self.access_token = login.json['access_token']
        created = exchange('POST', self.base + '/api/v1/api-keys', {'name': 'reader'}, self.bearer(self.access_token))
        self.assertEqual(created.status, 201, created.text)
        self.key = created.json['key']

    @staticmethod
    def bearer(token):
        return {'Authorization': 'Bearer ' + token}

    def sockets(self):
        folder = f'/proc/{self.process.pid}/fd'
        count = 0
        for name in os.listdir(folder):
            try:
                count += os.readlink(os.path.join(folder, name)).startswith('socket:')
            except FileNotFoundError:  # closed in the meantime
                pass
        return count

    def resident_bytes(self):
        with open(f'/proc/{self.process.pid}/status', encoding='utf-8') as file:
            return next(int(line.split()[1]) for line in file if line.startswith('VmRSS:')) * 1024

    def flood(self, count, seed, observe=lambda: None):
        """Sends `count` different credentials on some connections, and some more on one connection each. Returns the statuses."""
        tokens = Tokens(self.access_token, seed)
        statuses = {}
        wires = [Wire(self.port) for _ in range(CONNECTIONS)]

        def read(wire):
            status = wire.status()
            statuses[status] = statuses.get(status, 0) + 1
        try:
            for first in range(0, count, CONNECTIONS * BATCH):
                for lane, wire in enumerate(wires):
                    begin = first + lane * BATCH
                    wire.send(tokens.next(number) for number in range(begin, begin + BATCH))
                for wire in wires:
                    for _ in range(BATCH):
                        read(wire)
                single = Wire(self.port)
                single.send([tokens.next(first)])
                read(single)
                single.close()
                observe()
        finally:
            for wire in wires:
                wire.close()
        return statuses

    def run_flood(self, expected):
        """Checks the reads of two other clients during a flood, and sockets and memory of the platform."""
        readers = [self.bearer(self.key), self.bearer(self.access_token)]
        path = self.base + '/api/v1/projects'
        right = exchange('GET', path, headers=readers[0])
        self.assertEqual(right.status, 200, right.text)
        self.flood(WARM_UP, SEED)
        sockets, memory = self.sockets(), self.resident_bytes()
        results, highest, is_over = [], [0], threading.Event()

        def read():
            while not is_over.is_set() and len(results) < READS_MAX:
                for headers in readers:
                    response = exchange('GET', path, headers=headers)
                    results.append((response.status, response.text))

        def observe():
            highest[0] = max(highest[0], self.sockets())
        reader = threading.Thread(target=read)
        reader.start()
        try:
            statuses = self.flood(TOKENS, SEED + 1, observe)
        finally:
            is_over.set()
            reader.join()
        self.assertEqual(set(results), {(200, right.text)}, f'seed {SEED}')
        self.assertEqual(sum(statuses.values()), TOKENS + TOKENS // (CONNECTIONS * BATCH), f'seed {SEED}')
        self.assertLessEqual(set(statuses), expected, f'{statuses}, seed {SEED}')
        # Connections of the flood, one of each reader, and as many that the platform has yet to close.
        self.assertLessEqual(highest[0] - sockets, 2 * (CONNECTIONS + 1 + len(readers)))
        wait_until(lambda: self.sockets() <= sockets, what='the end of the connections')
        self.assertLess(self.resident_bytes() - memory, GROWTH_MAX, f'seed {SEED}')
        for headers in readers:
            self.assertEqual(exchange('GET', path, headers=headers).text, right.text)
        return statuses

    def test_reads_stay_correct_and_resources_bounded(self):
        self.start('--rate-limits', 'off')
        self.assertEqual(set(self.run_flood({401})), {401})

    def test_rate_limits_of_the_address_do_not_concern_known_callers(self):
        self.start('--rate-limit-reads', '10:2000')  # fewer than the credentials, more than the reads
        self.assertIn(429, self.run_flood({401, 429}))


if __name__ == '__main__':
    sys.exit(unittest.main(verbosity=2))
