"""Replicas of the platform with all that they need, each part of which a test can break, under the load of many clients."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

import mongo_server
from fault_clients import WRITE_TIMEOUT, CounterClient, HealthClient, ReadingClient, RegisterClient
from fault_proxy import FaultProxy
from fault_servers import free_port
from history import ACKED, History, Stored, Write
from mongo_store_test import SKIPPED
from mongo_wire import ScramProxy
from process import end, spawn
from redis_bus_test import RedisServer
from serve_test import KUBECONFIG
from stack import Stack, request, wait_until

IS_FULL = os.environ.get('DBAAS_TEST_FULL') == '1'
SEED = int(os.environ.get('DBAAS_TEST_SEED') or random.randrange(1, 1 << 30))
OUTAGE = float(os.environ.get('DBAAS_TEST_OUTAGE') or (60 if IS_FULL else 2))  # seconds of each fault
BOUND = 5  # seconds until every replica serves a write (docs/operations/redis.md)
INTERVAL = 2  # seconds between two scrapes
COMPARISON = 15  # seconds between two comparisons with the store while Redis is connected
MEMORY_GROWTH_MAX = 96 * 1024  # KiB
PROJECT = 'default'


class Replica:
    """`dbaas serve` that keeps its address over restarts. close() ends it."""

    def __init__(self, name, kubeconfig, **env):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.kubeconfig = os.path.join(self.folder, 'kubeconfig')
        with open(self.kubeconfig, 'w', encoding='utf-8') as file:
            file.write(kubeconfig)
        self.port = free_port()
        self.base = f'http://127.0.0.1:{self.port}'
        self.log = os.path.join(self.folder, 'log')
        self.env = env
        self.is_up = False
        self.is_suspended = False
        self.changed = 0.0  # the last time at which the process ended, was suspended, continued or served again
        self.starts = 0
        self.process = None
        self.start()

    def start(self):
        self.starts += 1
        with open(self.log, 'ab') as out:
            self.process = spawn([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'serve', '--listen', f'127.0.0.1:{self.port}',
                                  '--kubeconfig', self.kubeconfig, '--log-format', 'json'], stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=out, env={'PATH': os.environ['PATH'], 'TSAN_OPTIONS': 'halt_on_error=1',
                                                  'DBAAS_DATA_DIR': os.path.join(self.folder, 'data'),
                                                  'METRICS_SYNC_INTERVAL': str(INTERVAL), **self.env})

    def wait(self):
        """Waits until the replica is ready, which includes its first read of the cluster."""
        def is_ready():
            assert self.process.poll() is None, self.tail()
            return self.get('/health/ready').status == 200
        wait_until(is_ready, 60, f'{self.name} to be ready')
        self.changed = time.monotonic()
        self.is_up = True
        return self

    def mark_down(self):
        self.is_up = False
        self.changed = time.monotonic()

    def kill(self):
        self.mark_down()
        self.process.kill()
        self.process.wait()

    def suspend(self):
        self.mark_down()
        self.process.send_signal(signal.SIGSTOP)
        self.is_suspended = True

    def resume(self):
        self.process.send_signal(signal.SIGCONT)
        self.is_suspended = False
        self.changed = time.monotonic()
        self.is_up = True

    def stop(self):
        """Stops the process as Kubernetes does: it serves while it is not ready, then it ends."""
        self.process.terminate()
        wait_until(lambda: self.get('/health/ready').status == 503, what=f'{self.name} to be not ready')
        self.mark_down()
        assert self.process.wait(60) == 0, self.tail()

    def restart(self):
        self.start()
        return self.wait()

    def get(self, path):
        return request('GET', self.base + path, timeout=10)

    def events(self, name):
        found = []
        with open(self.log, encoding='utf-8') as file:
            for line in file:
                with contextlib.suppress(ValueError):  # a part of a line, if the disk was full
                    found.append(json.loads(line))
        return [line for line in found if line['event'] == name]

    def tail(self):
        with open(self.log, encoding='utf-8') as file:
            return ''.join(file.readlines()[-20:])

    def metric(self, name):
        lines = [line for line in self.get('/metrics').text.splitlines() if line.startswith(name)]
        return sum(float(line.rsplit(' ', 1)[1]) for line in lines)

    def memory(self):
        """Returns the resident memory in KiB."""
        with open(f'/proc/{self.process.pid}/status', encoding='utf-8') as file:
            return next(int(line.split()[1]) for line in file if line.startswith('VmRSS:'))

    def databases(self):
        """Returns the databases of all pages by name."""
        found, path = {}, '/api/v1/databases?limit=500'
        cursor = ''
        while True:
            response = self.get(path + (f'&cursor={cursor}' if cursor else ''))
            assert response.status == 200, f'{self.name}: {response.status} {response.text}'
            found |= {item['name']: item for item in response.json['items']}
            cursor = response.json['next_cursor']
            if not cursor:
                return found

    def close(self):
        if self.is_suspended:
            self.resume()
        end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)


class World:
    """MongoDB's test server behind a proxy, Redis, a simulated cluster and replicas. close() ends all of them."""

    CLUSTER = ('--synthetic', '2000')

    def __init__(self, replicas=3, redis=None, user=None, is_split=False, **env):
        """redis: a server of the caller, without it one behind a proxy, `bus`. user: the name and the password of MongoDB's user.
        With `is_split`, the last replica reaches the others' servers through separate proxies, `split`."""
        self.stack = Stack()
        self.mongo = mongo_server.MongoServer()
        self.authentication = ScramProxy(self.mongo.port, *user) if user else None
        self.store = FaultProxy((self.authentication or self.mongo).port, is_mongo=True)
        self.redis = redis or RedisServer()
        self.bus = None if redis else FaultProxy(self.redis.port)
        self.stack.start_cluster(*self.CLUSTER)
        with open(self.stack.kubeconfig, encoding='utf-8') as file:
            kubeconfig = file.read()
        options = [] if IS_FULL else ['serverSelectionTimeoutMS=1000', 'socketTimeoutMS=3000']
        options += ['authSource=admin', 'authMechanism=SCRAM-SHA-256'] if user else []
        login = ':'.join(urllib.parse.quote(part, safe='') for part in user) + '@' if user else ''
        self.split = self.make_split() if is_split else {}
        self.replicas = []
        for number in range(replicas):
            proxies = self.split if number == replicas - 1 else {}
            store = proxies.get('store', self.store)
            url = f"mongodb://{login}127.0.0.1:{store.port}/dbaas{'?' if options else ''}{'&'.join(options)}"
            bus = self.redis.url() if redis else self.redis.url(proxies.get('bus', self.bus).port)
            config = kubeconfig.replace(self.stack.cluster_address()[0], f"http://127.0.0.1:{proxies['cluster'].port}") \
                if proxies else kubeconfig
            # The limits of rates ask Redis before each write.
            self.replicas.append(Replica(f'replica-{number}', config, MONGODB_URL=url, REDIS_URL=bus, DBAAS_RATE_LIMITS='on',
                                         DBAAS_RATE_LIMIT_WRITES='100000', DBAAS_RATE_LIMIT_READS='100000',
                                         **(redis.env() if redis else {}), **env))
        for replica in self.replicas:
            replica.wait()
        wait_until(lambda: all(replica.metric('dbaas_replicas ') == replicas for replica in self.replicas), 30, 'all replicas')

    def make_split(self):
        api_port = int(self.stack.cluster_address()[0].rsplit(':', 1)[1])
        return {'store': FaultProxy(self.mongo.port, is_mongo=True), 'bus': FaultProxy(self.redis.port),
                'cluster': FaultProxy(api_port)}

    def stored(self):
        """Returns what the store and the cluster hold, through a process that has just read the store and never acts.

        Databases without the label `step` are not of a WritingClient."""
        reader = Replica('reader', KUBECONFIG, MONGODB_URL=self.mongo.url())
        try:
            wait_until(lambda: reader.process.poll() is not None or reader.events('serving'), 30, 'the reader of the store')
            databases = reader.databases()
        finally:
            reader.close()
        objects = self.stack.kubernetes(f'/apis/kubedb.com/v1/namespaces/dbaas-{PROJECT}/redises')['items']
        names = [entry['metadata']['name'] for entry in objects]
        return {name: Stored(int(item['labels']['step']), item['id'], item['revision'], names.count(name))
                for name, item in databases.items() if not item['deleted'] and 'step' in item['labels']}

    def close(self):
        for replica in self.replicas:
            replica.close()
        if self.bus:
            self.bus.close()
            self.redis.close()
        for proxy in (self.store, *self.split.values(), *([self.authentication] if self.authentication else [])):
            proxy.close()
        self.mongo.close()
        self.stack.close()


