"""MongoDB's wire protocol for tests: a small codec of BSON, a client, and a proxy that authenticates clients by SCRAM."""

import base64
import contextlib
import hashlib
import hmac
import os
import socket
import struct
import threading

HEADER = 16  # bytes: length, id, id of the request, kind
OP_MSG = 2013


class Int32(int):
    """A number that is encoded with 32 bits."""


def encode(document):
    """Returns the BSON of a dict of str, bytes, bool, int (64 bits), Int32, float, None, dict and list."""
    body = b''.join(_encode_element(name.encode(), value) for name, value in document.items())
    return struct.pack('<i', len(body) + 5) + body + b'\0'


def _encode_element(name, value):
    if isinstance(value, bool):
        kind, data = b'\x08', struct.pack('<b', value)
    elif isinstance(value, Int32):
        kind, data = b'\x10', struct.pack('<i', value)
    elif isinstance(value, int):
        kind, data = b'\x12', struct.pack('<q', value)
    elif isinstance(value, float):
        kind, data = b'\x01', struct.pack('<d', value)
    elif isinstance(value, str):
        text = value.encode() + b'\0'
        kind, data = b'\x02', struct.pack('<i', len(text)) + text
    elif isinstance(value, bytes):
        kind, data = b'\x05', struct.pack('<iB', len(value), 0) + value
    elif value is None:
        kind, data = b'\x0a', b''
    elif isinstance(value, dict):
        kind, data = b'\x03', encode(value)
    else:
        kind, data = b'\x04', encode({str(index): item for index, item in enumerate(value)})
    return kind + name + b'\0' + data


def decode(data, start=0):
    """Returns the dict of a BSON document. Times and object ids are bytes or numbers."""
    return _decode(data, start)[0]


def _decode(data, start):
    end = start + struct.unpack_from('<i', data, start)[0]
    document, position = {}, start + 4
    while data[position]:
        kind = data[position]
        stop = data.index(b'\0', position)
        name, position = data[position + 1:stop].decode(), stop + 1
        document[name], position = _decode_value(kind, data, position)
    return document, end


def _decode_value(kind, data, position):
    fixed = {0x01: '<d', 0x08: '<?', 0x09: '<q', 0x10: '<i', 0x11: '<q', 0x12: '<q'}
    if kind in fixed:
        return struct.unpack_from(fixed[kind], data, position)[0], position + struct.calcsize(fixed[kind])
    if kind == 0x02:
        length = struct.unpack_from('<i', data, position)[0]
        return data[position + 4:position + 3 + length].decode(), position + 4 + length
    if kind in (0x03, 0x04):
        value, end = _decode(data, position)
        return (list(value.values()) if kind == 0x04 else value), end
    if kind == 0x05:
        length = struct.unpack_from('<i', data, position)[0]
        return data[position + 5:position + 5 + length], position + 5 + length
    if kind == 0x07:
        return data[position:position + 12], position + 12
    assert kind == 0x0a, f'BSON of the kind {kind}'
    return None, position


def message(document, response_to=0):
    """Returns an OP_MSG."""
    body = struct.pack('<I', 0) + b'\0' + encode(document)
    return struct.pack('<iiii', HEADER + len(body), 1, response_to, OP_MSG) + body


def document_of(data):
    """Returns the document of the first section of an OP_MSG, or None for another kind of message."""
    return decode(data, HEADER + 5) if struct.unpack_from('<i', data, 12)[0] == OP_MSG else None


def receive(connection):
    """Returns the next message. Errors: ConnectionError (closed)."""
    data = b''
    while len(data) < 4 or len(data) < struct.unpack_from('<i', data)[0]:
        wanted = 4 if len(data) < 4 else struct.unpack_from('<i', data)[0]
        part = connection.recv(wanted - len(data))
        if not part:
            raise ConnectionError('closed')
        data += part
    return data


