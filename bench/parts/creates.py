"""Bursts of concurrent creates. No database is lost or created twice, also when the same burst is sent again with the same keys."""

import json
import select
import socket
import time

from fill import ENGINES, Client, body_of, count
from measure import percentile
from simulated_stack import SimulatedStack

KNOBS = {'burst': (1000, 200, 1, 10_000), 'small-burst': (100, 50, 1, 10_000)}
PROJECTS = 10
PLURALS = {'postgres': 'postgreses', 'redis': 'redises', 'mysql': 'mysqls', 'mongodb': 'mongodbs', 'mariadb': 'mariadbs',
           'elasticsearch': 'elasticsearches', 'memcached': 'memcacheds'}


def run(options, table):
    for size in (options.small_burst, options.burst):
        with SimulatedStack(options, size) as stack:
            platform = stack.begin(30)
            client = Client(stack.base)
            for number in range(PROJECTS):
                code, response = client.send('POST', '/api/v1/projects', {'name': f'team-{number}'})
                assert code == 201, response
            one_burst(table, stack, platform, size)


def one_burst(table, stack, platform, size):
    cpu = platform.cpu()
    begun = time.monotonic()
    responses, times = all_at_once(stack.port(), size)
    ids = {each['database']['id'] for each in responses}
    stack.wait_until_running(size)
    running = time.monotonic() - begun
    table.add(f'{size:,} concurrent creates: all accepted after', max(times), 's')
    table.add('… response, p50', 1000 * percentile(times, 0.5), 'ms')
    table.add('… response, p99', 1000 * percentile(times, 0.99), 'ms')
    table.add('… all running after', running, 's')
    table.add('… CPU of dbaas for each', 1000 * (platform.cpu() - cpu) / size, 'ms')
    lost, twice = compare(stack, ids, size)
    table.add('… lost', lost, '', maximum=0)
    table.add('… created twice', twice, '', maximum=0)
    again, _ = all_at_once(stack.port(), size)
    assert {each['database']['id'] for each in again} == ids, 'the same keys did not return the same databases'
    table.add('… created again by a retry with the same keys', count(Client(stack.base)) - size, '', maximum=0)


def compare(stack, ids, size):
    """Compares the accepted creates with the list of the platform and the objects of the cluster. Returns (lost, created twice)."""
    objects, created = {}, 0
    calls = stack.stats()['calls']
    for engine in ENGINES:
        for each in stack.kubernetes(f'/apis/kubedb.com/v1/{PLURALS[engine]}')['items']:
            key = engine, each['metadata']['namespace'], each['metadata']['name']
            objects[key] = each
        created += calls.get(f'create {PLURALS[engine]}', 0)
    listed = count(Client(stack.base))
    assert listed == len(ids), f'the platform lists {listed} of {len(ids)} accepted databases'
    return size - len(objects), max(0, created - size) + size - len(ids)


def all_at_once(port, size, first=0):
    """Opens all connections, then sends all requests, with numbers from `first`. Returns the responses in order and the seconds until each. Errors end the run."""
    sockets = [socket.create_connection(('127.0.0.1', port)) for _ in range(size)]
    requests = []
    for number in range(first, first + size):
        body = json.dumps(body_of(number, PROJECTS)).encode()
        requests.append(b'POST /api/v1/databases HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n'
                        b'Idempotency-Key: burst-%d\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b' % (number, len(body), body))
    poll = select.epoll()
    number_of = {}
    for number, each in enumerate(sockets):
        number_of[each.fileno()] = number
        poll.register(each, select.EPOLLIN)
    texts, times, open_count = [b''] * size, [0.0] * size, size
    begun = time.monotonic()
    for each, text in zip(sockets, requests):
        each.sendall(text)
    while open_count:
        events = poll.poll(60)
        assert events, f'{open_count} of {size} creates received no response within 60 s'
        for fd, _ in events:
            number = number_of[fd]
            part = sockets[number].recv(65536)
            texts[number] += part
            if not part:
                poll.unregister(fd)
                sockets[number].close()
                times[number] = time.monotonic() - begun
                open_count -= 1
    poll.close()
    responses = []
    for text in texts:
        head, _, body = text.partition(b'\r\n\r\n')
        assert head.startswith(b'HTTP/1.1 202'), text[:400]
        responses.append(json.loads(body))
    return responses, times
