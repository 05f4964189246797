#!/usr/bin/env python3
"""Asks a platform for many databases of mixed engines, and waits until they run.

For a cluster that plays its databases: dbaas-devcluster serve --synthetic 10000. What is there already counts.
"""

import argparse
import http.client
import json
import sys
import threading
import time
import urllib.parse

ENGINES = ('postgres', 'redis', 'mysql', 'mongodb', 'mariadb', 'elasticsearch', 'memcached')


class Client:
    """One kept connection."""

    def __init__(self, base):
        parts = urllib.parse.urlsplit(base)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)

    def ask(self, method, path, body=None):
        headers = {'Content-Type': 'application/json'} if body is not None else {}
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None


def body_of(number, projects):
    """A database; the engine and the project follow from its number."""
    engine = ENGINES[number % len(ENGINES)]
    body = {'project': f'team-{number % projects}', 'name': f'{engine}-{number}', 'engine': engine, 'size': 'small',
            'labels': {'tier': ('gold', 'silver', 'bronze')[number % 3]}}
    if engine != 'memcached':
        body['storage'] = {'size': '10Gi'}
    return body


def count(client, status=None):
    code, found = client.ask('GET', '/api/v1/databases?limit=1' + (f'&status={status}' if status else ''))
    assert code == 200, found
    return found['total']


def fill(base, wanted, concurrency=32, projects=50, say=lambda text: None):
    """Seconds that the creates took, and until all ran."""
    first = Client(base)
    for number in range(projects):
        code, answer = first.ask('POST', '/api/v1/projects', {'name': f'team-{number}'})
        assert code in (201, 409), answer
    begun = time.monotonic()
    numbers = iter(range(wanted))
    lock, faults = threading.Lock(), []

    def create():
        client = Client(base)
        while not faults:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            code, answer = client.ask('POST', '/api/v1/databases', body_of(number, projects))
            if code not in (202, 409):
                faults.append(f'{code}: {answer}')

    workers = [threading.Thread(target=create, daemon=True) for _ in range(concurrency)]
    for each in workers:
        each.start()
    for each in workers:
        while each.is_alive():
            each.join(1)
            say(f'{count(first):,} of {wanted:,} asked for')
    if faults:
        raise RuntimeError(faults[0])
    created = time.monotonic() - begun
    while (running := count(first, 'running')) < wanted:
        say(f'{running:,} of {wanted:,} running')
        if time.monotonic() - begun > 60 + wanted / 20:
            raise RuntimeError(f'only {running} of {wanted} run after {time.monotonic() - begun:.0f} s')
        time.sleep(0.2)
    return created, time.monotonic() - begun


def progress(text):
    """On a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f'\r\033[K{text}')
        sys.stderr.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('count', type=int, help='databases')
    parser.add_argument('--url', default='http://127.0.0.1:8000', help='of the platform')
    parser.add_argument('--concurrency', type=int, default=32, help='clients (32)')
    parser.add_argument('--projects', type=int, default=50, help='that they are spread over (50)')
    how = parser.parse_args()
    try:
        created, running = fill(how.url, how.count, how.concurrency, how.projects, progress)
    except RuntimeError as error:
        sys.exit(str(error))
    progress('')
    print(f'{how.count:,} databases: asked for in {created:.1f} s, all running after {running:.1f} s')


if __name__ == '__main__':
    main()
