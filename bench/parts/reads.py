"""Cached reads beside nginx: one server thread each, the same bytes; singly, in pipelines, and with thousands of idle streams."""

import time

from measure import Listeners, Missing, Nginx, Target, Watched, raise_open_files, wrk
from stack import Stack, request, wait_until

KNOBS = {'idle': (5000, 500, 1, 20_000), 'depth': (16, 16, 1, 64), 'rounds': (3, 1, 1, 100)}


def run(how, table):
    stack = Stack()
    try:
        stack.start_cluster()
        begun = time.monotonic()
        connections = how.idle + how.connections + 100
        stack.start_platform(DBAAS_HTTP_THREADS='1', DBAAS_MAX_CONNECTIONS=str(connections),
                             DBAAS_MAX_STREAMS_PER_CLIENT=str(how.idle))
        start_ms = (time.monotonic() - begun) * 1000
        stack.wait_for_engine('redis')
        database = stack.created('bench')
        stack.wait_for(database, 'running')
        path = f'/api/v1/databases/{database}/metrics'
        wait_until(lambda: 'operations' in stack.get(path).json['metrics'], what='metrics')
        table.add('start to ready, by polling from outside', start_ms, 'ms', most=1000)
        table.add('RSS with one database', Watched(stack.platform.pid).rss_mib(), 'MiB')
        try:
            nginx = Nginx(stack.get(path).text, connections)
        except Missing as missing:
            table.missing('everything beside nginx', str(missing))
            return
        try:
            wait_until(lambda: request('GET', nginx.url).status == 200, what='nginx')
            beside_nginx(how, table, stack, nginx, path)
        finally:
            nginx.close()
    finally:
        stack.close()


def add(table, what, ours, theirs, p99_most=None, **limits):
    """Rate, p99 and the cost of one comparison."""
    table.add(what, ours.rate, '/s', peer=theirs.rate, beside='nginx', **limits)
    if ours.p99 is not None:
        table.add('… p99', ours.p99, 'ms', peer=theirs.p99, beside='nginx', cost=True, most=p99_most)
    table.add("… the server's CPU per 100,000", ours.cpu, 's', peer=theirs.cpu, beside='nginx', cost=True)


def beside_nginx(how, table, stack, nginx, path):
    platform, worker = Watched(stack.platform.pid), nginx.worker()
    database = path.rsplit('/', 1)[0]
    tag = request('GET', nginx.url).headers['ETag']
    etag = stack.get(database).headers['ETag']
    ours, whole, theirs = wrk(how, Target(platform, stack.base + path), Target(platform, stack.base + database),
                              Target(worker, nginx.url))
    add(table, 'cached GET …/metrics', ours, theirs, least_ratio=0.5, p99_most=5 if how.connections <= 64 else None)
    add(table, 'GET …/databases/{id}', whole, theirs)
    ours, theirs = wrk(how, Target(platform, stack.base + database, header=f'If-None-Match: {etag}'),
                       Target(worker, nginx.url, header=f'If-None-Match: {tag}'))
    add(table, '304', ours, theirs, least_ratio=0.7)
    ours, theirs = wrk(how, Target(platform, stack.base + path, depth=how.depth), Target(worker, nginx.url, depth=how.depth))
    ours.p99 = theirs.p99 = None  # wrk's are those of the last answer of a pipeline, or none
    add(table, f'cached GET …/metrics, {how.depth} per pipeline', ours, theirs)
    with_idle(how, table, stack, nginx, path)


def with_idle(how, table, stack, nginx, path):
    """Streams that are open and silent; for nginx, connections that are kept open after one answer."""
    platform = Watched(stack.platform.pid)
    port = int(stack.base.rsplit(':', 1)[1])
    before = platform.rss_mib()
    allowed = min(how.idle, raise_open_files() - how.connections - 100)  # the server holds as many as the listeners
    if allowed < how.idle:
        table.missing(f'{how.idle:,} idle streams', f'the limit of open files allows {allowed:,}')
    with Listeners(how, port, allowed, '/api/v1/stream', 'event: sync') as streams:
        streams.answer()
        rss = (platform.rss_mib() - before) * 1024 / streams.opened
        with Listeners(how, nginx.port, streams.opened, nginx.path, 'HTTP/1.1 200') as kept:
            kept.answer()
            ours, theirs = wrk(how, Target(platform, stack.base + path), Target(nginx.worker(), nginx.url))
            assert kept.ask('count')['gone'] == 0, 'nginx closed connections'
        assert streams.ask('count')['gone'] == 0, 'streams were closed'
    add(table, f'cached GET …/metrics beside {streams.opened:,} idle streams (nginx: idle connections)', ours, theirs, least_ratio=0.5)
    table.add('… RSS per idle stream', rss, 'KiB')
