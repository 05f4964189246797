#!/usr/bin/env python3
"""Two platforms on one MongoDB store; the wall clock of one is an hour wrong, through libfaketime. Its monotonic clock is right."""

import glob
import unittest

import mongo_server
from mongo_store_test import SKIPPED
from replicas_test import INTERVAL, Replica
from stack import Stack, request, wait_until

COUNT = 12
LIBRARIES = glob.glob('/usr/lib/*/faketime/libfaketimeMT.so.1')


@unittest.skipUnless(mongo_server.is_installed(), SKIPPED)
@unittest.skipUnless(LIBRARIES, "libfaketime is not installed; './dev test --live' installs it")
class Clocks(unittest.TestCase):
    def setUp(self):
        self.server = mongo_server.MongoServer()
        self.addCleanup(self.server.close)
        self.stack = Stack()
        self.addCleanup(self.stack.close)
        self.stack.start_cluster('--synthetic', str(COUNT))

    def start(self, clock=None):
        env = {'METRICS_SYNC_INTERVAL': str(INTERVAL)}
        if clock:
            env.update(LD_PRELOAD=LIBRARIES[0], FAKETIME=clock, FAKETIME_DONT_FAKE_MONOTONIC='1')
        with open(self.stack.kubeconfig, encoding='utf-8') as file:
            replica = Replica(self.server.url(), kubeconfig=file.read(), **env)
        self.addCleanup(replica.close)
        return replica.wait()

    def create(self, replica, name):
        body = {'project': 'default', 'name': name, 'engine': 'redis', 'size': 'micro', 'storage': {'size': '1Gi'}}
        created = request('POST', replica.base + '/api/v1/databases', body)
        self.assertEqual(created.status, 202, created.text)
        return created.json['database']['id']

    def check(self, clock):
        """Both clocks serve: the databases are divided, writes arrive, each object is created once, and a killed replica is replaced."""
        right = self.start()
        wrong = self.start(clock)
        for replica in (right, wrong):
            wait_until(lambda replica=replica: replica.replicas() == 2, what='both replicas')
        wait_until(lambda: any(entry['installed'] for entry in wrong.get('/api/v1/engines').json['items']), what='the catalogue')
        for number in range(COUNT):
            replica, other = (right, wrong) if number % 2 else (wrong, right)
            path = '/api/v1/databases/' + self.create(replica, f'cache-{number}')
            wait_until(lambda other=other, path=path: other.get(path).status == 200, 10, 'the write of the other replica')
        for replica in (right, wrong):
            wait_until(lambda replica=replica: all(item['status']['phase'] == 'running'
                                                   for item in replica.get('/api/v1/databases?limit=500').json['items']),
                       60, 'running databases')
            self.assertGreater(replica.metric('dbaas_scrapes_total'), 0)
        created = sum(replica.metric('dbaas_reconcile_actions_total{action="create_object",result="ok"}') for replica in (right, wrong))
        self.assertEqual(created, COUNT)
        return right, wrong

    def metrics(self, replica):
        """Returns the metrics of every database that the replica serves."""
        items = replica.get('/api/v1/databases?limit=500').json['items']
        return [replica.get(f"/api/v1/databases/{item['id']}/metrics").json for item in items]

    def check_takeover(self, lost, left):
        lost.process.kill()
        lost.process.wait()
        wait_until(lambda: left.replicas() == 1, 30, 'the takeover')
        wait_until(lambda: {each['status'] for each in self.metrics(left)} == {'fresh'}, 60, 'fresh metrics of all databases')

    def test_a_replica_an_hour_ahead(self):
        right, wrong = self.check('+1h')
        # A time in the future becomes the time of arrival.
        wait_until(lambda: {each['status'] for each in self.metrics(right)} == {'fresh'}, 60, 'fresh metrics of all databases')
        self.assertLess(max(each['age_seconds'] for each in self.metrics(right)), 30)
        self.check_takeover(wrong, right)

    def test_a_replica_an_hour_behind(self):
        right, wrong = self.check('-1h')
        # Old metrics are never called fresh.
        wait_until(lambda: {each['status'] for each in self.metrics(right)} == {'fresh', 'stale'}, 60, 'stale metrics of its databases')
        stale = [each for each in self.metrics(right) if each['status'] == 'stale']
        self.assertEqual({each['reason'] for each in stale}, {'no_recent_sample'})
        self.assertGreater(min(each['age_seconds'] for each in stale), 3500)
        self.check_takeover(right, wrong)
        self.create(wrong, 'after')


if __name__ == '__main__':
    unittest.main(verbosity=2)
