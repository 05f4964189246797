#!/usr/bin/env python3
"""Two platforms on one MongoDB store and one simulated cluster: they divide the databases, and one takes over from the other."""

import os
import re
import shutil
import signal
import subprocess
import time
import unittest

import mongo_server
from mongo_store_test import SKIPPED, Platform
from redis_bus_test import RedisServer
from stack import Stack, request, wait_until

COUNT = 30
INTERVAL = 2


class Replica(Platform):
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
    env = {}

    def setUp(self):
        self.server = mongo_server.MongoServer()
        self.addCleanup(self.server.close)
        self.stack = Stack()
        self.addCleanup(self.stack.close)
        self.stack.start_cluster('--synthetic', str(COUNT))
        self.first = self.start()
        self.second = self.start()
        for replica in (self.first, self.second):
            wait_until(lambda replica=replica: replica.replicas() == 2, what='both replicas')
        wait_until(lambda: any(entry['installed'] for entry in self.first.get('/api/v1/engines').json['items']), what='the catalogue')
        for number in range(COUNT):
            body = {'project': 'default', 'name': f'cache-{number}', 'engine': 'redis', 'size': 'micro', 'storage': {'size': '1Gi'}}
            created = request('POST', self.first.base + '/api/v1/databases', body)
            self.assertEqual(created.status, 202, created.text)
        for replica in (self.first, self.second):
            wait_until(replica.is_fresh, 60, 'fresh metrics of all databases')

    def start(self):
        with open(self.stack.kubeconfig, encoding='utf-8') as file:
            replica = Replica(self.server.url(), kubeconfig=file.read(), METRICS_SYNC_INTERVAL=str(INTERVAL), **self.env)
        self.addCleanup(replica.close)
        return replica.wait()

    def holders(self):
        """Returns the holders of the Leases in the cluster; a released lease has none."""
        items = self.stack.kubernetes('/apis/coordination.k8s.io/v1/namespaces/default/leases')['items']
        return [entry['spec']['holderIdentity'] for entry in items if entry['spec'].get('holderIdentity')]

    def test_both_work_and_each_database_is_created_once(self):
        for replica in (self.first, self.second):
            self.assertGreater(replica.metric('dbaas_scrapes_total'), 0)
            self.assertGreater(replica.metric('dbaas_reconcile_actions_total'), 0)
        for name in ('dbaas_databases_owned', 'dbaas_databases_wanted'):  # counted every 5 s
            wait_until(lambda name=name: sum(replica.metric(name) for replica in (self.first, self.second)) == COUNT, what=name)
        created = sum(replica.metric('dbaas_reconcile_actions_total{action="create_object",result="ok"}')
                      for replica in (self.first, self.second))
        self.assertEqual(created, COUNT)

    def test_one_takes_over_when_the_other_is_killed(self):
        self.second.process.kill()
        self.second.process.wait()
        wait_until(lambda: self.first.replicas() == 1, what='the takeover')
        self.assertGreater(self.first.metric('dbaas_takeovers_total'), 0)
        wait_until(self.first.is_fresh, what='fresh metrics after the takeover')
        scheduled = self.first.metric('dbaas_scrapes_scheduled')
        self.assertEqual(scheduled, COUNT)
        wait_until(lambda: len(self.holders()) == 1, what='the release of the expired lease')
        # So a later replica never counts the lost one.
        third = self.start()
        for replica in (self.first, third):
            wait_until(lambda replica=replica: replica.replicas() == 2, what='the division with a new replica')
        self.assertLessEqual(max(line['replicas'] for line in third.events('replicas_changed')), 2)
        self.check_tags(self.first, third)

    def check_tags(self, old, new):
        """A replica that has just started returns the tags of the other one, and 304 for them."""
        databases = [f"/api/v1/databases/{item['id']}" for item in old.get('/api/v1/databases?limit=500').json['items']]
        paths = ['/api/v1/databases?limit=500', '/api/v1/databases?sort=-created_at', '/api/v1/projects', *databases,
                 *(f'{path}/status' for path in databases)]

        def differing():
            # A database changes with the hand-over for a moment.
            tags = [{path: replica.get(path).headers['ETag'] for path in paths} for replica in (old, new)]
            return {path: (tag, tags[1][path]) for path, tag in tags[0].items() if tags[1][path] != tag}

        deadline = time.monotonic() + 60
        while found := differing():
            self.assertLess(time.monotonic(), deadline, found)
        for path in databases:
            tag = old.get(path).headers['ETag']
            self.assertEqual(request('GET', new.base + path, headers={'If-None-Match': tag}).status, 304, path)

    def test_a_stopped_replica_hands_over_and_a_suspended_one_rejoins(self):
        self.second.process.send_signal(signal.SIGSTOP)
        try:
            wait_until(lambda: self.first.replicas() == 1, what='the expiry of the lease')
        finally:
            self.second.process.send_signal(signal.SIGCONT)
        for replica in (self.first, self.second):
            wait_until(lambda replica=replica: replica.replicas() == 2, what='the replica again')
        self.first.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.first.process.wait(60), 0)
        self.assertEqual(len(self.holders()), 1)  # released, not expired
        wait_until(lambda: self.second.replicas() == 1, what='the hand-over')
        wait_until(self.second.is_fresh, what='fresh metrics after the hand-over')


