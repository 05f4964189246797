#!/usr/bin/env python3
"""Creates many databases of mixed engines through a platform and waits until all are running.

The cluster must simulate its databases: dbaas-devcluster serve --synthetic 10000. Existing databases count.
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
    """A client with one persistent connection."""

    def __init__(self, base):
        parts = urllib.parse.urlsplit(base)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)

    def send(self, method, path, body=None):
        headers = {'Content-Type': 'application/json'} if body is not None else {}
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self.connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text else None


def body_of(number, projects):
    """Returns the body of a create request. The number determines the engine and the project."""
    engine = ENGINES[number % len(ENGINES)]
    body = {'project': f'team-{number % projects}', 'name': f'{engine}-{number}', 'engine': engine, 'size': 'small',
            'labels': {'tier': ('gold', 'silver', 'bronze')[number % 3]}}
    if engine != 'memcached':
        body['storage'] = {'size': '10Gi'}
    return body


def count(client, status=None):
    code, page = client.send('GET', '/api/v1/databases?limit=1' + (f'&status={status}' if status else ''))
    assert code == 200, page
    return page['total']


def fill(base, wanted, concurrency=32, projects=50, report=lambda text: None):
    """Creates the databases. Returns the seconds until all creates were accepted and until all databases were running."""
    first = Client(base)
    for number in range(projects):
        code, response = first.send('POST', '/api/v1/projects', {'name': f'team-{number}'})
        assert code in (201, 409), response
    start = time.monotonic()
    numbers = iter(range(wanted))
    lock, errors = threading.Lock(), []

    def create():
        client = Client(base)
        while not errors:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            code, response = client.send('POST', '/api/v1/databases', body_of(number, projects))
            if code not in (202, 409):
                errors.append(f'{code}: {response}')

    workers = [threading.Thread(target=create, daemon=True) for _ in range(concurrency)]
    for worker in workers:
        worker.start()
    for worker in workers:
        while worker.is_alive():
            worker.join(1)
            report(f'{count(first):,} of {wanted:,} created')
    if errors:
        raise RuntimeError(errors[0])
    created = time.monotonic() - start
    while (running := count(first, 'running')) < wanted:
        report(f'{running:,} of {wanted:,} running')
        if time.monotonic() - start > 60 + wanted / 20:
            raise RuntimeError(f'only {running} of {wanted} are running after {time.monotonic() - start:.0f} s')
        time.sleep(0.2)
    return created, time.monotonic() - start


def progress(text):
    """Shows the progress if standard error is a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f'\r\033[K{text}')
        sys.stderr.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('count', type=int, help='number of databases')
    parser.add_argument('--url', default='http://127.0.0.1:8000', help='base URL of the platform (http://127.0.0.1:8000)')
    parser.add_argument('--concurrency', type=int, default=32, help='number of concurrent clients (32)')
    parser.add_argument('--projects', type=int, default=50, help='number of projects that own the databases (50)')
    options = parser.parse_args()
    try:
        created, running = fill(options.url, options.count, options.concurrency, options.projects, progress)
    except RuntimeError as error:
        sys.exit(str(error))
    progress('')
    print(f'{options.count:,} databases: created in {created:.1f} s, all running after {running:.1f} s')


if __name__ == '__main__':
    main()
