#!/usr/bin/env python3
"""The disk of the embedded store is full: writes return 503, reads continue, and no acknowledged write is lost.

A limit of the size of files (RLIMIT_FSIZE) takes the place of a full disk, because it needs no privileges.
"""

import os
import resource
import unittest

from fault_stage import Replica
from process import run
from serve_test import KUBECONFIG
from stack import request, wait_until

PAGE = 4096
LABELS = {f'label-{number}': 'v' * 60 for number in range(30)}


class DiskFull(unittest.TestCase):
    def setUp(self):
        self.replica = Replica('embedded', KUBECONFIG)  # the address of its cluster rejects every connection
        self.addCleanup(self.replica.close)
        wait_until(lambda: self.replica.events('serving'), what='the platform')
        self.count = 0

    def create(self):
        """Creates the next project. Returns its name and the response."""
        self.count += 1
        name = f'project-{self.count}'
        return name, request('POST', self.replica.base + '/api/v1/projects', {'name': name, 'labels': LABELS})

    def limit_files(self, size):
        resource.prlimit(self.replica.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def fill(self):
        """Limits the size of files to two pages more than the log of the store, and writes until that fails."""
        log = os.path.join(self.replica.folder, 'data/platform.db-wal')
        self.limit_files(os.path.getsize(log) + 2 * PAGE)
        acked = []
        while True:
            name, response = self.create()
            if response.status != 201:
                return acked, response
            acked.append(name)

    def database(self):
        return self.replica.get('/health/ready').json['database']

    def test_writes_fail_until_there_is_space_and_none_is_lost(self):
        acked = [self.create()[0] for _ in range(5)]
        more, response = self.fill()
        acked += more
        # Not even the check of the store has space, but the lines of the log have.
        self.limit_files(os.path.getsize(self.replica.log) + 16 * PAGE)
        for _ in range(3):
            self.assertEqual(response.status, 503, response.text)
            self.assertIn('Retry-After', response.headers)
            _, response = self.create()
        wait_until(lambda: self.create()[1].status == 503 and self.database() == 'disconnected', what='the state of the store')
        self.assertEqual(self.replica.get('/health/live').status, 200)
        self.assertEqual(self.replica.get(f'/api/v1/projects/{acked[0]}').status, 200)
        self.assertTrue(self.replica.events('store_failed'))
        self.assertGreater(self.replica.metric('dbaas_store_failures_total'), 0)

        self.limit_files(resource.RLIM_INFINITY)
        wait_until(lambda: self.create()[1].status == 201, what='writes')
        acked.append(f'project-{self.count}')
        wait_until(lambda: self.database() == 'embedded', what='the state of the store')
        self.assertTrue(self.replica.events('store_recovered'))
        self.replica.process.kill()
        self.replica.process.wait()
        self.replica.start()
        wait_until(lambda: len(self.replica.events('serving')) == 2, what='the platform')
        for name in acked:
            self.assertEqual(self.replica.get(f'/api/v1/projects/{name}').status, 200, name)

    def test_a_platform_that_is_killed_on_a_full_disk_starts_again_with_every_acknowledged_write(self):
        acked = [self.create()[0] for _ in range(5)]
        acked += self.fill()[0]
        self.replica.process.kill()
        self.replica.process.wait()
        self.replica.start()
        wait_until(lambda: len(self.replica.events('serving')) == 2, what='the platform')
        for name in acked:
            self.assertEqual(self.replica.get(f'/api/v1/projects/{name}').status, 200, name)
        self.assertEqual(self.create()[1].status, 201)


if __name__ == '__main__':
    run(lambda: unittest.main(verbosity=2))