class Load:
    """Clients that use the replicas, or one address before them, from start() to finish(), which returns the violations."""

    def __init__(self, world, name, servers=None, pause=0.1, write_timeout=WRITE_TIMEOUT, readers=2, writers=3):
        self.world, self.name, self.seed = world, name, SEED
        self.replicas = world.replicas
        self.servers = servers or world.replicas
        self.write_timeout = write_timeout
        self.history = History()
        self.outages = []
        self.is_stopping = threading.Event()
        self.deadline = float('inf')
        self.targets, self.mutex = {}, threading.Lock()
        self.memory = {replica.name: replica.memory() for replica in self.replicas}
        self.counter = self.create_counter()
        self.health = HealthClient(self)
        self.clients = [RegisterClient(self, number, pause) for number in range(writers)]
        self.clients += [CounterClient(self, writers + number, 2 * pause) for number in range(2)]
        self.clients += [ReadingClient(self, 100 + number, pause / 2) for number in range(readers)]
        for client in (*self.clients, self.health):
            client.start()

    def body(self, name, step):
        return {'project': PROJECT, 'name': name, 'engine': 'redis', 'size': 'micro', 'storage': {'size': '1Gi'},
                'labels': {'step': str(step), 'load': self.name}}

    def create_counter(self):
        """Creates the shared database and waits until every replica serves it."""
        name = f'{self.name}-counter'
        response = request('POST', self.replicas[0].base + '/api/v1/databases', self.body(name, 0))
        assert response.status == 202, response.text
        database = response.json['database']['id']
        path = f'/api/v1/databases/{database}'
        for replica in self.replicas:
            wait_until(lambda replica=replica: replica.get(path).status == 200, 2 * BOUND, 'the counter')
        self.targets[name] = path
        self.history.add(Write(name, 0, time.monotonic(), time.monotonic(), ACKED, database=database))
        return name, path

    def add_target(self, name, path):
        with self.mutex:
            self.targets[name] = path

    def any_target(self, source):
        with self.mutex:
            return source.choice(list(self.targets.items()))

    def may_fail(self, server, start):
        """Returns true if the server was not up all the time since `start`."""
        return not server.is_up or server.changed >= start

    def run(self, seconds):
        """Lets the clients work for this time."""
        self.is_stopping.wait(seconds)

    def finish(self, bound=BOUND, recovery=20):
        """Stops the clients after their last writes, waits until all replicas agree, and returns all violations."""
        self.is_stopping.set()
        self.deadline = time.monotonic() + recovery
        for client in (*self.clients, self.health):
            client.join(recovery + self.write_timeout)
            assert not client.is_alive(), f'{type(client).__name__} does not end'
        wait_until(self.is_settled, recovery + 10, 'the replicas to agree and all databases to run')
        stored = {name: value for name, value in self.world.stored().items() if name.startswith(f'{self.name}-')}
        found = self.history.check(stored, bound, self.outages)
        return sorted(set(found + self.replica_violations()))

    def is_settled(self):
        views = [replica.databases() for replica in self.replicas]
        tags = [{name: (item['revision'], item['labels'], item['deleted']) for name, item in view.items()} for view in views]
        is_running = all(item['status']['phase'] == 'running' for view in views for item in view.values())
        return all(view == tags[0] for view in tags) and is_running

    def replica_violations(self):
        found = []
        for replica in self.replicas:
            if replica.process.poll() is not None:
                found.append(f'{replica.name} ended: {replica.tail()}')
                continue
            growth = replica.memory() - self.memory[replica.name]
            if growth > MEMORY_GROWTH_MAX:
                found.append(f'{replica.name} grew by {growth} KiB')
        return found

    def states(self, member, since, until=float('inf')):
        """Returns the words of this member of /health/ready per replica, in their order, within a time.

        The first word is the one when the time began: the last sample before it."""
        result = {}
        for name, entries in self.health.states.items():
            before = [state for moment, state in entries if moment < since][-1:]
            within = [state for moment, state in entries if since <= moment <= until]
            words = [state[member] for state in before + within]
            result[name] = [word for index, word in enumerate(words) if index == 0 or words[index - 1] != word]
        return result


