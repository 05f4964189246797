#!/usr/bin/env python3
"""The loss and the restoration of the platform's embedded store, while the databases keep running (docs/production.md)."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import time
import unittest

from stack import Stack, wait_until

REDISES = '/apis/kubedb.com/v1/namespaces/dbaas-default/redises'


def collections(path):
    """Returns the names of the collections in a store's file; none as long as the file has no table."""
    if not os.path.exists(path):
        return []
    with contextlib.closing(sqlite3.connect(f'file:{path}?mode=ro', uri=True)) as file, contextlib.suppress(sqlite3.OperationalError):
        return [name for name, in file.execute('SELECT DISTINCT collection FROM document')]
    return []


class Recovery(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.close)
        self.stack.start()
        self.data = os.path.join(self.stack.folder, 'platform')

    def stop_platform(self):
        self.stack.platform.send_signal(signal.SIGTERM)
        self.assertEqual(self.stack.platform.wait(60), 0)

    def objects(self):
        """Returns the uid of each Redis in the cluster by name."""
        return {entry['metadata']['name']: entry['metadata']['uid'] for entry in self.stack.kubernetes(REDISES)['items']}

    def test_a_copy_of_the_folder_restores_every_record(self):
        database = self.stack.created('kept')
        self.stack.wait_for(database, 'running')
        before = self.objects()
        self.stop_platform()
        copy = os.path.join(self.stack.folder, 'copy')
        shutil.copytree(self.data, copy)
        shutil.rmtree(self.data)
        shutil.copytree(copy, self.data)
        self.stack.start_platform()
        self.stack.wait_for(database, 'running')
        self.assertEqual([entry['id'] for entry in self.stack.databases()], [database])
        self.assertEqual(self.objects(), before, 'no object was recreated')
        self.assertEqual(self.stack.get(f'/api/v1/databases/{database}/credentials').status, 200)

    def test_a_record_that_is_newer_than_the_copy_is_lost_and_its_object_can_be_adopted(self):
        old = self.stack.created('old')
        self.stack.wait_for(old, 'running')
        self.stop_platform()
        copy = os.path.join(self.stack.folder, 'copy')
        shutil.copytree(self.data, copy)
        self.stack.start_platform()
        new = self.stack.created('new')
        self.stack.wait_for(new, 'running')
        before = self.objects()
        self.stop_platform()
        shutil.rmtree(self.data)
        shutil.copytree(copy, self.data)
        self.stack.start_platform()
        self.stack.wait_for(old, 'running')
        self.assertEqual([entry['id'] for entry in self.stack.databases()], [old])
        self.assertEqual(self.objects(), before)

        self.stop_platform()
        applied = self.admin('adopt', '--apply', '--kubeconfig', self.stack.kubeconfig)
        self.assertEqual(applied.returncode, 0, applied.stderr)
        self.assertRegex(applied.stdout, rf'keep +{old}')
        self.assertRegex(applied.stdout, rf'adopt +{new}')
        self.stack.start_platform()
        self.stack.wait_for(new, 'running')
        self.assertEqual({entry['id'] for entry in self.stack.databases()}, {old, new})
        self.assertEqual(self.objects(), before)

        self.stop_platform()
        self.stack.request_cluster('DELETE', f'{REDISES}/old')
        wait_until(lambda: set(self.objects()) == {'new'}, what='the loss of an object')
        planned = self.admin('adopt', '--plan', '--kubeconfig', self.stack.kubeconfig)
        self.assertRegex(planned.stdout, rf'missing +{old}')

    @staticmethod
    def admin_command(*words):
        return [os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'admin', *words]

    def admin_environment(self):
        return {'PATH': os.environ['PATH'], 'DBAAS_DATA_DIR': self.data}

    def admin(self, *words):
        return subprocess.run(self.admin_command(*words), capture_output=True, text=True, timeout=120, check=False, env=self.admin_environment())

    def test_an_encrypted_export_restores_every_record_into_an_empty_store(self):
        database = self.stack.created('kept')
        self.stack.wait_for(database, 'running')
        before = self.objects()
        document = self.stack.get(f'/api/v1/databases/{database}').json
        self.stop_platform()
        passphrase = os.path.join(self.stack.folder, 'passphrase')
        with open(passphrase, 'w', encoding='utf-8') as file:
            file.write('correct horse battery staple\n')
        folder = os.path.join(self.stack.folder, 'exports')
        os.mkdir(folder)
        exported = self.admin('export', '--to', folder + '/', '--passphrase-file', passphrase, '--keep', '1')
        self.assertEqual(exported.returncode, 0, exported.stderr)
        self.assertRegex(exported.stdout, r'databases +1 documents')
        path, = (os.path.join(folder, name) for name in os.listdir(folder))
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with open(path, 'rb') as file:
            self.assertNotIn(b'kept', file.read())

        key = os.path.join(self.stack.folder, 'platform-key')  # kept with the passphrase
        shutil.copy(os.path.join(self.data, 'platform-key'), key)
        shutil.rmtree(self.data)
        os.mkdir(self.data)
        shutil.copy(key, self.data)
        start = time.monotonic()
        for words, text in ((('import', '--from', path), '--passphrase-file is missing'),
                            (('verify', '--from', path, '--passphrase-file', '/dev/null'), 'is empty')):
            rejected = self.admin(*words)
            self.assertNotEqual(rejected.returncode, 0)
            self.assertIn(text, rejected.stderr)
        self.assertEqual(os.listdir(self.data), ['platform-key'], 'a rejected import writes nothing')
        imported = self.admin('import', '--from', path, '--passphrase-file', passphrase)
        self.assertEqual(imported.returncode, 0, imported.stderr)
        again = self.admin('import', '--from', path, '--passphrase-file', passphrase)
        self.assertEqual(again.returncode, 1)
        self.assertIn('the store holds documents', again.stderr)
        self.stack.start_platform()
        self.stack.wait_for(database, 'running')
        print(f'restored in {time.monotonic() - start:.1f} s', end=' ')
        self.assertEqual(self.objects(), before, 'no object was recreated')
        restored = self.stack.get(f'/api/v1/databases/{database}').json
        for key in ('id', 'name', 'revision', 'created_at', 'topology'):
            self.assertEqual(restored[key], document[key], key)

    def test_no_platform_starts_with_a_store_whose_import_was_killed(self):
        self.stack.created('kept')
        self.stop_platform()
        path = os.path.join(self.stack.folder, 'archive')
        exported = self.admin('export', '--to', path)
        self.assertEqual(exported.returncode, 0, exported.stderr)
        store = os.path.join(self.data, 'platform.db')
        for name in ('platform.db', 'platform.db-wal', 'platform.db-shm'):
            if os.path.exists(os.path.join(self.data, name)):
                os.remove(os.path.join(self.data, name))
        # The import prints a line after each collection. Its pipe is full, so it waits there until it is killed.
        unread, full = os.pipe()
        os.set_blocking(full, False)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(full, b'x' * 4096)
        os.set_blocking(full, True)
        waiting = subprocess.Popen(self.admin_command('import', '--from', path), env=self.admin_environment(), stdout=subprocess.DEVNULL, stderr=full)
        self.addCleanup(os.close, unread)
        self.addCleanup(os.close, full)
        self.addCleanup(waiting.wait, 60)
        self.addCleanup(waiting.kill)
        wait_until(lambda: len(collections(store)) > 1, what='the first records of the import')
        waiting.kill()
        waiting.wait(60)

        incomplete = 'the store is incomplete, because a copy or an import into it did not end; empty it and repeat'
        platform = subprocess.run([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'serve', '--kubeconfig', self.stack.kubeconfig, '--listen', '127.0.0.1:0'],
                                  env=self.admin_environment(), capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(platform.returncode, 1)
        self.assertIn(incomplete, platform.stdout + platform.stderr)
        for words in (('import', '--from', path), ('export', '--to', path + '-2')):
            rejected = self.admin(*words)
            self.assertEqual(rejected.returncode, 1)
            self.assertIn(incomplete, rejected.stderr)
        for name in os.listdir(self.data):
            if name.startswith('platform.db'):
                os.remove(os.path.join(self.data, name))
        repeated = self.admin('import', '--from', path)
        self.assertEqual(repeated.returncode, 0, repeated.stderr)
        self.stack.start_platform()
        self.assertEqual([entry['name'] for entry in self.stack.databases()], ['kept'])

    def versions(self):
        """Returns uid, generation and resourceVersion of each Redis in the cluster by name."""
        return {entry['metadata']['name']: [entry['metadata'][key] for key in ('uid', 'generation', 'resourceVersion')]
                for entry in self.stack.kubernetes(REDISES)['items']}

    def test_a_new_platform_adopts_the_objects_of_a_lost_store(self):
        database = self.stack.created('kept', labels={'team': 'red'})
        self.stack.wait_for(database, 'running')
        document = self.stack.get(f'/api/v1/databases/{database}').json
        self.stop_platform()
        shutil.rmtree(self.data)
        before = self.versions()
        flags = ('--kubeconfig', self.stack.kubeconfig)
        start = time.monotonic()
        planned = self.admin('adopt', '--plan', *flags)
        self.assertEqual(planned.returncode, 0, planned.stderr)
        self.assertRegex(planned.stdout, rf'adopt +{database} +redis +default/kept')
        self.assertIn('nothing was written', planned.stdout)
        applied = self.admin('adopt', '--apply', *flags)
        self.assertEqual(applied.returncode, 0, applied.stderr)
        self.assertIn('stored 1 records', applied.stdout)
        self.assertRegex(self.admin('adopt', '--plan', *flags).stdout, rf'keep +{database}')
        self.assertEqual(self.versions(), before, 'the command changed nothing in the cluster')
        self.stack.start_platform()
        self.stack.wait_for(database, 'running')
        print(f'adopted in {time.monotonic() - start:.1f} s', end=' ')
        adopted = self.stack.get(f'/api/v1/databases/{database}').json
        for key in ('id', 'project', 'name', 'engine', 'version', 'topology', 'labels', 'monitoring', 'paused'):
            self.assertEqual(adopted[key], document[key], key)
        self.assertTrue(adopted['deletion_protection'])
        self.assertEqual(self.stack.get(f'/api/v1/databases/{database}/credentials').status, 200)
        self.assertEqual({name: entry[0] for name, entry in self.versions().items()}, {name: entry[0] for name, entry in before.items()})
        self.assertEqual(self.stack.patch(f'/api/v1/databases/{database}', {'labels': {'team': 'blue'}}).status, 200)
        wait_until(lambda: self.stack.kubernetes(REDISES)['items'][0]['metadata']['labels'].get('team') == 'blue', what='a change of the adopted database')

    def test_without_a_store_the_databases_run_on_and_are_not_listed(self):
        self.stack.wait_for(self.stack.created('orphan'), 'running')
        before = self.objects()
        self.stop_platform()
        shutil.rmtree(self.data)
        self.stack.start_platform()
        self.assertEqual(self.stack.databases(), [])
        # The name is taken by the object of the lost record: the platform does not take it over, and does not delete it.
        database = self.stack.created('orphan')
        wait_until(lambda: self.phase_and_reason(database) == ('failed', 'not_owned'), what='the rejection of the object')
        self.assertEqual(self.objects(), before)

    def phase_and_reason(self, database):
        status = self.stack.get(f'/api/v1/databases/{database}/status').json
        return status['phase'], status['reason']


if __name__ == '__main__':
    unittest.main(verbosity=2)
