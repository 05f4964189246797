"""Reads under load while every database is scraped, and without; what memory the databases and a day of their history take."""

import datetime
import os
import random
import subprocess
import tempfile
import time

from measure import Target, wrk
from played import Played, is_usual

KNOBS = {'count': (10_000, 200, 1, 100_000), 'interval': (30, 1, 1, 600), 'rounds': (3, 1, 1, 100)}
NEVER = 3600  # the longest interval: beyond its first looks it does not come up in a run


def run(how, table):
    with Played(how, how.count) as stack, tempfile.NamedTemporaryFile('w', suffix='.txt') as paths:
        platform = stack.begin(NEVER, DBAAS_HTTP_THREADS='1')
        stack.fill(how.count)
        ids = [each['id'] for each in stack.items()]
        stack.wait_for_first_scrapes(120 + how.count / 100)
        time.sleep(3)  # the second one is 2 s after the first
        idle = loads(how, stack, platform, ids, paths)
        platform = stack.restart(how.interval, DBAAS_HTTP_THREADS='1')
        stack.wait_until_running(how.count)
        stack.wait_for_first_round(how.interval)
        rss = platform.rss_mib()
        stack.set_faults(forget_scrapes=True)
        begun, cpu = time.monotonic(), platform.cpu()
        busy = loads(how, stack, platform, ids, paths)
        took, spent = time.monotonic() - begun, platform.cpu() - cpu
        simulator = stack.stats()['simulator']
        usual = is_usual(how)
        for what, with_sync in busy.items():
            table.add(f'{what}, with the sync of {how.count:,}', with_sync.rate, '/s', peer=idle[what].rate, beside='without the sync')
            table.add('… p99', with_sync.p99, 'ms', peer=idle[what].p99, beside='without the sync', cost=True,
                      most=10 if usual and how.connections <= 64 else None)
            table.add("… CPU of dbaas per 100,000 (the sync's own with it)", with_sync.cpu, 's', peer=idle[what].cpu,
                      beside='without the sync', cost=True)
        table.add('scrapes that were made during this load', 100 * simulator['scrapes'] / (how.count * took / how.interval), '%')
        on_time, late = stack.gaps(simulator, how.interval)
        if on_time + late:
            table.add('… within a second of the interval', 100 * on_time / (on_time + late), '%', least=99 if usual else None)
        table.add('CPU of dbaas during this load', spent / took, 'cores')
        table.add(f'RSS with {how.count:,} databases', rss, 'MiB', most=250 if how.count <= 10_000 else None)
        table.add('RSS per 1,000 databases', rss * 1000 / how.count, 'MiB')
        a_day_of_history(how, table, stack, rss)


def loads(how, stack, platform, ids, paths):
    found = {}
    for what, each in {'GET …/metrics': [f'/api/v1/databases/{id}/metrics' for id in ids],
                       'GET …/databases/{id}': [f'/api/v1/databases/{id}' for id in ids],
                       'GET …/databases, a page of 50': ['/api/v1/databases']}.items():
        paths.seek(0)
        paths.truncate()
        paths.write('\n'.join(each) + '\n')
        paths.flush()
        found[what], = wrk(how, Target(platform, stack.base + '/', paths=paths.name))
    return found


def a_day_of_history(how, table, stack, rss_before):
    """A day of rows is put into the platform's store, as if it had been there; it reads them at each database's first scrape."""
    stack.stop_platform()
    begun = time.monotonic()
    subprocess.run([os.path.join(how.programs, 'dbaas_bench_remember'), os.path.join(stack.folder, 'platform', 'platform.db'), '30'],
                   check=True, stdout=subprocess.DEVNULL)
    print(f'  (a day of history was written in {time.monotonic() - begun:.0f} s)', flush=True)
    begun = time.monotonic()
    platform = stack.begin(how.interval, DBAAS_HTTP_THREADS='1')
    table.add('start to ready with a day of history', time.monotonic() - begun, 's')
    stack.wait_until_running(how.count)
    stack.set_faults(forget_scrapes=True)
    stack.wait_for_first_round(how.interval)
    rss = platform.rss_mib()
    table.add(f'RSS with {how.count:,} databases and a day of history of each', rss, 'MiB', most=600 if how.count <= 10_000 else None)
    table.add('… history per database and day', (rss - rss_before) * 1024 / how.count, 'KiB')
    items = stack.items()
    for item in random.sample(items, min(len(items), 10)):
        since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=23)
        answer = stack.get(f"/api/v1/databases/{item['id']}/metrics/history?metric=connections.current&step=3600"
                           f"&from={since.strftime('%Y-%m-%dT%H:%M:%SZ')}")
        points = [point for point in answer.json['points'] if point[1] is not None]
        assert len(points) >= 20, f'of 23 hours of history {len(points)} are known: {answer.text[:300]}'
