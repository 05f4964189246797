#!/usr/bin/env python3
"""Faults of MongoDB, Redis and the cluster under load (README.md: DBAAS_TEST_FULL, DBAAS_TEST_SEED)."""

import random
import signal
import time
import unittest

from fault_servers import RedisCluster
from fault_stage import OUTAGE, SEED, FaultCase, World, needs_servers
from process import end, run
from stack import wait_until


@needs_servers
class Faults(FaultCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.close)

    def test_mongodb_rejects_connections(self):
        self.check_store_outage('rejected', 'cut')

    def test_mongodb_hangs(self):
        self.check_store_outage('hung', 'hold')

    def test_mongodb_is_slow(self):
        load = self.load('slow')
        self.world.store.delay = 0.5
        self.addCleanup(setattr, self.world.store, 'delay', 0.0)
        load.run(OUTAGE)
        self.world.store.delay = 0.0
        self.finish(load)

    def test_mongodb_responses_are_lost(self):
        load = self.load('unanswered')
        end = time.monotonic() + OUTAGE
        source = random.Random(SEED)
        while time.monotonic() < end:
            for command in ('insert', 'update', 'findAndModify', 'delete'):
                self.world.store.lose_responses(command, source.randrange(3))
            if source.random() < 0.1:
                self.world.store.cut_connections()
            load.run(source.uniform(0.05, 0.4))
        for command in list(self.world.store.losses):
            self.world.store.lose_responses(command, 0)
        self.assertGreater(self.world.store.lost, 0)
        load.outages.append((end - OUTAGE, time.monotonic(), None))
        self.finish(load)

    def test_redis_is_gone(self):
        self.check_bus_outage('without-redis', self.world.redis.stop, self.world.redis.start)

    def test_redis_hangs(self):
        self.check_bus_outage('redis-hung', lambda: self.world.bus.set_state('hold'), lambda: self.world.bus.set_state('pass'))

    def test_redis_is_flushed(self):
        load = self.load('flushed')
        for _ in range(3):
            self.world.redis.command('flushall')
            load.run(OUTAGE / 3)
        self.finish(load)
        self.check_writes_succeeded(load)

    def check_cluster_outage(self, name, begin, heal):
        load = self.load(name)
        start = time.monotonic()
        begin()
        load.run(OUTAGE)
        heal()
        wait_until(lambda: all(replica.get('/health/ready').status == 200 for replica in self.world.replicas), 60, 'readiness')
        self.finish(load, recovery=60)
        self.check_writes_succeeded(load)
        late = [sample for sample in load.history.samples if sample.last_updated > sample.end]
        self.assertEqual(late, [])
        for states in load.states('database', start).values():
            self.assertEqual(states, ['connected'])

    def test_the_api_server_is_gone(self):
        def stop():
            end(self.world.stack.cluster)
        self.check_cluster_outage('without-cluster', stop, lambda: self.world.stack.start_cluster(*self.world.CLUSTER))

    def test_the_api_server_hangs(self):
        cluster = self.world.stack.cluster
        self.check_cluster_outage('cluster-hung', lambda: cluster.send_signal(signal.SIGSTOP),
                                  lambda: cluster.send_signal(signal.SIGCONT))


@needs_servers
class RedisFailover(FaultCase):
    @classmethod
    def setUpClass(cls):
        cls.redis = RedisCluster()
        cls.addClassCleanup(cls.redis.close)
        cls.world = World(redis=cls.redis)
        cls.addClassCleanup(cls.world.close)

    def test_a_master_is_killed(self):
        victim = random.Random(SEED).choice(self.redis.masters())
        self.check_failover('failover', lambda: self.redis.kill_master(victim))


if __name__ == '__main__':
    run(lambda: unittest.main(verbosity=2))
