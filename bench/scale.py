#!/usr/bin/env python3
"""The platform with many databases: is every one scraped every interval, what does it cost, do reads stay fast?

Starts a cluster that plays its databases (dbaas-devcluster --synthetic) and a platform on 127.0.0.1, fills them, and measures one
phase after the other. Prints a table and writes it to build/bench/scale.json. Ends with 1 when a target of docs/performance.md is
missed. './dev bench' calls it with its defaults.
"""

import argparse
import http.client
import json
import os
import random
import re
import sys
import threading
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, 'tests'), os.path.dirname(os.path.abspath(__file__))]

from fill import Client, count, fill, progress  # noqa: E402
from stack import Stack, wait_until  # noqa: E402


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--bin', default=os.path.join(ROOT, 'build/release/bin'), help='where the programs are (build/release/bin)')
    parser.add_argument('--count', type=int, default=10_000, help='databases (10000)')
    parser.add_argument('--interval', type=int, default=30, help='of the metrics sync, seconds (30)')
    parser.add_argument('--seconds', type=int, default=70, help='of each phase, over twice the interval for a fair count (70)')
    parser.add_argument('--seed', type=int, default=1, help='of the played cluster (1)')
    parser.add_argument('--patches', type=int, default=300, help='status changes whose way to the API is timed (300)')
    return parser.parse_args()


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float('nan')


class Watched:
    """CPU time and memory of a process."""

    def __init__(self, process):
        self.pid = process.pid

    def cpu(self):
        with open(f'/proc/{self.pid}/stat', encoding='utf-8') as file:
            fields = file.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def rss_mib(self):
        with open(f'/proc/{self.pid}/status', encoding='utf-8') as file:
            return int(re.search(r'VmRSS:\s+(\d+)', file.read()).group(1)) / 1024


class Stream(threading.Thread):
    """Follows /stream; remembers when each database was last said to be in a phase."""

    def __init__(self, base):
        super().__init__(daemon=True)
        self.answer = urllib.request.urlopen(base + '/api/v1/stream', timeout=120)
        self.synced = threading.Event()
        self.seen = {}
        self.start()

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
                        self.seen[found['object']['name'], found['object']['status']['phase']] = time.monotonic()
        except (OSError, ValueError, http.client.HTTPException):
            pass  # the platform has gone


