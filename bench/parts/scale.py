"""Many databases: is every one scraped every interval, what does it cost, do reads stay fast, how soon is a change told?

One reader now and then, like a person's page, in quiet and with databases that fall ill; hung exporters; a restart.
"""

import http.client
import json
import math
import random
import threading
import time

from fill import Client, count
from measure import Watched, percentile
from played import Played, is_usual
from rest import opener
from stack import wait_until

KNOBS = {'count': (10_000, 200, 2, 100_000), 'interval': (30, 1, 1, 600), 'phase': (0, 0, 0, 3600), 'patches': (300, 20, 1, 10_000)}


class Stream(threading.Thread):
    """Follows /stream; remembers when a database was first said to be in a phase that is waited for."""

    def __init__(self, base):
        super().__init__(daemon=True)
        self.answer = opener().open(base + '/api/v1/stream', timeout=120)
        self.synced = threading.Event()
        self.seen, self.expected = {}, {}
        self.start()

    def expect(self, key):
        """An event for (name, phase)."""
        return self.expected.setdefault(key, threading.Event())

    def run(self):
        event = ''
        try:
            for line in self.answer:
                if line.startswith(b'event: '):
                    event = line[7:].strip().decode()
                    if event == 'sync':
                        self.synced.set()
                elif line.startswith(b'data: ') and event != 'snapshot' and b'"kind":"database"' in line:
                    found = json.loads(line[6:])
                    if found['object']:
                        self.take(found['object']['name'], found['object']['status']['phase'])
        except (OSError, ValueError, http.client.HTTPException):
            pass  # the platform has gone

    def take(self, *key):
        if key in self.expected and not self.expected[key].is_set():
            self.seen[key] = time.monotonic()
            self.expected[key].set()


def run(how, table):
    how.phase = how.phase or 2 * how.interval + max(2, how.interval // 3)  # over twice the interval, for a fair count
    how.is_usual = is_usual(how)
    with Played(how, how.count) as stack:
        stack.begin(how.interval)
        stack.fill(how.count)
        table.add(f'{how.count:,} creates: accepted', how.count / stack.created_after, '/s')
        table.add('… all running after', stack.running_after, 's')
        stack.wait_for_first_round(how.interval)
        phase(how, table, stack, 'in quiet', {})
        table.add('RSS per 1,000 databases', Watched(stack.platform.pid).rss_mib() * 1000 / how.count, 'MiB')
        phase(how, table, stack, '20 falling ill per second', {'flaps_per_second': 20})
        stack.set_faults(flaps_per_second=0)
        hung(how, table, stack)
        status_latency(how, table, stack)
        restart(how, table, stack)


def phase(how, table, stack, name, faults):
    """What was asked of the cluster, and what it cost."""
    platform = Watched(stack.platform.pid)
    stack.set_faults(forget_scrapes=True, **faults)
    before, cpu = stack.stats(), platform.cpu()
    latencies = read_for(how, stack)
    after = stack.stats()
    spent = platform.cpu() - cpu
    scrapes = after['simulator']['scrapes']
    lists = sum(calls - before['calls'].get(verb, 0) for verb, calls in after['calls'].items() if verb.startswith('list '))
    on_time, late = stack.gaps(after['simulator'], how.interval)
    table.add(f'{name}: scrapes, of those that are due', 100 * scrapes * how.interval / (how.count * how.phase), '%')
    if not faults:
        table.add('… within a second of the interval', 100 * on_time / (on_time + late) if on_time + late else math.nan, '%',
                  least=99.9 if how.is_usual else None)
    table.add('… LIST calls', lists, '', most=0)
    table.add('… CPU of dbaas', spent / how.phase, 'cores', most=1 if how.is_usual else None)
    table.add('… CPU per 1,000 scrapes', 1000 * spent / max(1, scrapes), 's')
    table.add('… RSS of dbaas', platform.rss_mib(), 'MiB', most=250 if how.count <= 10_000 else None)
    for what, values in latencies.items():
        table.add(f'… GET {what}, p99', 1000 * percentile(values, 0.99), 'ms', most=10 if how.is_usual else None)


def read_for(how, stack):
    """Latencies of single requests."""
    client = Client(stack.base)
    random.seed(how.seed)
    ids = [each['id'] for each in stack.items()]
    paths = {'metrics': lambda: f'/api/v1/databases/{random.choice(ids)}/metrics',
             'database': lambda: f'/api/v1/databases/{random.choice(ids)}',
             'list, first page': lambda: '/api/v1/databases',
             'list, by status': lambda: '/api/v1/databases?status=failed',
             'list, newest first': lambda: '/api/v1/databases?sort=-created_at',
             'list, search': lambda: f'/api/v1/databases?q={random.randrange(100, 999)}'}
    latencies = {what: [] for what in paths}
    until = time.monotonic() + how.phase
    while time.monotonic() < until:
        for what, path in paths.items():
            begun = time.monotonic()
            code, _ = client.ask('GET', path())
            latencies[what].append(time.monotonic() - begun)
            assert code == 200
        time.sleep(0.05)
    return latencies


def hung(how, table, stack):
    """A tenth of the exporters takes the request and says nothing."""
    faults = {'scrapes': {'hung': 0.1}}
    stack.set_faults(**faults)
    time.sleep(how.interval)
    stack.set_faults(forget_scrapes=True, **faults)
    time.sleep(2 * how.interval)
    on_time, _ = stack.gaps(stack.stats()['simulator'], how.interval)
    # Those that hang come late; of the others a gap each must be in time. How many hang is chance, a tenth give or take.
    least = 0.99 - 3 * math.sqrt(0.1 / how.count)
    table.add('a tenth of the exporters hung: on time, per other database, of 1', on_time / (0.9 * how.count), '',
              least=least if how.is_usual and how.count >= 100 else None)
    stack.set_faults()


def status_latency(how, table, stack):
    """A status is patched in the cluster; when does the stream tell of it?"""
    stream = Stream(stack.base)
    assert stream.synced.wait(60), 'the stream did not give its snapshot'
    items = stack.items('&engine=redis')
    random.seed(how.seed)
    waits, unseen = [], 0
    for each in random.sample(items, min(len(items), how.patches)):
        told = stream.expect((each['name'], 'degraded'))
        begun, undone = stack.make_ill(each, told.wait)
        unseen += undone
        waits.append(stream.seen[each['name'], 'degraded'] - begun / 1e9)
    table.add('status patch in the cluster → the stream tells of it, p50', 1000 * percentile(waits, 0.5), 'ms')
    table.add('… p99', 1000 * percentile(waits, 0.99), 'ms', most=1000)
    table.add('… patches that were undone (after 20 to 220 ms) before they were told', unseen)


def restart(how, table, stack):
    """SIGTERM and start; ready means that the content was read and compared with the cluster."""
    stack.stop_platform()
    begun = time.monotonic()
    stack.start_platform(interval=how.interval)
    table.add('start with everything there: to ready', time.monotonic() - begun, 's', most=5 if how.count <= 10_000 else None)
    client = Client(stack.base)
    wait_until(lambda: count(client, 'running') >= how.count - how.patches, 60 + how.count / 500, 'all running')
    table.add('… to all known to run', time.monotonic() - begun, 's')
