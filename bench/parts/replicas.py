"""1, 3 and 6 replicas over one MongoDB test server, Redis and one simulated cluster: calls, scrapes, cost, bus, takeovers.

One store is filled once; then replicas are added. The last phases kill, stop and start replicas while a client reads, and send a
burst of creates to three replicas at once.
"""

import concurrent.futures
import http.client
import shutil
import threading
import time

import mongo_server
from fill import Client, count, fill, progress
from measure import Watched, percentile
from mongo_store_test import Platform
from parts.creates import PLURALS, all_at_once
from redis_bus_test import RedisServer
from simulated_stack import SimulatedStack
from stack import wait_until

KNOBS = {'count': (10_000, 60, 6, 100_000), 'interval': (30, 2, 1, 600), 'phase': (0, 0, 0, 3600), 'burst': (1000, 60, 3, 10_000)}
STEPS = (1, 3, 6)
READ_PAUSE_SECONDS = 0.002


class Replica(Platform):
    """One platform and its metrics."""

    def page(self):
        """Returns the metrics as name with labels → value."""
        lines = self.get('/metrics').text.splitlines()
        return {name: float(value) for name, value in (line.rsplit(' ', 1) for line in lines if not line.startswith('#'))}

    def metric(self, name):
        return self.page().get(name, 0)

    def port(self):
        return int(self.base.rsplit(':', 1)[1])


def total(pages, prefix, contains=''):
    return sum(value for page in pages for name, value in page.items() if name.startswith(prefix) and contains in name)


class Group:
    """The replicas, their store, their bus and their cluster. A context manager."""

    def __init__(self, options, capacity):
        self.options = options
        self.redis = self.mongo = None
        self.stack = SimulatedStack(options, capacity)
        self.replicas = []

    def __enter__(self):
        self.stack.__enter__()
        try:
            self.mongo = mongo_server.MongoServer(options=('-Xmx2g',))
            self.redis = RedisServer()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for each in self.replicas:
            each.close()
        for each in (self.redis, self.mongo, self.stack):
            if each is not None:
                each.close()

    def start(self, wanted):
        """Starts replicas until there are `wanted`, and waits until all know each other."""
        with open(self.stack.kubeconfig, encoding='utf-8') as file:
            kubeconfig = file.read()
        while len(self.replicas) < wanted:  # one at a time: the test server needs seconds for the records of each
            self.replicas.append(Replica(self.mongo.url(), kubeconfig=kubeconfig, REDIS_URL=self.redis.url(), LOG_LEVEL='info',
                                         METRICS_SYNC_INTERVAL=str(self.options.interval)))
            self.replicas[-1].wait()
        self.wait_for_division()
        self.stack.base = self.replicas[0].base

    def wait_for_division(self, seconds=60):
        """Waits until all replicas know each other and all databases have an owner."""
        def is_divided():
            pages = [each.page() for each in self.replicas]
            known = all(page.get('dbaas_replicas') == len(self.replicas) for page in pages)
            return known and total(pages, 'dbaas_databases_owned') == self.stack_count()
        wait_until(is_divided, seconds, 'the division of the databases')

    def stack_count(self):
        return count(Client(self.replicas[0].base))


def run(options, table):
    if not mongo_server.is_installed() or shutil.which('redis-server') is None:
        table.missing('replicas', "the MongoDB test server or redis-server is not installed; './dev test --live' installs them")
        return
    options.phase = options.phase or 2 * options.interval
    with Group(options, options.count + options.burst) as group:
        for wanted in STEPS:
            group.start(wanted)
            if wanted == STEPS[0]:
                group.stack.wait_for_engine('redis')
                accepted, _ = fill(group.replicas[0].base, options.count, report=progress)
                progress('')
                table.add(f'{options.count:,} creates: accepted', options.count / accepted, '/s')
            group.stack.wait_for_first_scrapes(3 * options.interval + 30 + options.count / 100)
            time.sleep(2 * options.interval)  # the intervals after a change of the owners differ
            steady(options, table, group)
        changes(options, table, group)
        burst(options, table, group)


