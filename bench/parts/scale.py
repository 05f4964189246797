"""Many databases: scrapes per interval, their cost, the latency of reads, and the latency of an event on /stream.

One client sends single requests, as a browser page does, first without and then with status changes. Further phases: hung
exporters, a restart.
"""

import http.client
import json
import math
import random
import threading
import time

from fill import Client, count
from measure import Watched, percentile
from simulated_stack import SimulatedStack
from rest import opener
from stack import wait_until

KNOBS = {'count': (10_000, 200, 2, 100_000), 'interval': (30, 1, 1, 600), 'phase': (0, 0, 0, 3600), 'patches': (300, 20, 1, 10_000)}


# Targets up to 10,000 and up to 100,000 databases, scraped every 30 s or less often.
SMALL = {'count': 10_000, 'cores': 1, 'rss': 250, 'ready': 5}
LARGE = {'count': 100_000, 'cores': 1.5, 'rss': 2048, 'ready': 15}


def limits_of(options):
    """Returns the targets of this size; without targets, an empty dictionary."""
    for limits in (SMALL, LARGE):
        if options.count <= limits['count'] and options.count / options.interval <= limits['count'] / 30:
            return limits
    return {}


def settings_of(options):
    """Returns the environment of the platform: 64 concurrent scrapes for 10,000 databases every 30 s, and more for more scrapes, so that a
    tenth of them can hang."""
    factor = options.count / options.interval / (10_000 / 30)
    return {'DBAAS_METRICS_CONCURRENCY': str(min(1024, 64 * math.ceil(factor)))} if factor > 1 else {}


class Stream(threading.Thread):
    """Follows /stream and stores the time of the first event for each expected (name, phase)."""

    def __init__(self, base):
        super().__init__(daemon=True)
        self.response = opener().open(base + '/api/v1/stream', timeout=120)
        self.synced = threading.Event()
        self.seen, self.expected = {}, {}
        self.start()

    def expect(self, key):
        """Returns an Event that is set when the stream reports `key`, a pair (name, phase)."""
        return self.expected.setdefault(key, threading.Event())

    def run(self):
        event = ''
        try:
            for line in self.response:
                if line.startswith(b'event: '):
                    event = line[7:].strip().decode()
                    if event == 'sync':
                        self.synced.set()
                elif line.startswith(b'data: ') and event != 'snapshot' and b'"kind":"database"' in line:
                    message = json.loads(line[6:])
                    if message['object']:
                        self.take(message['object']['name'], message['object']['status']['phase'])
        except (OSError, ValueError, http.client.HTTPException):
            pass  # the platform closed the stream

    def take(self, *key):
        if key in self.expected and not self.expected[key].is_set():
            self.seen[key] = time.monotonic()
            self.expected[key].set()


