"""Reads under load with and without scrapes of every database. The memory of the databases and of a day of their history."""

import datetime
import os
import random
import subprocess
import tempfile
import time

from measure import Target, wrk
from simulated_stack import SimulatedStack, is_usual

KNOBS = {'count': (10_000, 200, 1, 100_000), 'interval': (30, 1, 1, 600), 'rounds': (3, 1, 1, 100)}
NEVER = 3600  # the longest interval: after the first scrapes no further one is due in a run


def run(options, table):
    with SimulatedStack(options, options.count) as stack, tempfile.NamedTemporaryFile('w', suffix='.txt') as paths:
        platform = stack.begin(NEVER, DBAAS_HTTP_THREADS='1')
        stack.fill(options.count)
        ids = [each['id'] for each in stack.items()]
        stack.wait_for_first_scrapes(120 + options.count / 100)
        time.sleep(3)  # the second one is 2 s after the first
        idle = loads(options, stack, platform, ids, paths)
        platform = stack.restart(options.interval, DBAAS_HTTP_THREADS='1')
        stack.wait_until_running(options.count)
        stack.wait_for_first_round(options.interval)
        rss = platform.rss_mib()
        stack.set_faults(forget_scrapes=True)
        begun, cpu = time.monotonic(), platform.cpu()
        busy = loads(options, stack, platform, ids, paths)
        took, spent = time.monotonic() - begun, platform.cpu() - cpu
        simulator = stack.stats()['simulator']
        usual = is_usual(options)
        for what, with_sync in busy.items():
            table.add(f'{what}, with the sync of {options.count:,}', with_sync.rate, '/s', peer=idle[what].rate, peer_name='without the sync')
            table.add('… p99', with_sync.p99, 'ms', peer=idle[what].p99, peer_name='without the sync', cost=True,
                      maximum=10 if usual and options.connections <= 64 else None)
            table.add("… CPU of dbaas per 100,000 (includes the sync)", with_sync.cpu, 's', peer=idle[what].cpu,
                      peer_name='without the sync', cost=True)
        table.add('scrapes made, of those due, during this load', 100 * simulator['scrapes'] / (options.count * took / options.interval), '%')
        on_time, late = stack.gaps(simulator, options.interval)
        if on_time + late:
            table.add('… within a second of the interval', 100 * on_time / (on_time + late), '%', minimum=99 if usual else None)
        table.add('CPU of dbaas during this load', spent / took, 'cores')
        table.add(f'RSS with {options.count:,} databases', rss, 'MiB', maximum=250 if options.count <= 10_000 else None)
        table.add('RSS per 1,000 databases', rss * 1000 / options.count, 'MiB')
        a_day_of_history(options, table, stack, rss)


def loads(options, stack, platform, ids, paths):
    results = {}
    for what, each in {'GET …/metrics': [f'/api/v1/databases/{id}/metrics' for id in ids],
                       'GET …/databases/{id}': [f'/api/v1/databases/{id}' for id in ids],
                       'GET …/databases, a page of 50': ['/api/v1/databases']}.items():
        paths.seek(0)
        paths.truncate()
        paths.write('\n'.join(each) + '\n')
        paths.flush()
        results[what], = wrk(options, Target(platform, stack.base + '/', paths=paths.name))
    return results


def a_day_of_history(options, table, stack, rss_before):
    """Writes a day of history into the platform's store. The platform reads it at the first scrape of each database."""
    stack.stop_platform()
    begun = time.monotonic()
    subprocess.run([os.path.join(options.programs, 'dbaas_bench_remember'), os.path.join(stack.folder, 'platform', 'platform.db'), '30'],
                   check=True, stdout=subprocess.DEVNULL)
    print(f'  (wrote a day of history in {time.monotonic() - begun:.0f} s)', flush=True)
    begun = time.monotonic()
    platform = stack.begin(options.interval, DBAAS_HTTP_THREADS='1')
    table.add('start to ready with a day of history', time.monotonic() - begun, 's')
    stack.wait_until_running(options.count)
    stack.set_faults(forget_scrapes=True)
    stack.wait_for_first_round(options.interval)
    rss = platform.rss_mib()
    table.add(f'RSS with {options.count:,} databases and a day of history of each', rss, 'MiB',
              maximum=600 if options.count <= 10_000 else None)
    table.add('… history per database and day', (rss - rss_before) * 1024 / options.count, 'KiB')
    items = stack.items()
    for item in random.sample(items, min(len(items), 10)):
        since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=23)
        response = stack.get(f"/api/v1/databases/{item['id']}/metrics/history?metric=connections.current&step=3600"
                           f"&from={since.strftime('%Y-%m-%dT%H:%M:%SZ')}")
        points = [point for point in response.json['points'] if point[1] is not None]
        assert len(points) >= 20, f'the platform has {len(points)} of 23 hours of history: {response.text[:300]}'
