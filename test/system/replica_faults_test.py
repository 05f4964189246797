#!/usr/bin/env python3
"""Faults of replicas under load: one is killed, suspended, or stopped while nginx sends it requests (README.md)."""

import random
import shutil
import time
import unittest

from fault_servers import Nginx
from fault_stage import INTERVAL, OUTAGE, SEED, FaultCase, World, needs_servers
from process import run
from stack import request, together, wait_until


@needs_servers
class ReplicaFaults(FaultCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.close)

    def test_a_replica_is_killed(self):
        load = self.load('killed')
        replica = random.Random(SEED).choice(self.world.replicas)
        replica.kill()
        load.run(OUTAGE)
        replica.restart()
        load.memory[replica.name] = replica.memory()
        self.finish(load)

    def test_the_last_write_of_a_killed_replica_is_served_after_the_next_comparison(self):
        first, *others = self.world.replicas
        name = f'last-{SEED}'
        self.assertEqual(request('POST', first.base + '/api/v1/projects', {'name': name}).status, 201)
        first.kill()
        for other in others:
            wait_until(lambda other=other: other.get(f'/api/v1/projects/{name}').status == 200, 60, 'the last write')
        first.restart()

    def check_kill_point(self, collection):
        """A replica is killed after its insert into the collection; the create has one effect through another one."""
        first, other, *_ = self.world.replicas
        name = f'kill-{collection.replace("_", "-")}-{SEED}'
        body = {'project': 'default', 'name': name, 'engine': 'redis', 'size': 'micro', 'storage': {'size': '1Gi'}}
        headers = {'Idempotency-Key': name}
        self.world.store.call_after('insert', collection, first.kill)
        self.assertEqual(request('POST', first.base + '/api/v1/databases', body, headers).status, 0)
        self.assertIsNone(self.world.store.kill_point, 'the replica was killed')

        def create():
            response = request('POST', other.base + '/api/v1/databases', body, headers)
            self.assertIn(response.status, (202, 409, 503), response.text)
            if response.status == 409:
                self.assertEqual(response.json['code'], 'idempotency_key_in_use')
            return response.json['database']['id'] if response.status == 202 else None

        database = wait_until(create, 120, 'the create through another replica')
        first.restart()
        for replica in self.world.replicas:
            wait_until(lambda replica=replica: replica.get(f'/api/v1/databases/{database}/status').json.get('phase') == 'running', 60,
                       'the database')
            items = replica.get('/api/v1/databases?limit=500').json['items']
            self.assertEqual([item['id'] for item in items if item['name'] == name], [database])

    def test_a_replica_is_killed_between_the_claim_of_a_key_and_the_record(self):
        self.check_kill_point('idempotency')

    def test_a_replica_is_killed_between_the_record_and_the_object_in_the_cluster(self):
        self.check_kill_point('databases')

    def test_names_are_unique_and_a_quota_holds_for_creates_on_all_replicas_at_once(self):
        quota, names, replicas = 5, 10, self.world.replicas
        project = f'quota-{SEED}'
        created = request('POST', replicas[0].base + '/api/v1/projects', {'name': project, 'quota': {'databases': quota}})
        self.assertEqual(created.status, 201, created.text)
        for replica in replicas:
            wait_until(lambda replica=replica: replica.get(f'/api/v1/projects/{project}').status == 200, 60, 'the project')
        accepted = {}

        def create(number):
            name = f'cache-{number // len(replicas)}'
            body = {'project': project, 'name': name, 'engine': 'redis', 'size': 'micro', 'storage': {'size': '1Gi'}}
            response = request('POST', replicas[number % len(replicas)].base + '/api/v1/databases', body,
                               {'Idempotency-Key': f'{project}-{number}'})
            if response.status == 202:
                accepted.setdefault(name, set()).add(response.json['database']['id'])
            elif response.status != 503:  # a slow machine
                self.assertEqual(response.status, 409, response.text)
                self.assertIn(response.json['code'], ('already_exists', 'quota_exceeded', 'idempotency_key_in_use'))

        together(names * len(replicas), create)
        self.assertLessEqual(len(accepted), quota)
        # A create that is rejected holds a part of the quota for a moment, so that others may be rejected too.
        wait_until(lambda: together(names * len(replicas), create) and len(accepted) == quota, 60, 'the use of the whole quota')
        self.assertTrue(all(len(ids) == 1 for ids in accepted.values()), accepted)
        stored = {name: ids.pop() for name, ids in accepted.items()}
        for replica in replicas:
            def shown(replica=replica):
                return {item['name']: item['id'] for item in replica.get(f'/api/v1/databases?project={project}').json['items']}
            wait_until(lambda shown=shown: shown() == stored, 60, 'the databases')

        def objects():
            items = self.world.stack.kubernetes(f'/apis/kubedb.com/v1/namespaces/dbaas-{project}/redises').get('items', [])
            return {item['metadata']['name'] for item in items}
        wait_until(lambda: objects() == set(stored), 60, 'the objects')

    def test_a_replica_is_suspended(self):
        load = self.load('suspended', write_timeout=2)
        replica = random.Random(SEED).choice(self.world.replicas)
        start = time.monotonic()
        replica.suspend()
        load.run(OUTAGE)
        replica.resume()
        load.outages.append((start, time.monotonic() + 1, replica.name))
        self.finish(load)


@needs_servers
@unittest.skipUnless(shutil.which('nginx', path='/usr/sbin:/usr/bin'), 'nginx is not installed')
class Restarts(FaultCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(DBAAS_DRAIN_DELAY='2')
        cls.addClassCleanup(cls.world.close)
        # The directives of docs/operations/replica-lost.md.
        cls.nginx = Nginx(cls.world.replicas, upstream='keepalive_timeout 1s;', server='max_fails=0',
                          location='proxy_connect_timeout 2s; proxy_next_upstream error timeout;')
        cls.addClassCleanup(cls.nginx.close)

    def restart(self, load, replica):
        replica.stop()
        replica.restart()
        load.memory[replica.name] = replica.memory()

    def check_samples(self, load):
        """No database missed more than one sample."""
        late = {name: gap for name, gap in load.history.gaps().items() if gap > 2 * INTERVAL + 1}
        self.assertEqual(late, {})

    def test_no_request_fails_while_all_replicas_restart(self):
        load = self.load('rolling', servers=[self.nginx], pause=0.02, readers=4)
        for replica in self.world.replicas:
            self.restart(load, replica)
            load.run(OUTAGE / 3)
        self.finish(load)
        self.check_writes_succeeded(load)
        self.check_samples(load)

    def test_no_request_fails_while_replicas_are_deleted_again_and_again(self):
        load = self.load('deleted', servers=[self.nginx], pause=0.02, readers=4)
        source = random.Random(SEED)
        end = time.monotonic() + 2 * OUTAGE
        while time.monotonic() < end:
            self.restart(load, source.choice(self.world.replicas))
            load.run(min(10 - 2, OUTAGE / 10))
        self.finish(load)
        self.check_writes_succeeded(load)
        self.check_samples(load)


if __name__ == '__main__':
    run(lambda: unittest.main(verbosity=2))
