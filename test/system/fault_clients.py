"""Clients that write and read all the time and record what they sent and received (history.py)."""

import datetime
import http.client
import json
import random
import threading
import time
import urllib.parse
import uuid

from history import ACKED, GONE, REJECTED, UNKNOWN, Read, Sample, Write
from rest import Response

WRITE_TIMEOUT = 15  # seconds; longer than the platform takes to reject a write
READ_TIMEOUT = 5


class Connection:
    """One persistent connection per process of a server. A GET on a connection that the server closed is sent once more."""

    def __init__(self):
        self.connections = {}

    def send(self, server, method, path, body=None, headers=None, timeout=READ_TIMEOUT):
        """Returns the response. Its status is 0 if there is none, and its text is the error."""
        key = server.name, server.starts
        while True:
            connection = self.connections.get(key)
            is_reused = connection is not None
            if not is_reused:
                parts = urllib.parse.urlsplit(server.base)
                connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
                self.connections[key] = connection
            try:
                if connection.sock is not None:
                    connection.sock.settimeout(timeout)
                connection.request(method, path, None if body is None else json.dumps(body), headers or {})
                response = connection.getresponse()
                text = response.read().decode()
                if response.will_close:
                    self.connections.pop(key).close()
                return Response(response.status, response.headers, text)
            except (OSError, http.client.HTTPException) as error:
                self.connections.pop(key).close()
                if not (is_reused and method == 'GET' and isinstance(error, (ConnectionError, http.client.RemoteDisconnected))):
                    return Response(0, {}, f'{type(error).__name__}: {error}')

    def close(self):
        for connection in self.connections.values():
            connection.close()


class Client(threading.Thread):
    """Calls turn() until the load stops. A violation that it sees is a sentence in the history."""

    def __init__(self, load, number, pause):
        super().__init__(daemon=True)
        self.load, self.history, self.number, self.pause = load, load.history, number, pause
        self.random = random.Random(f'{load.seed} {load.name} {number}')
        self.connection = Connection()

    def run(self):
        try:
            while not self.load.is_stopping.wait(self.pause * self.random.uniform(0.5, 1.5)):
                self.turn()
        except Exception as error:  # pylint: disable=broad-except  # the test reports it
            self.history.add(f'{type(self).__name__} {self.number} failed: {error!r}')
        finally:
            self.connection.close()

    def choose(self):
        """Returns a server that is up, or any if none is."""
        return self.random.choice([server for server in self.load.servers if server.is_up] or self.load.servers)

    def get(self, path):
        """Returns the server, the start and the end of the request, and the response."""
        server = self.choose()
        start = time.monotonic()
        response = self.connection.send(server, 'GET', path)
        return server, start, time.monotonic(), response


class WritingClient(Client):
    def write(self, write, method, path, body=None, headers=None):
        """Sends the write under one key until a response decides it, and records it."""
        headers = {'Content-Type': 'application/json' if method == 'POST' else 'application/merge-patch+json',
                   'Idempotency-Key': str(uuid.uuid4()), **(headers or {})}
        is_decided = False
        while not is_decided and time.monotonic() < self.load.deadline:
            server = self.choose()
            start = time.monotonic()
            response = self.connection.send(server, method, path, body, headers, self.load.write_timeout)
            write.statuses.append(response.status)
            is_decided = self.decide(write, server, start, method, response)
            if not is_decided:
                time.sleep(self.random.uniform(0.02, 0.2))
        write.end = time.monotonic()
        self.history.add(write)

    def decide(self, write, server, start, method, response):
        """Sets the outcome of the write if the response decides it. Returns true if no other attempt is needed."""
        status = response.status
        where = f'a {method} of {write.target} through {server.name}'
        if status in (200, 202):
            document = response.json['database']
            write.outcome, write.revision, write.database = ACKED, document['revision'], document['id']
            return True
        if status == 0:
            if not self.load.may_fail(server, start):
                self.history.add(f'{where} had no response: {response.text}')
            return False
        if status == 503:
            if not response.headers.get('Retry-After'):
                self.history.add(f'{where} returned 503 without Retry-After')
            return False
        if status in (500, 502, 504):
            self.history.add(f'{where} returned {status}: {response.text[:200]}')
            return False
        code = response.json['code']
        # The replica has not read the write of another one yet, or the first attempt still runs.
        if (status == 404 and method != 'POST') or code in ('idempotency_key_in_use', 'conflict'):
            return False
        if code not in ('revision_mismatch', 'being_deleted'):
            self.history.add(f'{where} returned {status} {code}: {response.text[:200]}')
        # An attempt without a response may have been applied.
        write.outcome = REJECTED if len(write.statuses) == 1 else UNKNOWN
        return True