def run(options, table):
    options.phase = options.phase or 2 * options.interval + max(2, options.interval // 3)  # more than two intervals, for an accurate count
    options.limits = limits_of(options)
    options.is_usual = bool(options.limits)
    with SimulatedStack(options, options.count) as stack:
        stack.begin(options.interval, **settings_of(options))
        stack.fill(options.count)
        table.add(f'{options.count:,} creates: accepted', options.count / stack.created_after, '/s')
        table.add('… all running after', stack.running_after, 's')
        stack.wait_for_first_round(options.interval)
        phase(options, table, stack, 'without changes', {})
        table.add('RSS per 1,000 databases', Watched(stack.platform.pid).rss_mib() * 1000 / options.count, 'MiB')
        phase(options, table, stack, '20 status changes per second', {'flaps_per_second': 20})
        stack.set_faults(flaps_per_second=0)
        hung(options, table, stack)
        status_latency(options, table, stack)
        restart(options, table, stack)


def phase(options, table, stack, name, faults):
    """Adds the requests that the cluster received in a phase and their cost."""
    platform = Watched(stack.platform.pid)
    stack.set_faults(forget_scrapes=True, **faults)
    before, cpu = stack.stats(), platform.cpu()
    latencies = read_for(options, stack)
    after = stack.stats()
    spent = platform.cpu() - cpu
    scrapes = after['simulator']['scrapes']
    lists = sum(calls - before['calls'].get(verb, 0) for verb, calls in after['calls'].items() if verb.startswith('list '))
    on_time, late = stack.gaps(after['simulator'], options.interval)
    table.add(f'{name}: scrapes made, of those due', 100 * scrapes * options.interval / (options.count * options.phase), '%')
    if not faults:
        table.add('… within a second of the interval', 100 * on_time / (on_time + late) if on_time + late else math.nan, '%',
                  minimum=99.9 if options.is_usual else None)
    # Once per minute, two LISTs of one object compare the positions of watches with the storage of the API server.
    table.add('… LIST calls', lists, '', maximum=2 * (int(options.phase) // 60 + 1))
    table.add('… CPU of dbaas', spent / options.phase, 'cores', maximum=options.limits.get('cores'))
    table.add('… CPU per 1,000 scrapes', 1000 * spent / max(1, scrapes), 's')
    table.add('… RSS of dbaas', platform.rss_mib(), 'MiB', maximum=options.limits.get('rss'))
    for what, values in latencies.items():
        table.add(f'… GET {what}, p99', 1000 * percentile(values, 0.99), 'ms', maximum=10 if options.is_usual else None)


def read_for(options, stack):
    """Returns the latencies of single requests."""
    client = Client(stack.base)
    random.seed(options.seed)
    ids = [each['id'] for each in stack.items()]
    paths = {'metrics': lambda: f'/api/v1/databases/{random.choice(ids)}/metrics',
             'database': lambda: f'/api/v1/databases/{random.choice(ids)}',
             'list, first page': lambda: '/api/v1/databases',
             'list, by status': lambda: '/api/v1/databases?status=failed',
             'list, newest first': lambda: '/api/v1/databases?sort=-created_at',
             'list, search': lambda: f'/api/v1/databases?q={random.randrange(100, 999)}'}
    latencies = {what: [] for what in paths}
    deadline = time.monotonic() + options.phase
    while time.monotonic() < deadline:
        for what, path in paths.items():
            begun = time.monotonic()
            code, _ = client.send('GET', path())
            latencies[what].append(time.monotonic() - begun)
            assert code == 200
        time.sleep(0.05)
    return latencies


def hung(options, table, stack):
    """Measures the other scrapes while a tenth of the exporters accepts requests without a response."""
    faults = {'scrapes': {'hung': 0.1}}
    stack.set_faults(**faults)
    time.sleep(options.interval)
    stack.set_faults(forget_scrapes=True, **faults)
    time.sleep(2 * options.interval)
    on_time, _ = stack.gaps(stack.stats()['simulator'], options.interval)
    # Each database whose exporter does not hang must be scraped on time once. The number of hung exporters is random, about a tenth.
    limit = 0.99 - 3 * math.sqrt(0.1 / options.count)
    table.add('a tenth of the exporters hung: share of the other databases scraped on time', on_time / (0.9 * options.count), '',
              minimum=limit if options.is_usual and options.count >= 100 else None)
    stack.set_faults()


def status_latency(options, table, stack):
    """Measures the time from a status patch in the cluster to the event on /stream."""
    stream = Stream(stack.base)
    assert stream.synced.wait(60), 'the stream did not send its snapshot'
    items = stack.items('&engine=redis')
    random.seed(options.seed)
    waits, unseen = [], 0
    for each in random.sample(items, min(len(items), options.patches)):
        event = stream.expect((each['name'], 'degraded'))
        begun, reverted = stack.degrade(each, event.wait)
        unseen += reverted
        waits.append(stream.seen[each['name'], 'degraded'] - begun / 1e9)
    table.add('status patch in the cluster → event on /stream, p50', 1000 * percentile(waits, 0.5), 'ms')
    table.add('… p99', 1000 * percentile(waits, 0.99), 'ms', maximum=1000)
    table.add('… patches that the cluster reverted (after 20 to 220 ms) before an event', unseen)


def restart(options, table, stack):
    """Restarts the platform with SIGTERM. It is ready when it has read its store and compared it with the cluster."""
    stack.stop_platform()
    begun = time.monotonic()
    stack.start_platform(interval=options.interval)
    table.add('start with all databases: ready after', time.monotonic() - begun, 's', maximum=options.limits.get('ready'))
    client = Client(stack.base)
    wait_until(lambda: count(client, 'running') >= options.count - options.patches, 60 + options.count / 500, 'all running')
    table.add('… all running after', time.monotonic() - begun, 's')