@unittest.skipUnless(shutil.which('redis-server'), "redis-server is not installed; './dev test --live' installs it")
class ReplicasWithRedis(Replicas):
    """The same cases with Redis, and the delay of samples."""

    def setUp(self):
        redis = RedisServer()
        self.addCleanup(redis.close)
        self.env = {'REDIS_URL': redis.url()}
        super().setUp()

    def test_the_bus_delivers_the_samples_of_one_replica_to_the_other(self):
        # With Redis, a replica reads the stored metrics every 60 s. Both show more samples than that only with the bus.
        paths = [f"/api/v1/databases/{item['id']}/metrics" for item in self.first.get('/api/v1/databases?limit=500').json['items']]
        seen = {}  # (path, time of the sample) → the replicas that showed it

        def show_the_same():
            for path in paths:
                for number, replica in enumerate((self.first, self.second)):
                    seen.setdefault((path, replica.get(path).json['last_updated']), set()).add(number)
            return sum(len(replicas) == 2 for replicas in seen.values()) >= 3 * COUNT

        wait_until(show_the_same, 55, 'the samples of the other replica')


@unittest.skipUnless(mongo_server.is_installed() and shutil.which('redis-server'), SKIPPED)
class Searches(unittest.TestCase):
    def test_each_search_of_the_guide_finds_its_line(self):
        server = mongo_server.MongoServer()
        self.addCleanup(server.close)
        redis = RedisServer()
        self.addCleanup(redis.close)
        stack = Stack()
        self.addCleanup(stack.close)
        stack.start_cluster('--synthetic', '1')
        with open(stack.kubeconfig, encoding='utf-8') as file:
            replica = Replica(server.url(), kubeconfig=file.read(), REDIS_URL=redis.url())
        self.addCleanup(replica.close)
        replica.wait()
        wait_until(lambda: any(entry['installed'] for entry in replica.get('/api/v1/engines').json['items']), what='the catalogue')
        body = {'project': 'default', 'name': 'cache', 'engine': 'redis', 'size': 'micro', 'storage': {'size': '1Gi'}}
        created = request('POST', replica.base + '/api/v1/databases', body)
        path = f"/api/v1/databases/{created.json['database']['id']}/metrics"
        for _ in range(3):
            self.assertEqual(replica.get(path).status, 200)
        wait_until(lambda: replica.get('/health/ready').json['redis'] == 'connected', what='the connection to Redis')
        with open(os.path.join(mongo_server.ROOT, 'docs/operations/replicas.md'), encoding='utf-8') as file:
            searches = re.findall(r'^\$L .*$', '\n'.join(re.findall(r'```sh log\n(.*?)```', file.read(), re.S)), re.M)
        self.assertEqual(len(searches), 5)
        for search in searches:
            found = subprocess.run(['sh', '-c', search], env={'PATH': os.environ['PATH'], 'L': f'cat {replica.log}'}, capture_output=True,
                                   text=True, check=False)
            self.assertNotEqual(found.stdout, '', search)
        self.assertEqual(len(replica.events('metrics_returned_from_cache')), 3)


if __name__ == '__main__':
    unittest.main(verbosity=2)