class RegisterClient(WritingClient):
    """Writes 0, 1, 2, … to its databases, one after the other, and deletes some of them."""

    def __init__(self, load, number, pause, deletes=0.02):
        super().__init__(load, number, pause)
        self.deletes = deletes
        self.name, self.value, self.path, self.count = '', GONE, '', 0

    def turn(self):
        if not self.path:
            return self.create()
        is_last = self.value > 0 and self.random.random() < self.deletes
        write = Write(self.name, GONE if is_last else self.value + 1, time.monotonic())
        if is_last:
            self.write(write, 'DELETE', self.path)
            self.path = ''
        else:
            self.value += 1
            self.write(write, 'PATCH', self.path, {'labels': {'step': str(self.value)}})

    def create(self):
        self.name, self.value = f'{self.load.name}-{self.number}-{self.count}', 0
        self.count += 1
        write = Write(self.name, 0, time.monotonic())
        self.write(write, 'POST', '/api/v1/databases', self.load.body(self.name, 0))
        if write.outcome == ACKED:
            self.path = f'/api/v1/databases/{write.database}'
            self.load.add_target(self.name, self.path)


class CounterClient(WritingClient):
    """Increments a database that other clients increment too."""

    def turn(self):
        name, path = self.load.counter
        _, _, _, response = self.get(path)
        if response.status != 200:
            return
        value = int(response.json['labels']['step']) + 1
        write = Write(name, value, time.monotonic(), is_increment=True)
        self.write(write, 'PATCH', path, {'labels': {'step': str(value)}}, {'If-Match': response.headers['ETag']})


class ReadingClient(Client):
    """Reads databases and their metrics from any server."""

    def turn(self):
        name, path = self.load.any_target(self.random)
        server, start, end, response = self.get(path)
        if response.status == 0 and self.load.may_fail(server, start):
            return
        value = int(response.json['labels']['step']) if response.status == 200 else GONE
        self.history.add(Read(name, server.name, start, end, response.status, value))
        wall = time.time()
        server, start, _, response = self.get(path + '/metrics')
        if response.status == 200:
            self.add_sample(name, server, wall, response.json)
        elif response.status != 404 and not (response.status == 0 and self.load.may_fail(server, start)):
            self.history.add(f'a read of the metrics of {name} from {server.name} returned {response.status}: {response.text[:200]}')

    def add_sample(self, name, server, wall, document):
        if document['last_updated'] is None:
            return
        updated = datetime.datetime.fromisoformat(document['last_updated'].replace('Z', '+00:00')).timestamp()
        self.history.add(Sample(name, server.name, wall, time.time(), document['status'] == 'fresh', document['age_seconds'],
                                updated, document['interval_seconds']))


class HealthClient(threading.Thread):
    """Probes each replica: /health/live is 200 within a second, and records the words of /health/ready."""

    def __init__(self, load):
        super().__init__(daemon=True)
        self.load = load
        self.connection = Connection()
        self.states = {}  # replica: list of (time, response of /health/ready)

    def run(self):
        while not self.load.is_stopping.wait(0.2):
            for server in self.load.replicas:
                start = time.monotonic()
                live = self.connection.send(server, 'GET', '/health/live', timeout=1)
                ready = self.connection.send(server, 'GET', '/health/ready', timeout=1)
                if self.load.may_fail(server, start):
                    continue
                if live.status != 200:
                    self.load.history.add(f'/health/live of {server.name} returned {live.status} {live.text}')
                if ready.status in (200, 503):
                    self.states.setdefault(server.name, []).append((start, ready.json))
        self.connection.close()
