"""Bursts of creates at once: none lost, none twice, when accepted, when all run; and the same burst again, with the same keys."""

import json
import select
import socket
import time

from fill import ENGINES, Client, body_of, count
from measure import percentile
from played import Played

KNOBS = {'burst': (1000, 200, 1, 10_000), 'small-burst': (100, 50, 1, 10_000)}
PROJECTS = 10
PLURALS = {'postgres': 'postgreses', 'redis': 'redises', 'mysql': 'mysqls', 'mongodb': 'mongodbs', 'mariadb': 'mariadbs',
           'elasticsearch': 'elasticsearches', 'memcached': 'memcacheds'}


def run(how, table):
    for size in (how.small_burst, how.burst):
        with Played(how, size) as stack:
            platform = stack.begin(30)
            client = Client(stack.base)
            for number in range(PROJECTS):
                code, answer = client.ask('POST', '/api/v1/projects', {'name': f'team-{number}'})
                assert code == 201, answer
            one_burst(table, stack, platform, size)


def one_burst(table, stack, platform, size):
    cpu = platform.cpu()
    begun = time.monotonic()
    answers, times = all_at_once(stack.port(), size)
    ids = {each['database']['id'] for each in answers}
    stack.wait_until_running(size)
    running = time.monotonic() - begun
    table.add(f'{size:,} creates at once: all accepted after', max(times), 's')
    table.add('… answer, p50', 1000 * percentile(times, 0.5), 'ms')
    table.add('… answer, p99', 1000 * percentile(times, 0.99), 'ms')
    table.add('… all running after', running, 's')
    table.add('… CPU of dbaas for each', 1000 * (platform.cpu() - cpu) / size, 'ms')
    lost, twice = compare(stack, ids, size)
    table.add('… lost', lost, '', most=0)
    table.add('… made twice', twice, '', most=0)
    again, _ = all_at_once(stack.port(), size)
    assert {each['database']['id'] for each in again} == ids, 'the same keys did not give the same databases'
    table.add('… and sent again with their keys: made anew', count(Client(stack.base)) - size, '', most=0)


def compare(stack, ids, size):
    """What the platform lists and what is in the cluster, beside what was accepted."""
    objects, made = {}, 0
    calls = stack.stats()['calls']
    for engine in ENGINES:
        for each in stack.kubernetes(f'/apis/kubedb.com/v1/{PLURALS[engine]}')['items']:
            key = engine, each['metadata']['namespace'], each['metadata']['name']
            objects[key] = each
        made += calls.get(f'create {PLURALS[engine]}', 0)
    listed = count(Client(stack.base))
    assert listed == len(ids), f'{listed} are listed of {len(ids)} accepted'
    return size - len(objects), max(0, made - size) + size - len(ids)


def all_at_once(port, size):
    """Connections first, then all requests; the answers in order, and the seconds until each came. Errors end the run."""
    sockets = [socket.create_connection(('127.0.0.1', port)) for _ in range(size)]
    requests = []
    for number in range(size):
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
        found = poll.poll(60)
        assert found, f'{open_count} of {size} creates were not answered within 60 s'
        for fd, _ in found:
            number = number_of[fd]
            part = sockets[number].recv(65536)
            texts[number] += part
            if not part:
                poll.unregister(fd)
                sockets[number].close()
                times[number] = time.monotonic() - begun
                open_count -= 1
    poll.close()
    answers = []
    for text in texts:
        head, _, body = text.partition(b'\r\n\r\n')
        assert head.startswith(b'HTTP/1.1 202'), text[:400]
        answers.append(json.loads(body))
    return answers, times
