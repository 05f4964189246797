"""Cached reads compared with nginx, one server thread each, the same bytes: single, in pipelines, with credentials, and with thousands
of idle streams."""

import os
import time

from measure import Listeners, Missing, Nginx, Target, Watched, raise_open_files, wrk
from stack import Stack, request, wait_until

KNOBS = {'idle': (5000, 500, 1, 20_000), 'depth': (16, 16, 1, 64), 'rounds': (3, 1, 1, 100)}


def run(options, table):
    stack = Stack()
    try:
        stack.start_cluster()
        begun = time.monotonic()
        connections = options.idle + options.connections + 100
        stack.start_platform(DBAAS_HTTP_THREADS='1', DBAAS_MAX_CONNECTIONS=str(connections),
                             DBAAS_MAX_STREAMS_PER_CLIENT=str(options.idle))
        start_ms = (time.monotonic() - begun) * 1000
        stack.wait_for_engine('redis')
        database = stack.created('bench')
        stack.wait_for(database, 'running')
        path = f'/api/v1/databases/{database}/metrics'
        wait_until(lambda: 'operations' in stack.get(path).json['metrics'], what='metrics')
        table.add('start to ready, by polling from outside', start_ms, 'ms', maximum=1000)
        table.add('RSS with one database', Watched(stack.platform.pid).rss_mib(), 'MiB')
        try:
            nginx = Nginx(stack.get(path).text, connections)
        except Missing as missing:
            table.missing('comparison with nginx', str(missing))
            return
        try:
            wait_until(lambda: request('GET', nginx.url).status == 200, what='nginx')
            compare_with_nginx(options, table, stack, nginx, path)
            with_credentials(options, table, stack, nginx, path)
        finally:
            nginx.close()
    finally:
        stack.close()


def add(table, what, ours, theirs, p99_max=None, **limits):
    """Adds the rate, the p99 and the CPU cost of one comparison."""
    table.add(what, ours.rate, '/s', peer=theirs.rate, peer_name='nginx', **limits)
    if ours.p99 is not None:
        table.add('… p99', ours.p99, 'ms', peer=theirs.p99, peer_name='nginx', cost=True, maximum=p99_max)
    table.add("… the server's CPU per 100,000", ours.cpu, 's', peer=theirs.cpu, peer_name='nginx', cost=True)


def compare_with_nginx(options, table, stack, nginx, path):
    platform, worker = Watched(stack.platform.pid), nginx.worker()
    database = path.rsplit('/', 1)[0]
    nginx_etag = request('GET', nginx.url).headers['ETag']
    etag = stack.get(database).headers['ETag']
    ours, whole, theirs = wrk(options, Target(platform, stack.base + path), Target(platform, stack.base + database),
                              Target(worker, nginx.url))
    add(table, 'cached GET …/metrics', ours, theirs, min_ratio=0.5, p99_max=5 if options.connections <= 64 else None)
    add(table, 'GET …/databases/{id}', whole, theirs)
    ours, theirs = wrk(options, Target(platform, stack.base + database, header=f'If-None-Match: {etag}'),
                       Target(worker, nginx.url, header=f'If-None-Match: {nginx_etag}'))
    add(table, '304', ours, theirs, min_ratio=0.7)
    ours, theirs = wrk(options, Target(platform, stack.base + path, depth=options.depth), Target(worker, nginx.url, depth=options.depth))
    ours.p99 = theirs.p99 = None  # wrk reports only the last response of a pipeline, or none
    add(table, f'cached GET …/metrics, {options.depth} per pipeline', ours, theirs)
    with_idle(options, table, stack, nginx, path)


def with_idle(options, table, stack, nginx, path):
    """Measures with idle streams; for nginx, with connections that stay open after one response."""
    platform = Watched(stack.platform.pid)
    port = int(stack.base.rsplit(':', 1)[1])
    before = platform.rss_mib()
    # The server holds the same number of sockets as the listeners.
    allowed = min(options.idle, raise_open_files() - options.connections - 100)
    if allowed < options.idle:
        table.missing(f'{options.idle:,} idle streams', f'the limit of open files allows {allowed:,}')
    with Listeners(options, port, allowed, '/api/v1/stream', 'event: sync') as streams:
        streams.response()
        rss = (platform.rss_mib() - before) * 1024 / streams.opened
        with Listeners(options, nginx.port, streams.opened, nginx.path, 'HTTP/1.1 200') as connections:
            connections.response()
            ours, theirs = wrk(options, Target(platform, stack.base + path), Target(nginx.worker(), nginx.url))
            assert connections.send('count')['closed'] == 0, 'nginx closed connections'
        assert streams.send('count')['closed'] == 0, 'streams were closed'
    add(table, f'cached GET …/metrics with {streams.opened:,} idle streams (nginx: idle connections)', ours, theirs, min_ratio=0.5)
    table.add('… RSS per idle stream', rss, 'KiB')


def with_credentials(options, table, stack, nginx, path):
    """Measures the same reads with an API key and with an access token, after a start with authentication and without rate limits."""
    key_file = os.path.join(stack.folder, 'admin-key')
    stack.kill_platform()
    stack.start_platform(DBAAS_AUTH='required', DBAAS_RATE_LIMITS='off', DBAAS_HTTP_THREADS='1', DBAAS_ADMIN_KEY_FILE=key_file)
    with open(key_file, encoding='utf-8') as file:
        headers = {'Authorization': 'Bearer ' + file.read().strip()}
    user = {'name': 'bench', 'role': 'admin', 'password': 'kestrel lamp 42'}
    created = stack.post('/api/v1/users', user, headers=headers)
    assert created.status == 201, created.text
    login = stack.post('/api/v1/auth/login', {'username': user['name'], 'password': user['password']})
    assert login.status == 200, login.text
    wait_until(lambda: 'operations' in stack.get(path, headers=headers).json['metrics'], what='metrics')
    platform, worker = Watched(stack.platform.pid), nginx.worker()
    key, token, theirs = wrk(options, Target(platform, stack.base + path, header='Authorization: ' + headers['Authorization']),
                             Target(platform, stack.base + path, header='Authorization: Bearer ' + login.json['access_token']),
                             Target(worker, nginx.url))
    add(table, 'cached GET …/metrics with an API key', key, theirs, min_ratio=0.8)
    add(table, 'cached GET …/metrics with an access token', token, theirs, min_ratio=0.8)
