#!/usr/bin/env python3
"""Stores in MongoDB that earlier versions filled (test/upgrade/testdata): the program serves and changes all of their records."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import mongo_server
from mongo_store_test import SKIPPED, Platform
from mongo_wire import MongoClient
from process import run
from stack import request

TESTDATA = os.path.join(mongo_server.ROOT, 'test/upgrade/testdata')
PLATFORM_KEY = '5e' * 32  # sealed the secrets in the stores
VOLATILE = {'status', 'state', 'last_used_at'}  # without a cluster the status is another one; the state of a key depends on the time


def from_json(value):
    return base64.b64decode(value['$binary']) if value.keys() == {'$binary'} else value


def comparable(item):
    return {key: value for key, value in item.items() if key not in VOLATILE}


@unittest.skipUnless(mongo_server.is_installed(), SKIPPED)
class MongoUpgrade(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = mongo_server.MongoServer()
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        database = self.id().rsplit('.', 1)[1][:40]
        self.url = self.server.url(database)
        self.store = MongoClient(self.server.port, database)
        self.addCleanup(self.store.close)

    def platform(self):
        platform = Platform(self.url, PLATFORM_KEY=PLATFORM_KEY, DBAAS_AUTH='required')
        self.addCleanup(platform.close)
        return platform

    def fill(self, change=lambda document: document):
        """Inserts the documents of mongodb_1.json, each changed by change(). Returns the file."""
        with open(os.path.join(TESTDATA, 'mongodb_1.json'), encoding='utf-8') as file:
            content = json.load(file, object_hook=from_json)
        for name, documents in content['collections'].items():
            if documents:
                self.store.insert(name, [change(document) for document in documents])
        return content

    def check_records(self, content, platform):
        """All records are served as the former version did, a write of each kind has the next revision, and a start reads it."""
        headers = {'Authorization': f"Bearer {content['key']}"}

        def read(path):
            response = request('GET', f'{platform.base}/api/v1/{path}', headers=headers)
            self.assertEqual(response.status, 200, f'{path}: {response.text}')
            return response.json
        for path, items in content['responses'].items():
            served = read(path)['items']
            self.assertEqual(len(served), len(items), path)
            for item, former in zip(served, items):
                if former.get('built_in'):  # a later version may add permissions to its own roles
                    self.assertLessEqual(set(former['permissions']), set(item['permissions']), path)
                    former = {**former, 'permissions': item['permissions']}
                # A later version may add members.
                self.assertEqual(comparable({name: item.get(name) for name in former}), comparable(former), path)
        for database in content['responses']['databases?limit=500']:
            path = f"{platform.base}/api/v1/databases/{database['id']}"
            patched = request('PATCH', path, {'labels': {'version': 'next'}}, headers)
            self.assertEqual(patched.status, 200, patched.text)
            self.assertEqual(patched.json['database']['revision'], database['revision'] + 1)
        project = request('PATCH', f'{platform.base}/api/v1/projects/shop', {'display_name': 'Next'}, headers)
        self.assertEqual(project.status, 200, project.text)
        again = self.platform().wait()
        for database in content['responses']['databases?limit=500']:
            response = request('GET', f"{again.base}/api/v1/databases/{database['id']}", headers=headers)
            self.assertEqual((response.json['labels'], response.json['revision']),
                             ({**database['labels'], 'version': 'next'}, database['revision'] + 1))

    def test_the_records_of_the_former_version_are_served_and_changed(self):
        content = self.fill()
        self.check_records(content, self.platform().wait())

    def test_documents_without_write_ids_and_with_members_of_a_later_version_are_served_and_changed(self):
        """Early versions wrote no `write_id`. A replica of the former version runs on during a rolling update."""
        def change(document):
            return {name: value for name, value in document.items() if name != 'write_id'} | {'later': {'k': 'v'}}
        content = self.fill(change)
        self.check_records(content, self.platform().wait())
        for document in self.store.documents('databases'):
            self.assertTrue(document['write_id'], 'a write adds the id')

    def test_records_of_format_1_are_served_after_a_copy_from_sqlite(self):
        folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        shutil.copy(os.path.join(TESTDATA, 'format_1.db'), os.path.join(folder, 'platform.db'))
        copied = subprocess.run([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'admin', 'copy', '--from', f'sqlite:{folder}/platform.db',
                                 '--to', self.url], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(copied.returncode, 0, copied.stderr)
        platform = Platform(self.url)
        self.addCleanup(platform.close)
        platform.wait()
        databases = platform.get('/api/v1/databases').json['items']
        self.assertEqual([item['name'] for item in databases], ['archive', 'cache', 'events', 'orders', 'scratch', 'sessions', 'shards'])
        self.assertEqual([item['name'] for item in platform.get('/api/v1/projects').json['items']], ['default', 'shop'])
        cache = next(item for item in databases if item['name'] == 'cache')
        self.assertEqual([(group['role'], group['replicas']) for group in cache['topology']['groups']], [('data', 2), ('sentinel', 3)])
        for item in databases:
            patched = request('PATCH', f"{platform.base}/api/v1/databases/{item['id']}", {'labels': {'version': 'next'}})
            self.assertEqual(patched.status, 200, patched.text)
            self.assertEqual(patched.json['database']['revision'], item['revision'] + 1)
        for document in self.store.documents('databases'):
            self.assertEqual(json.loads(document['body'])['v'], 2)

    def test_a_store_with_a_newer_schema_stops_the_start(self):
        self.fill()
        self.store.run({'update': 'dbaas_schema', 'updates': [{'q': {'_id': 'schema'}, 'u': {'_id': 'schema', 'version': 99}}]})
        before = {name: self.store.documents(name) for name in self.store.collections()}
        platform = self.platform()
        self.assertEqual(platform.process.wait(60), 1)
        self.assertIn('the database has schema version 99, but this program supports up to 1; use the newer version of the program',
                      platform.events('start_failed')[0]['detail'])
        self.assertEqual({name: self.store.documents(name) for name in self.store.collections()}, before, 'nothing was written')


if __name__ == '__main__':
    run(lambda: unittest.main(verbosity=2))