class MongoClient:
    """Runs commands on one database. close() closes the connection."""

    def __init__(self, port, database='dbaas'):
        self.database = database
        self.connection = socket.create_connection(('127.0.0.1', port), timeout=30)

    def run(self, command):
        """Returns the response. Errors: AssertionError (the command failed)."""
        self.connection.sendall(message({**command, '$db': self.database}))
        response = document_of(receive(self.connection))
        assert response['ok'] == 1 and 'writeErrors' not in response, response
        return response

    def collections(self):
        cursor = self.run({'listCollections': 1, 'nameOnly': True})['cursor']
        return sorted(entry['name'] for entry in cursor['firstBatch'])

    def documents(self, collection):
        """Returns all documents, which must be fewer than 10,000."""
        cursor = self.run({'find': collection, 'filter': {}, 'batchSize': 10000})['cursor']
        assert cursor['id'] == 0
        return cursor['firstBatch']

    def insert(self, collection, documents):
        self.run({'insert': collection, 'documents': documents})

    def close(self):
        self.connection.close()


class ScramServer:
    """The server's part of one authentication by SCRAM-SHA-256 (RFC 7677)."""

    ITERATIONS = 4096

    def __init__(self, user, password):
        self.user, self.salt = user, os.urandom(28)
        salted = hashlib.pbkdf2_hmac('sha256', password.encode(), self.salt, self.ITERATIONS)
        self.stored_key = hashlib.sha256(self._sign(salted, b'Client Key')).digest()
        self.server_key = self._sign(salted, b'Server Key')
        self.first = self.challenge = ''

    @staticmethod
    def _sign(key, text):
        return hmac.digest(key, text, 'sha256')

    def start(self, payload):
        """Returns the challenge, or None for another user."""
        self.first = payload.decode().split(',', 2)[2]
        fields = dict(part.split('=', 1) for part in self.first.split(','))
        name = fields['n'].replace('=2C', ',').replace('=3D', '=')
        nonce = fields['r'] + base64.b64encode(os.urandom(18)).decode()
        self.challenge = f'r={nonce},s={base64.b64encode(self.salt).decode()},i={self.ITERATIONS}'
        return self.challenge.encode() if name == self.user else None

    def finish(self, payload):
        """Returns the proof of the server, or None if that of the client is wrong."""
        bare, proof = payload.decode().rsplit(',p=', 1)
        signed = ','.join((self.first, self.challenge, bare)).encode()
        expected = self._sign(self.stored_key, signed)
        key = bytes(one ^ other for one, other in zip(base64.b64decode(proof), expected))
        if hashlib.sha256(key).digest() != self.stored_key:
            return None
        return b'v=' + base64.b64encode(self._sign(self.server_key, signed))


class ScramProxy:
    """A proxy before a server without users: it passes commands after an authentication by SCRAM-SHA-256 alone.

    Not MongoDB: no roles, no SCRAM-SHA-1, one user. `authenticated` and `rejected` count connections. close() ends it.
    """

    def __init__(self, target, user, password):
        self.target, self.user, self.password = target, user, password
        self.authenticated = self.rejected = 0
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), client, socket.create_connection(('127.0.0.1', self.target)) as server:
            scram, skips_empty = None, False
            is_authenticated = False
            while True:
                data = receive(client)
                command = document_of(data) or {}
                response = None
                if 'saslStart' in command:
                    scram = ScramServer(self.user, self.password)
                    skips_empty = command.get('options', {}).get('skipEmptyExchange', False)
                    response = self._step(False, scram.start(command['payload']))
                elif 'saslContinue' in command and command['payload']:
                    proof = scram.finish(command['payload'])
                    is_authenticated = proof is not None
                    self.authenticated += is_authenticated
                    response = self._step(skips_empty, proof)
                elif 'saslContinue' in command:
                    response = {'conversationId': Int32(1), 'done': True, 'payload': b'', 'ok': 1.0}
                elif command and not is_authenticated and not {'hello', 'isMaster', 'ismaster', 'ping'} & command.keys():
                    response = {'ok': 0.0, 'errmsg': 'command requires authentication', 'code': Int32(13), 'codeName': 'Unauthorized'}
                if response is None:
                    server.sendall(data)
                    client.sendall(receive(server))
                else:
                    client.sendall(message(response, struct.unpack_from('<i', data, 4)[0]))

    def _step(self, is_done, payload):
        if payload is None:
            self.rejected += 1
            return {'ok': 0.0, 'errmsg': 'Authentication failed.', 'code': Int32(18), 'codeName': 'AuthenticationFailed'}
        return {'conversationId': Int32(1), 'done': is_done, 'payload': payload, 'ok': 1.0}

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
