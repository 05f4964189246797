#!/usr/bin/env python3
"""Two platforms on one MongoDB store and one simulated cluster: they divide the databases, and one takes over from the other."""

import os
import signal
import unittest

import mongo_server
from mongo_store_test import SKIPPED, Platform
from stack import Stack, request, wait_until

COUNT = 30
INTERVAL = 2
LEASE = 12  # seconds


class Replica(Platform):
    def metric(self, name):
        lines = [line for line in self.get('/metrics').text.splitlines() if line.startswith(name)]
        return sum(float(line.rsplit(' ', 1)[1]) for line in lines)

    def replicas(self):
        return self.metric('dbaas_replicas ')

    def ages(self):
        """Returns the ages of the metrics of all databases in seconds; infinity without metrics."""
        items = self.get('/api/v1/databases?limit=500').json['items']
        found = [self.get(f"/api/v1/databases/{item['id']}/metrics").json for item in items]
        return [each['age_seconds'] if each['status'] == 'fresh' else float('inf') for each in found]

    def is_fresh(self):
        ages = self.ages()
        return len(ages) == COUNT and max(ages) <= 5 * INTERVAL


@unittest.skipUnless(mongo_server.is_installed(), SKIPPED)
class Replicas(unittest.TestCase):
    def setUp(self):
        self.server = mongo_server.MongoServer()
        self.addCleanup(self.server.close)
        self.stack = Stack()
        self.addCleanup(self.stack.close)
        self.stack.start_cluster('--synthetic', str(COUNT))
        self.first = self.start()
        self.second = self.start()
        for replica in (self.first, self.second):
            wait_until(lambda replica=replica: replica.replicas() == 2, 30, 'both replicas')
        wait_until(lambda: any(entry['installed'] for entry in self.first.get('/api/v1/engines').json['items']), what='the catalogue')
        for number in range(COUNT):
            body = {'project': 'default', 'name': f'cache-{number}', 'engine': 'redis', 'size': 'micro', 'storage': {'size': '1Gi'}}
            created = request('POST', self.first.base + '/api/v1/databases', body)
            self.assertEqual(created.status, 202, created.text)
        for replica in (self.first, self.second):
            wait_until(replica.is_fresh, 60, 'fresh metrics of all databases')

    def start(self):
        with open(self.stack.kubeconfig, encoding='utf-8') as file:
            replica = Replica(self.server.url(), kubeconfig=file.read(), METRICS_SYNC_INTERVAL=str(INTERVAL))
        self.addCleanup(replica.close)
        return replica.wait()

    def test_both_work_and_each_database_is_created_once(self):
        for replica in (self.first, self.second):
            self.assertGreater(replica.metric('dbaas_scrapes_total'), 0)
            self.assertGreater(replica.metric('dbaas_reconcile_actions_total'), 0)
        created = sum(replica.metric('dbaas_reconcile_actions_total{action="create_object",result="ok"}')
                      for replica in (self.first, self.second))
        self.assertEqual(created, COUNT)

    def test_one_takes_over_when_the_other_is_killed(self):
        self.second.process.kill()
        self.second.process.wait()
        wait_until(lambda: self.first.replicas() == 1, LEASE + 20, 'the takeover')
        wait_until(self.first.is_fresh, 30, 'fresh metrics after the takeover')
        scheduled = self.first.metric('dbaas_scrapes_scheduled')
        self.assertEqual(scheduled, COUNT)

    def test_a_stopped_replica_hands_over_and_a_suspended_one_rejoins(self):
        self.second.process.send_signal(signal.SIGSTOP)
        try:
            wait_until(lambda: self.first.replicas() == 1, LEASE + 20, 'the expiry of the lease')
        finally:
            self.second.process.send_signal(signal.SIGCONT)
        for replica in (self.first, self.second):
            wait_until(lambda replica=replica: replica.replicas() == 2, 30, 'the replica again')
        self.first.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.first.process.wait(30), 0)
        # Far below the duration of the lease.
        wait_until(lambda: self.second.replicas() == 1, LEASE - 3, 'the hand-over')
        wait_until(self.second.is_fresh, 30, 'fresh metrics after the hand-over')


if __name__ == '__main__':
    unittest.main(verbosity=2)