def steady(options, table, group):
    """Adds what the replicas cost together while nothing changes."""
    number = len(group.replicas)
    name = f'{number} replica' + ('s' if number > 1 else '')
    watched = [Watched(each.process.pid) for each in group.replicas]
    group.stack.set_faults(forget_scrapes=True)
    calls, pages, spent = group.stack.stats()['calls'], [each.page() for each in group.replicas], [each.cpu() for each in watched]
    begun = time.monotonic()
    time.sleep(options.phase)
    seconds = time.monotonic() - begun
    spent = [each.cpu() - before for each, before in zip(watched, spent)]
    stats = group.stack.stats()
    later = [each.page() for each in group.replicas]
    made = {verb: calls_now - calls.get(verb, 0) for verb, calls_now in stats['calls'].items()}
    leases = sum(value for verb, value in made.items() if 'leases' in verb)
    watches = sum(value for verb, value in made.items() if verb.startswith('watch '))
    scrapes = stats['simulator']['scrapes']
    proxied = sum(value for verb, value in made.items() if 'proxy' in verb)
    on_time, late = group.stack.gaps(stats['simulator'], options.interval)
    table.add(f'{name}: scrapes made, of those due', 100 * scrapes * options.interval / (options.count * seconds), '%')
    table.add('… later than a second after the interval', late, '')
    table.add('… other calls of Kubernetes, without leases and watches', (sum(made.values()) - leases - watches - proxied) / seconds, '/s')
    table.add('… calls for leases', leases / seconds, '/s')
    table.add('… CPU of all replicas', sum(spent) / seconds, 'cores')
    table.add('… CPU of one replica, maximum', max(spent) / seconds, 'cores')
    table.add('… RSS of one replica, maximum', max(each.rss_mib() for each in watched), 'MiB')
    for what, prefix, contains in (('MongoDB commands', 'dbaas_mongodb_command_duration_seconds_count', ''),
                                   ('bus messages sent', 'dbaas_bus_messages_total', 'sent')):
        table.add(f'… {what}', (total(later, prefix, contains) - total(pages, prefix, contains)) / seconds, '/s')
    sent = total(later, 'dbaas_bus_bytes_total', 'sent') - total(pages, 'dbaas_bus_bytes_total', 'sent')
    table.add('… bus bytes sent', sent / seconds / 1024, 'KiB/s')
    messages = total(later, 'dbaas_bus_delay_seconds_count') - total(pages, 'dbaas_bus_delay_seconds_count')
    delays = total(later, 'dbaas_bus_delay_seconds_sum') - total(pages, 'dbaas_bus_delay_seconds_sum')
    if messages:
        table.add('… delay of a bus message, mean', 1000 * delays / messages, 'ms')


class Reader(threading.Thread):
    """Reads metrics from the replicas in turn. A failed read goes to the next replica, as behind a load balancer."""

    def __init__(self, group):
        super().__init__(daemon=True)
        self.bases = [each.base for each in group.replicas]
        self.ids = [item['id'] for item in group.stack.items()]
        self.times, self.failed = [], 0
        self.is_stopping = False
        self.connections = {}

    def read(self, base, path):
        connection = self.connections.get(base)
        if connection is None:
            host, port = base.rsplit('/', 1)[1].split(':')
            connection = self.connections[base] = http.client.HTTPConnection(host, int(port), timeout=5)
        try:
            connection.request('GET', path)
            response = connection.getresponse()
            response.read()
            return response.status == 200
        except (OSError, http.client.HTTPException):
            connection.close()
            del self.connections[base]
            return False

    def run(self):
        number = 0
        while not self.is_stopping:
            path = f'/api/v1/databases/{self.ids[number % len(self.ids)]}/metrics'
            begun = time.monotonic()
            bases = list(self.bases)
            for attempt in range(len(bases)):
                if self.read(bases[(number + attempt) % len(bases)], path):
                    break
            else:
                self.failed += 1
            self.times.append(time.monotonic() - begun)
            number += 1
            time.sleep(READ_PAUSE_SECONDS)

    def stop(self):
        self.is_stopping = True
        self.join()


