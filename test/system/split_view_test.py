#!/usr/bin/env python3
"""A replica of three loses MongoDB, Redis or the API server, which the others reach, under load (README.md)."""

import time
import unittest

from fault_stage import COMPARISON, OUTAGE, FaultCase, World, needs_servers
from process import run
from stack import wait_until



@needs_servers
class SplitViews(FaultCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(is_split=True)
        cls.addClassCleanup(cls.world.close)

    def split(self, name, server, word=None):
        """Cuts the last replica from the server. Returns the load, the replica and the start."""
        load = self.load(name)
        replica = self.world.replicas[-1]
        start = time.monotonic()
        self.world.split[server].set_state('cut')
        self.addCleanup(self.world.split[server].set_state, 'pass')
        if word:
            wait_until(lambda: replica.get('/health/ready').json[word] == 'disconnected', what=f'{word} disconnected')
        load.run(OUTAGE)
        return load, replica, start

    def test_one_replica_loses_redis(self):
        load, _, start = self.split('no-bus', 'bus', 'redis')
        self.world.split['bus'].set_state('pass')
        # The others learn of its writes by their next comparison.
        self.finish(load, bound=COMPARISON + 1)
        self.check_writes_succeeded(load)
        for states in load.states('status', start).values():
            self.assertEqual(states, ['ready'])

    def test_one_replica_loses_mongodb(self):
        load, replica, start = self.split('no-store', 'store', 'database')
        self.world.split['store'].set_state('pass')
        wait_until(lambda: replica.get('/health/ready').json['database'] == 'connected', what='the recovery')
        load.outages.append((start, time.monotonic(), replica.name))
        self.finish(load)
        states = load.states('database', start)
        self.assertEqual(states.pop(replica.name), ['connected', 'disconnected', 'connected'])
        self.assertEqual(set(map(tuple, states.values())), {('connected',)})

    def test_one_replica_loses_the_api_server(self):
        load, replica, _ = self.split('no-cluster', 'cluster')
        wait_until(lambda: self.world.replicas[0].metric('dbaas_replicas ') == 2, what='the takeover')
        wait_until(lambda: replica.metric('dbaas_replicas ') == 0, what='the replica to own nothing')
        self.world.split['cluster'].set_state('pass')
        wait_until(lambda: all(other.metric('dbaas_replicas ') == 3 for other in self.world.replicas), 60, 'the return')
        self.finish(load, recovery=60)  # its watches retry with a growing delay
        self.check_writes_succeeded(load)


if __name__ == '__main__':
    run(lambda: unittest.main(verbosity=2))
