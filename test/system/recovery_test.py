#!/usr/bin/env python3
"""The loss and the restoration of the platform's embedded store, while the databases keep running (docs/production.md)."""

import os
import shutil
import signal
import unittest

from stack import Stack, wait_until

REDISES = '/apis/kubedb.com/v1/namespaces/dbaas-default/redises'


class Recovery(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.close)
        self.stack.start()
        self.data = os.path.join(self.stack.folder, 'platform')

    def stop_platform(self):
        self.stack.platform.send_signal(signal.SIGTERM)
        self.assertEqual(self.stack.platform.wait(30), 0)

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

    def test_a_record_that_is_newer_than_the_copy_is_lost_and_its_object_stays(self):
        old = self.stack.created('old')
        self.stack.wait_for(old, 'running')
        self.stop_platform()
        copy = os.path.join(self.stack.folder, 'copy')
        shutil.copytree(self.data, copy)
        self.stack.start_platform()
        self.stack.wait_for(self.stack.created('new'), 'running')
        before = self.objects()
        self.stop_platform()
        shutil.rmtree(self.data)
        shutil.copytree(copy, self.data)
        self.stack.start_platform()
        self.stack.wait_for(old, 'running')
        self.assertEqual([entry['id'] for entry in self.stack.databases()], [old])
        self.assertEqual(self.objects(), before)

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