def needs_servers(case):
    """Skips the tests of the class if a server that they need is not installed."""
    case = unittest.skipUnless(mongo_server.is_installed(), SKIPPED)(case)
    return unittest.skipUnless(shutil.which('redis-server'), 'redis-server is not installed')(case)


class FaultCase(unittest.TestCase):
    """The steps of a test in `world`, which the class of the tests makes."""

    maxDiff = None

    def load(self, name, **options):
        load = Load(self.world, name, **options)
        self.addCleanup(load.is_stopping.set)
        load.run(0.5)
        return load

    def finish(self, load, **options):
        load.run(0.5)
        found = load.finish(**options)
        counts = {outcome: load.history.count(outcome) for outcome in ('acked', 'rejected', 'unknown')}
        summary = f'seed {SEED}: {counts}, {len(load.history.reads)} reads, {len(load.history.samples)} samples'
        self.assertEqual(found, [], summary)
        self.assertGreater(counts['acked'], 10, summary)
        self.assertGreater(len(load.history.reads), 20, summary)
        print(f'{summary}, statuses {load.history.statuses()}', flush=True)

    def wait_for_state(self, member, word, seconds=15):
        for replica in self.world.replicas:
            wait_until(lambda replica=replica: replica.get('/health/ready').json[member] == word, seconds,
                       f'{member} {word} of {replica.name}')

    def check_writes_succeeded(self, load):
        """No write needed a second attempt because of an error."""
        self.assertLessEqual(set(load.history.statuses()), {200, 202, 404, 409, 412})

    def check_store_outage(self, name, state):
        load = self.load(name)
        start = time.monotonic()
        self.world.store.set_state(state)
        self.wait_for_state('database', 'disconnected')
        load.run(OUTAGE)
        end = time.monotonic()
        self.world.store.set_state('pass')
        self.wait_for_state('database', 'connected')
        load.outages.append((start, time.monotonic(), None))
        acked = [write for write in load.history.writes if write.outcome == 'acked' and start + 1 < write.start and write.end < end]
        self.assertEqual(acked, [], 'no write is acknowledged without the store')
        self.finish(load)
        for states in load.states('database', start).values():
            self.assertEqual(states, ['connected', 'disconnected', 'connected'])

    def check_bus_outage(self, name, begin, heal):
        load = self.load(name)
        start = time.monotonic()
        begin()
        self.wait_for_state('redis', 'disconnected', 30)
        load.run(OUTAGE)
        heal()
        self.wait_for_state('redis', 'connected', 30)
        self.finish(load)
        self.check_writes_succeeded(load)
        for states in load.states('redis', start).values():
            self.assertEqual(states, ['connected', 'disconnected', 'connected'])
        for states in load.states('status', start).values():
            self.assertEqual(states, ['ready'], 'Redis does not count')

    def check_failover(self, name, fail_over):
        """fail_over() kills a master of Redis and returns when there is another one."""
        load = self.load(name)
        fail_over()
        load.run(OUTAGE)
        self.wait_for_state('redis', 'connected', 30)
        self.finish(load)
        self.check_writes_succeeded(load)
