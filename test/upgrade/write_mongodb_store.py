#!/usr/bin/env python3
"""Writes a file of test/upgrade/testdata: the documents of a MongoDB store that the built program has filled, and its responses.

Usage: DBAAS_BIN=build/release/bin test/upgrade/write_mongodb_store.py test/upgrade/testdata/mongodb_N.json
"""

import base64
import json
import os
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../system'))

# pylint: disable=wrong-import-position  # the path above
import mongo_server
from mongo_store_test import Platform
from mongo_wire import MongoClient
from process import end, run
from stack import Stack, request, wait_until

PLATFORM_KEY = '5e' * 32
PATHS = ('databases?limit=500', 'projects', 'operations?limit=500', 'users', 'roles', 'api-keys', 'projects/shop/members')
DATABASES = (
    {'project': 'shop', 'name': 'orders', 'engine': 'postgres', 'topology': {'mode': 'replicated', 'replicas': 3}, 'size': 'small',
     'storage': {'size': '10Gi'}, 'labels': {'team': 'web', 'tier': 'gold'}, 'deletion_protection': True},
    {'project': 'shop', 'name': 'cache', 'engine': 'redis', 'size': {'cpu': '750m', 'memory': '1536Mi'}, 'storage': {'size': '1Gi'},
     'topology': {'mode': 'cluster', 'shards': 3, 'replicas': 2}},
    {'project': 'default', 'name': 'events', 'engine': 'mongodb', 'topology': {'mode': 'cluster', 'shards': 2, 'replicas': 2},
     'size': 'micro', 'storage': {'size': '5Gi'}},
    {'project': 'default', 'name': 'sessions', 'engine': 'memcached', 'size': 'micro'},
    {'project': 'default', 'name': 'scratch', 'engine': 'redis', 'size': 'micro', 'storage': {'size': '1Gi'}})


def as_json(value):
    if isinstance(value, bytes):
        return {'$binary': base64.b64encode(value).decode()}
    raise TypeError(type(value))


def fill(platform, key):
    """Makes one record of each kind. Returns the key of the API key."""
    def call(method, path, body=None):
        response = request(method, f'{platform.base}/api/v1/{path}', body, {'Authorization': f'Bearer {key}'})
        assert response.status in (200, 201, 202), f'{path}: {response.status} {response.text}'
        return response.json
    call('POST', 'projects', {'name': 'shop', 'display_name': 'Shop', 'quota': {'databases': 20}})
    call('POST', 'roles', {'name': 'operator', 'permissions': ['projects.read', 'databases.read', 'databases.operate']})
    call('POST', 'users', {'name': 'ada', 'email': 'ada@example.com', 'role': 'none', 'password': 'a long password of a user'})
    call('PUT', 'projects/shop/members/ada', {'role': 'operator'})
    api_key = call('POST', 'api-keys', {'name': 'ci'})['key']
    ids = [call('POST', 'databases', body)['database']['id'] for body in DATABASES]
    for database in ids:
        wait_until(lambda database=database: call('GET', f'databases/{database}/status')['phase'] == 'running', 60, 'the databases')
    call('DELETE', f'databases/{ids[4]}')
    # The cluster rejects this operation: it fails.
    call('PATCH', f'databases/{ids[1]}', {'topology': {'mode': 'cluster', 'shards': 3, 'replicas': 3}})
    call('PATCH', f'databases/{ids[3]}', {'paused': True})

    def unfinished():
        return [entry for entry in call('GET', 'operations?limit=500')['items'] if entry['phase'] in ('queued', 'running')]
    wait_until(lambda: not unfinished() and len(call('GET', 'databases')['items']) == 4, 60, 'the operations')
    assert request('POST', f'{platform.base}/api/v1/auth/login', {'username': 'ada', 'password': 'a long password of a user'}).status == 200
    return api_key


def responses(base, key):
    """Returns the items of each path of PATHS."""
    headers = {'Authorization': f'Bearer {key}'}
    return {path: request('GET', urllib.parse.urljoin(base, f'/api/v1/{path}'), headers=headers).json['items'] for path in PATHS}


def main():
    stack, server = Stack(), mongo_server.MongoServer()
    stack.start_cluster('--synthetic', '100')
    with open(stack.kubeconfig, encoding='utf-8') as file:
        platform = Platform(server.url(), file.read(), DBAAS_AUTH='required', PLATFORM_KEY=PLATFORM_KEY, METRICS_SYNC_INTERVAL='2')
    client = MongoClient(server.port)
    try:
        platform.wait()
        with open(os.path.join(platform.folder, 'data/admin-key'), encoding='utf-8') as file:
            key = file.read().strip()
        wait_until(lambda: platform.get('/health/ready').status == 200, 60, 'the platform')
        api_key = fill(platform, key)
        expected = responses(platform.base, api_key)
        end(platform.process)
        collections = {name: client.documents(name) for name in client.collections()}
    finally:
        for part in (client, platform, server, stack):
            part.close()
    with open(sys.argv[1], 'w', encoding='utf-8') as out:
        json.dump({'key': api_key, 'collections': collections, 'responses': expected}, out, default=as_json, ensure_ascii=False, indent=1)
        out.write('\n')
    return 0


if __name__ == '__main__':
    run(main)
