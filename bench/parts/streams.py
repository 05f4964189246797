"""Changes in the cluster, sent to a thousand clients of /stream: latency, events per second, and cost."""

import random
import time

from measure import Listeners, percentile
from simulated_stack import SimulatedStack

KNOBS = {'count': (1000, 100, 2, 20_000), 'streams': (1000, 100, 1, 20_000), 'flaps': (20, 20, 1, 1000), 'patches': (200, 20, 1, 10_000)}
INTERVAL = 30


def run(options, table):
    with SimulatedStack(options, options.count) as stack:
        platform = stack.begin(INTERVAL, DBAAS_MAX_CONNECTIONS=str(options.streams + 100), DBAAS_MAX_STREAMS_PER_CLIENT=str(options.streams))
        stack.fill(options.count)
        cpu = platform.cpu()
        with Listeners(options, stack.port(), options.streams, '/api/v1/stream', 'event: sync') as streams:
            assert streams.opened == options.streams, f'the limit of open files allows {streams.opened}'
            begun = streams.response(60 + options.streams * options.count / 20_000)
            seconds = max(0.001, begun['seconds'])
            table.add(f'{options.streams:,} clients have the snapshot of {options.count:,} after', seconds, 's')
            table.add('… throughput', begun['bytes'] / seconds / 1e6, 'MB/s')
            table.add('… CPU per 1,000 clients', (platform.cpu() - cpu) * 1000 / options.streams, 's')
            patches(options, table, stack, streams)
            flaps(options, table, stack, streams, platform)
            table.add('RSS with all clients', platform.rss_mib(), 'MiB')


def patches(options, table, stack, streams):
    """Measures the latency of single status patches."""
    items = stack.items('&engine=redis')
    random.seed(options.seed)
    first, last, unseen = [], [], 0
    for each in random.sample(items, min(len(items), options.patches)):
        streams.send(f"mark \"name\":\"{each['name']}\" \"phase\":\"degraded\"")
        begun, reverted = stack.degrade(each, streams.receives)
        times = streams.response()
        unseen += reverted
        first.append((times['first'] - begun) / 1e6)
        last.append((times['last'] - begun) / 1e6)
    table.add('status patch in the cluster → event at the first client, p50', percentile(first, 0.5), 'ms')
    table.add(f'… → event at all {options.streams:,} clients, p50', percentile(last, 0.5), 'ms')
    table.add('… p99', percentile(last, 0.99), 'ms', maximum=1000 if options.streams <= 1000 else None)
    table.add('… patches that the cluster reverted (after 20 to 220 ms) before an event', unseen)


def flaps(options, table, stack, streams, platform):
    """Measures while `flaps` databases per second become degraded and recover, for two measurements of `seconds`."""
    seconds = 2 * options.seconds
    streams.send('count')
    stack.set_faults(flaps_per_second=options.flaps)
    time.sleep(0.5)
    streams.send('count')
    begun, cpu = time.monotonic(), platform.cpu()
    time.sleep(seconds)
    counts = streams.send('count')
    took, spent = time.monotonic() - begun, platform.cpu() - cpu
    stack.set_faults(flaps_per_second=0)
    time.sleep(3)  # the last databases have recovered
    rest = streams.send('count')
    assert counts['closed'] + rest['closed'] == 0, 'the platform closed streams'
    events = counts['data_lines']
    table.add(f'changes per second in the cluster ({options.flaps} databases become degraded)', events / options.streams / took, '/s')
    table.add('events delivered', events / took, '/s')
    table.add('… throughput', counts['bytes'] / took / 1e6, 'MB/s')
    table.add('… CPU of dbaas', spent / took, 'cores')
    table.add('… CPU per 100,000 events', spent * 100_000 / max(1, events), 's')