class Proof:
    def __init__(self, how):
        self.how = how
        self.rows, self.missed = [], []
        os.environ['DBAAS_BIN'] = how.bin
        self.stack = Stack()

    def say(self, name, value, unit='', target=None, good=None):
        """A row; `good` says whether the target is kept."""
        self.rows.append({'what': name, 'value': value, 'unit': unit, 'target': target, 'kept': good})
        if good is False:
            self.missed.append(name)
        print(f"  {name:<62} {value:>12,.2f} {unit:<6} {'' if target is None else f'target {target}'}"
              f"{'' if good is None else '  ok' if good else '  MISSED'}", flush=True)

    def ask_cluster(self, method, path, body=None):
        answer = self.stack.ask_cluster(method, path, body)
        assert answer.status == 200, answer.text
        return answer.json

    def stats(self):
        return self.ask_cluster('GET', '/devcluster/stats')

    def set_faults(self, **more):
        """Those of the phase, and more."""
        self.ask_cluster('POST', '/devcluster/faults', {**self.faults, **more})

    def start_platform(self):
        self.stack.start_platform(interval=self.how.interval)

    def fill(self):
        print(f'{self.how.count:,} databases, scraped every {self.how.interval} s')
        self.stack.start_cluster('--synthetic', str(self.how.count), '--seed', str(self.how.seed))
        self.start_platform()
        self.stack.wait_for_engine('redis')
        created, running = fill(self.stack.base, self.how.count, say=progress)
        sys.stderr.write('\r\033[K')
        self.say('creates accepted', self.how.count / created, '/s')
        self.say('all running after', running, 's')

    def wait_for_first_round(self):
        wait_until(lambda: self.stats()['resident']['never_scraped'] == 0,
                                   3 * self.how.interval + 30, 'a first scrape of everything')
        time.sleep(self.how.interval)  # the first rounds are closer together than the interval

    def steady(self, name, healthy_part=1.0):
        """One phase: what was asked of the cluster, and what it cost."""
        platform = Watched(self.stack.platform)
        self.set_faults(forget_scrapes=True)
        before, cpu = self.stats(), platform.cpu()
        latencies = self.read_for(self.how.seconds)
        after = self.stats()
        spent = (platform.cpu() - cpu) / self.how.seconds
        lists = sum(count - before['calls'].get(verb, 0) for verb, count in after['calls'].items() if verb.startswith('list '))
        on_time, late = self.gaps(after['resident'])
        share = 100 * on_time / max(1, on_time + late)
        print(f'{name}:')
        expected = healthy_part * self.how.count * self.how.seconds / self.how.interval
        self.say('scrapes, of those that are due', 100 * after['resident']['scrapes'] / expected, '%')
        if healthy_part == 1.0:
            self.say('scrapes on time (within a second of the interval)', share, '%', '>= 99.9', share >= 99.9)
        self.say('LIST calls', lists, '', '0', lists == 0)
        self.say('CPU of dbaas', spent, 'cores', '<= 1', spent <= 1)
        self.say('CPU of dbaas per 1,000 scrapes', 1000 * spent * self.how.seconds / max(1, after['resident']['scrapes']), 's')
        self.say('RSS of dbaas', platform.rss_mib(), 'MiB')
        for what, values in latencies.items():
            p99 = 1000 * percentile(values, 0.99)
            self.say(f'GET {what}, p99', p99, 'ms', '< 10', p99 < 10)
        return after

    def gaps(self, resident):
        """Between two scrapes of one database: how many were on time, within a second of the interval, and how many late."""
        counts = {float(gap): times for gap, times in resident['gaps'].items()}
        late = sum(times for gap, times in counts.items() if gap > self.how.interval + 1)
        return sum(counts.values()) - late, late

    faults: dict = {}

    def read_for(self, seconds):
        """One reader, now and then, like a person's page: latencies of single requests."""
        client = Client(self.stack.base)
        random.seed(self.how.seed)
        ids = [each['id'] for each in client.ask('GET', '/api/v1/databases?limit=500')[1]['items']]
        paths = {'metrics': lambda: f'/api/v1/databases/{random.choice(ids)}/metrics',
                 'database': lambda: f'/api/v1/databases/{random.choice(ids)}',
                 'list, first page': lambda: '/api/v1/databases',
                 'list, by status': lambda: '/api/v1/databases?status=failed',
                 'list, newest first': lambda: '/api/v1/databases?sort=-created_at',
                 'list, search': lambda: f'/api/v1/databases?q={random.randrange(100, 999)}'}
        latencies = {what: [] for what in paths}
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for what, path in paths.items():
                begun = time.monotonic()
                code, _ = client.ask('GET', path())
                latencies[what].append(time.monotonic() - begun)
                assert code == 200
            time.sleep(0.05)
        return latencies

    def status_latency(self):
        """A status is patched in the cluster; when does the stream tell of it?"""
        stream = Stream(self.stack.base)
        assert stream.synced.wait(60), 'the stream did not give its snapshot'
        items = Client(self.stack.base).ask('GET', '/api/v1/databases?limit=500&engine=redis')[1]['items']
        random.seed(self.how.seed)
        waits = []
        for each in random.sample(items, min(len(items), self.how.patches)):
            key = (each['name'], 'degraded')
            begun = time.monotonic()
            self.ask_cluster('PATCH', f"/apis/kubedb.com/v1/namespaces/dbaas-{each['project']}/redises/{each['name']}/status",
                             {'status': {'phase': 'NotReady'}})
            wait_until(lambda key=key: key in stream.seen, 30, f'{key} in the stream')
            waits.append(stream.seen[key] - begun)
        print('a status patch in the cluster, until the stream tells of it:')
        self.say('p50', 1000 * percentile(waits, 0.5), 'ms')
        self.say('p99', 1000 * percentile(waits, 0.99), 'ms', '< 1000', percentile(waits, 0.99) < 1)

    def hung(self):
        """A tenth of the exporters takes the request and says nothing."""
        self.faults = {'scrapes': {'hung': 0.1}}
        self.set_faults()
        time.sleep(self.how.interval)
        self.set_faults(forget_scrapes=True)
        time.sleep(2 * self.how.interval)
        on_time, _ = self.gaps(self.stats()['resident'])
        # Those that hang come late; of the others nearly two gaps each must be in time.
        part = 100 * on_time / (0.9 * self.how.count)
        print('with a tenth of the exporters hung:')
        self.say('scrapes of the others on time, gaps per database and 2 intervals', part / 100, '', '>= 0.99', part >= 99)
        self.faults = {}
        self.set_faults()

    def restart(self):
        """SIGTERM and start; ready means that the content was read and compared with the cluster."""
        self.stack.platform.terminate()
        self.stack.platform.wait(30)
        begun = time.monotonic()
        self.start_platform()
        print('start with everything there:')
        took = time.monotonic() - begun
        self.say('to ready', took, 's', '< 5', took < 5)
        client = Client(self.stack.base)
        wait_until(lambda: count(client, 'running') >= self.how.count - self.how.patches, 60, 'all running')
        self.say('to all known to run', time.monotonic() - begun, 's')

    def run(self):
        try:
            self.fill()
            self.wait_for_first_round()
            self.steady('in quiet')
            self.say('RSS of dbaas per 1,000 databases', Watched(self.stack.platform).rss_mib() * 1000 / self.how.count, 'MiB')
            self.faults = {'flaps_per_second': 20}
            self.steady('with 20 databases a second falling ill')
            self.faults = {}
            self.set_faults(flaps_per_second=0)
            self.hung()
            self.status_latency()
            self.restart()
        finally:
            self.stack.close()
        folder = os.path.join(ROOT, 'build', 'bench')
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, 'scale.json'), 'w', encoding='utf-8') as file:
            json.dump({'count': self.how.count, 'interval': self.how.interval, 'rows': self.rows}, file, indent=1)
        print('every target was kept' if not self.missed else f"missed: {', '.join(self.missed)}")
        return 1 if self.missed else 0


if __name__ == '__main__':
    sys.exit(Proof(parse()).run())
