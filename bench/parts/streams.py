"""Changes in the cluster told to a thousand clients: how soon all know, how many events leave per second, what it costs."""

import random
import time

from measure import Listeners, percentile
from played import Played

KNOBS = {'count': (1000, 100, 2, 20_000), 'streams': (1000, 100, 1, 20_000), 'flaps': (20, 20, 1, 1000), 'patches': (200, 20, 1, 10_000)}
INTERVAL = 30


def run(how, table):
    with Played(how, how.count) as stack:
        platform = stack.begin(INTERVAL, DBAAS_MAX_CONNECTIONS=str(how.streams + 100), DBAAS_MAX_STREAMS_PER_CLIENT=str(how.streams))
        stack.fill(how.count)
        cpu = platform.cpu()
        with Listeners(how, stack.port(), how.streams, '/api/v1/stream', 'event: sync') as streams:
            assert streams.opened == how.streams, f'the limit of open files allows {streams.opened}'
            begun = streams.answer(60 + how.streams * how.count / 20_000)
            seconds = max(0.001, begun['seconds'])
            table.add(f'{how.streams:,} clients have the snapshot of {how.count:,} after', seconds, 's')
            table.add('… of bytes', begun['bytes'] / seconds / 1e6, 'MB/s')
            table.add('… CPU per 1,000 clients', (platform.cpu() - cpu) * 1000 / how.streams, 's')
            patches(how, table, stack, streams)
            flaps(how, table, stack, streams, platform)
            table.add('RSS with all of them', platform.rss_mib(), 'MiB')


def patches(how, table, stack, streams):
    """One status at a time."""
    items = stack.items('&engine=redis')
    random.seed(how.seed)
    first, last, unseen = [], [], 0
    for each in random.sample(items, min(len(items), how.patches)):
        streams.ask(f"mark \"name\":\"{each['name']}\" \"phase\":\"degraded\"")
        begun, undone = stack.make_ill(each, streams.hears)
        told = streams.answer()
        unseen += undone
        first.append((told['first'] - begun) / 1e6)
        last.append((told['last'] - begun) / 1e6)
    table.add('status patch in the cluster → first client knows, p50', percentile(first, 0.5), 'ms')
    table.add(f'… → all {how.streams:,} know, p50', percentile(last, 0.5), 'ms')
    table.add('… p99', percentile(last, 0.99), 'ms', most=1000 if how.streams <= 1000 else None)
    table.add('… patches that were undone (after 20 to 220 ms) before they were told', unseen)


def flaps(how, table, stack, streams, platform):
    """Databases fall ill and recover, so many a second, for as long as a measurement is."""
    seconds = 2 * how.seconds
    streams.ask('count')
    stack.set_faults(flaps_per_second=how.flaps)
    time.sleep(0.5)
    streams.ask('count')
    begun, cpu = time.monotonic(), platform.cpu()
    time.sleep(seconds)
    heard = streams.ask('count')
    took, spent = time.monotonic() - begun, platform.cpu() - cpu
    stack.set_faults(flaps_per_second=0)
    time.sleep(3)  # the last ones have recovered
    rest = streams.ask('count')
    assert heard['gone'] + rest['gone'] == 0, 'clients were told to begin anew'
    events = heard['data_lines']
    table.add(f'changes a second in the cluster ({how.flaps} databases fall ill)', events / how.streams / took, '/s')
    table.add('events delivered', events / took, '/s')
    table.add('… of bytes', heard['bytes'] / took / 1e6, 'MB/s')
    table.add('… CPU of dbaas', spent / took, 'cores')
    table.add('… CPU per 100,000 events', spent * 100_000 / max(1, events), 's')