def changes(options, table, group):
    """Kills, starts and stops replicas while a client reads."""
    while len(group.replicas) > 3:
        group.replicas.pop().close()
    group.wait_for_division()
    reader = Reader(group)
    reader.start()
    killed = group.replicas.pop()
    killed.process.kill()
    begun = time.monotonic()
    group.wait_for_division()
    table.add('kill -9 of one of 3 replicas: its databases have owners after', time.monotonic() - begun, 's', maximum=16)
    killed.close()
    begun = time.monotonic()
    group.start(3)
    reader.bases = [each.base for each in group.replicas]
    table.add('a replica starts: it serves and owns its share after', time.monotonic() - begun, 's')
    reader.stop()
    reader = Reader(group)
    reader.start()
    waits = []
    group.stack.set_faults(forget_scrapes=True)
    for _ in range(3):
        stopped = group.replicas.pop(0)
        stopped.process.terminate()
        begun = time.monotonic()
        group.wait_for_division()
        waits.append(time.monotonic() - begun)
        stopped.close()
        group.start(3)
        reader.bases = [each.base for each in group.replicas]
    reader.stop()
    table.add('rolling restart of 3 replicas: owners after each stop, maximum', max(waits), 's')
    table.add('… reads without a response from any replica', reader.failed, '', maximum=0)
    table.add('… reads, p50', 1000 * percentile(reader.times, 0.5), 'ms')
    table.add('… reads, p99', 1000 * percentile(reader.times, 0.99), 'ms')
    time.sleep(options.interval)
    gaps = {float(gap): times for gap, times in group.stack.stats()['simulator']['gaps'].items()}
    table.add('… longest time between two scrapes of a database', max(gaps, default=0), 's', maximum=2 * options.interval + 1)


def burst(options, table, group):
    """Sends creates to three replicas at once, and then again with the same keys to other replicas."""
    size = options.burst // 3
    ports = [each.port() for each in group.replicas]
    group.stack.base = group.replicas[0].base
    before = creations(group)
    begun = time.monotonic()
    ids = {each['database']['id'] for each in send_to_each(ports, size, options.count)}
    table.add(f'{3 * size:,} creates at once on 3 replicas: all accepted after', time.monotonic() - begun, 's')
    again = {each['database']['id'] for each in send_to_each(ports[1:] + ports[:1], size, options.count)}
    group.stack.wait_until_running(options.count + len(ids))
    table.add('… all running after', time.monotonic() - begun, 's')
    listed = [{item['id'] for item in all_items(each)} for each in group.replicas]
    table.add('… lost', max(len(ids - each) for each in listed), '', maximum=0)
    table.add('… created twice', max(creations(group) - before - 3 * size, len(ids) - 3 * size), '', maximum=0)
    table.add('… created again by a retry with the same keys on another replica', len(again - ids), '', maximum=0)


def creations(group):
    calls = group.stack.stats()['calls']
    return sum(calls.get(f'create {plural}', 0) for plural in PLURALS.values())


def all_items(replica):
    items, after = [], ''
    while after is not None:
        page = replica.get('/api/v1/databases?limit=500' + (f'&cursor={after}' if after else '')).json
        items += page['items']
        after = page['next_cursor']
    return items


def send_to_each(ports, size, first):
    """Sends `size` creates to each port at once. Returns all responses."""
    with concurrent.futures.ThreadPoolExecutor(len(ports)) as pool:
        groups = pool.map(lambda number: all_at_once(ports[number], size, first + number * size), range(len(ports)))
    return [response for group in groups for response in group[0]]
