#!/usr/bin/env python3
"""The platform and its local operator against a real kube-apiserver with etcd, on loopback.

'./dev conformance' builds what is needed and calls this.
"""

import argparse
import functools
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(ROOT, 'tests')]

from cluster import RealCluster, ask  # noqa: E402
from exchanges import DIFFERENCES, run_exchanges  # noqa: E402
from stack import Stack, wait_until  # noqa: E402

ENGINES_HERE = {'redis': 'redis-server', 'postgres': 'prometheus-postgres-exporter', 'mariadb': 'mariadbd', 'memcached': 'memcached'}
ENGINES_ELSEWHERE = ('mysql', 'mongodb', 'elasticsearch')
how = None  # the command line


def definitions():
    """The KubeDB definitions: our own, or the archive's of --crds."""
    if not how.crds:
        found = []
        for path in sorted(glob.glob(os.path.join(ROOT, 'devcluster/crds/*.json'))):
            with open(path, encoding='utf-8') as file:
                found.append(json.load(file))
        return found
    # Of an archive those that the platform has to do with.
    with tarfile.open(how.crds) as archive:
        texts = {os.path.basename(each.name): archive.extractfile(each).read() for each in archive if each.isfile()}
    wanted = {os.path.basename(path)[:-len('.json')] for path in glob.glob(os.path.join(ROOT, 'devcluster/crds/*.json'))}
    chosen = [text for name, text in texts.items() if name.rsplit('.', 1)[0] in wanted]
    missing = wanted - {name.rsplit('.', 1)[0] for name in texts}
    if missing:
        raise SystemExit(f"{how.crds}: there is no definition of {', '.join(sorted(missing))}")
    return chosen


class Shared:
    """One real cluster for all tests, started by the first."""
    cluster = None

    @classmethod
    def get(cls):
        if cls.cluster is None:
            begun = time.monotonic()
            cls.cluster = RealCluster(how.programs)
            cls.cluster.start()
            version = cls.cluster.ask('GET', '/version').json['gitVersion']
            count = cls.cluster.apply_definitions(definitions())
            for name in ('dbaas-system', 'conformance'):
                cls.cluster.ask('POST', '/api/v1/namespaces', {'metadata': {'name': name}})
            print(f'kube-apiserver {version} with {count} definitions after {time.monotonic() - begun:.1f} s', flush=True)
        return cls.cluster


class Exchanges(unittest.TestCase):
    """The same requests to the real server and to the local cluster's; what differs must be listed, and what is listed must differ."""

    def test_the_same_answers(self):
        real = Shared.get()
        local = Stack()
        self.addCleanup(local.close)
        local.start_cluster('--no-operator')
        expected = run_exchanges(real.ask)
        got = run_exchanges(functools.partial(ask, *local.cluster_address()))
        self.assertEqual(list(expected), list(got))
        differing = {name for name in expected if expected[name] != got[name]}
        for name in sorted(differing - set(DIFFERENCES)):
            print(f'\n{name}:\n  real:  {expected[name]}\n  local: {got[name]}')
        self.assertEqual(differing, set(DIFFERENCES), 'unlisted (above), or listed and no longer so')
        print(f'{len(expected)} exchanges, {len(differing)} listed differences', flush=True)


class MainJob(unittest.TestCase):
    """Asked over REST, run by the local operator through a real API server, for every engine of the table."""

    @classmethod
    def setUpClass(cls):
        cls.real = Shared.get()
        kubeconfig = cls.real.kubeconfig('client')  # a client certificate over TLS
        cls.stack = Stack(kubeconfig)
        cls.addClassCleanup(cls.stack.close)
        cls.stack.start_operator(kubeconfig)
        cls.stack.start_platform()

    def path(self, database, rest=''):
        return f'/api/v1/databases/{database}{rest}'

    def patch(self, database, body):
        answer = self.stack.patch(self.path(database), body)
        self.assertIn(answer.status, (200, 202), answer.text)
        if answer.status == 202:
            operation = answer.json['operation']['id']
            ended = wait_until(lambda: (lambda found: found['phase'] in ('succeeded', 'failed') and found)(
                self.stack.get(f'/api/v1/operations/{operation}').json), 90, f'{body} to end')
            self.assertEqual(ended['phase'], 'succeeded', ended)

    def delete(self, database):
        self.assertEqual(self.stack.delete(self.path(database)).status, 202)
        wait_until(lambda: self.stack.get(self.path(database)).status == 404, 90, 'the deletion')

    def life(self, engine):
        if shutil.which(ENGINES_HERE[engine]) is None:
            self.skipTest(f"{ENGINES_HERE[engine]} is not installed ('./dev test --live' installs it)")
        memcached = engine == 'memcached'
        self.stack.wait_for_engine(engine)
        body = {'project': 'default', 'name': f'{engine}-one', 'engine': engine, 'size': 'micro'}
        if not memcached:
            body['storage'] = {'size': '1Gi'}
        answer = self.stack.post('/api/v1/databases', body)
        self.assertEqual(answer.status, 202, answer.text)
        database = answer.json['database']['id']
        self.stack.wait_for(database, 'running', 120)
        metrics = wait_until(lambda: (lambda found: found['status'] == 'fresh' and found)(self.stack.get(self.path(database, '/metrics')).json),
                       what='metrics through the real services/proxy')
        self.assertEqual(metrics['metrics']['up'], 1)
        self.assertEqual(self.stack.get(self.path(database, '/credentials')).status, 200)
        self.patch(database, {'size': 'small'})
        self.stack.wait_for(database, 'running')
        if not memcached:
            self.patch(database, {'storage': {'size': '2Gi'}})
            self.patch(database, {'paused': True})
            self.stack.wait_for(database, 'paused')
            self.patch(database, {'paused': False})
            self.stack.wait_for(database, 'running')
        self.delete(database)
        left = [each['metadata']['name'] for kind in ('pods', 'services', 'secrets')
                for each in self.real.ask('GET', f'/api/v1/namespaces/dbaas-default/{kind}').json['items']
                if each['metadata']['name'].startswith(f'{engine}-one')]
        self.assertEqual(left, [])

    def test_redis(self):
        self.life('redis')

    def test_postgres(self):
        self.life('postgres')

    def test_mariadb(self):
        self.life('mariadb')

    def test_memcached(self):
        self.life('memcached')

    def test_engines_without_a_runtime_here_are_accepted_strictly_and_told_of(self):
        for engine in ENGINES_ELSEWHERE:
            plural = {'mysql': 'mysqls', 'mongodb': 'mongodbs', 'elasticsearch': 'elasticsearches'}[engine]
            kind = {'mysql': 'MySQLVersion', 'mongodb': 'MongoDBVersion', 'elasticsearch': 'ElasticsearchVersion'}[engine]
            version = {'apiVersion': 'catalog.kubedb.com/v1alpha1', 'kind': kind, 'metadata': {'name': '8.0.1'}, 'spec': {'version': '8.0.1'}}
            if how.crds:
                version['spec'].update(OFFICIAL_VERSIONS[engine])
            made = self.real.ask('POST', f'/apis/catalog.kubedb.com/v1alpha1/{kind.lower()}s', version)
            self.assertIn(made.status, (201, 409), made.text)
            wait_until(lambda engine=engine: self.stack.get(f'/api/v1/engines/{engine}/versions').json['items'], what=f'versions of {engine}')
            for mode in ({}, {'topology': {'mode': 'replicated', 'replicas': 3}}):
                answer = self.stack.create(f'{engine}-{len(mode)}', engine, size='medium', **mode)
                self.assertEqual(answer.status, 202, answer.text)
                database = answer.json['database']['id']
                wait_until(lambda database=database: self.stack.get(self.path(database, '/status')).json['reason'] != 'creating', what='the object')
                found = self.real.ask('GET', f'/apis/kubedb.com/v1/namespaces/dbaas-default/{plural}/{engine}-{len(mode)}')
                self.assertEqual(found.status, 200, found.text)
                wait_until(lambda database=database: 'no runtime' in json.dumps(self.stack.get(self.path(database, '/status')).json), what='the reason')
                self.delete(database)


# What the official definitions of versions require beyond a version.
OFFICIAL_VERSIONS = {
    'mysql': {'db': {'image': 'x'}, 'exporter': {'image': 'x'}, 'initContainer': {'image': 'x'}, 'podSecurityPolicies': {'databasePolicyName': 'x'},
              'coordinator': {'image': 'x'}},
    'mongodb': {'replicationModeDetector': {'image': 'x'}, 'db': {'image': 'x'}, 'exporter': {'image': 'x'}, 'initContainer': {'image': 'x'}, 'podSecurityPolicies': {'databasePolicyName': 'x'}},
    'elasticsearch': {'db': {'image': 'x'}, 'exporter': {'image': 'x'}, 'initContainer': {'image': 'x', 'yqImage': 'x'}, 'distribution': 'ElasticStack',
                      'authPlugin': 'X-Pack', 'podSecurityPolicies': {'databasePolicyName': 'x'}},
}


class LeastPrivilege(unittest.TestCase):
    """The platform as the ServiceAccount of deploy/rbac.yaml: enough for the main job, and a denial is told."""

    def test_the_documented_rules_are_enough_and_needed(self):
        real = Shared.get()
        with open(os.path.join(ROOT, 'deploy/rbac.yaml'), encoding='utf-8') as file:
            documents = [text for text in file.read().split('\n---\n') if text.strip()]
        paths = {'Namespace': '/api/v1/namespaces/dbaas-system', 'ServiceAccount': '/api/v1/namespaces/dbaas-system/serviceaccounts/dbaas',
                 'ClusterRole': '/apis/rbac.authorization.k8s.io/v1/clusterroles/dbaas',
                 'ClusterRoleBinding': '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/dbaas'}
        for text in documents:
            kind = next(line.split(': ')[1] for line in text.splitlines() if line.startswith('kind: '))
            applied = real.ask('PATCH', paths[kind] + '?fieldManager=conformance&force=true', text.encode(), media='application/apply-patch+yaml')
            self.assertIn(applied.status, (200, 201), applied.text)
        token = real.ask('POST', '/api/v1/namespaces/dbaas-system/serviceaccounts/dbaas/token',
                         {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenRequest', 'spec': {'expirationSeconds': 3600}})
        self.assertEqual(token.status, 201, token.text)
        stack = Stack(real.kubeconfig('dbaas', token.json['status']['token']))
        self.addCleanup(stack.close)
        stack.start_operator(real.kubeconfig('client'))
        stack.start_platform()
        stack.wait_for_engine('redis')
        database = stack.created('least')
        stack.wait_for(database, 'running', 90)
        wait_until(lambda: stack.get(f'/api/v1/databases/{database}/metrics').json['status'] == 'fresh', what='metrics')
        self.assertEqual(stack.get(f'/api/v1/databases/{database}/credentials').status, 200)
        changed = stack.patch(f'/api/v1/databases/{database}', {'size': 'small'}).json['operation']['id']
        wait_until(lambda: stack.get(f'/api/v1/operations/{changed}').json['phase'] == 'succeeded', 90, 'the change')

        # Without the rule for secrets: a clear answer, and well again with it.
        role = real.ask('GET', paths['ClusterRole']).json
        without = [rule for rule in role['rules'] if 'secrets' not in rule['resources']]
        patched = real.ask('PATCH', paths['ClusterRole'], {'rules': without}, media='application/merge-patch+json')
        self.assertEqual(patched.status, 200, patched.text)
        refused = wait_until(lambda: (lambda answer: answer.status != 200 and answer)(stack.get(f'/api/v1/databases/{database}/credentials')),
                       what='the denial')
        self.assertIn('secrets', refused.text)
        self.assertIn('forbidden', refused.text.lower())
        real.ask('PATCH', paths['ClusterRole'], {'rules': role['rules']}, media='application/merge-patch+json')
        wait_until(lambda: stack.get(f'/api/v1/databases/{database}/credentials').status == 200, what='the credentials again')
        self.assertEqual(stack.delete(f'/api/v1/databases/{database}').status, 202)
        wait_until(lambda: stack.get(f'/api/v1/databases/{database}').status == 404, 90, 'the deletion')
        denied = [line for line in stack.log_tail('platform.log', 100000).splitlines() if 'is forbidden' in line and 'secrets' not in line]
        self.assertEqual(denied[:3], [], 'something more was needed')


class Many(unittest.TestCase):
    """Many custom resources: the platform's count stays the server's through restarts and compaction."""

    def test_the_view_is_the_servers(self):
        real = Shared.get()
        kubeconfig = real.kubeconfig('client')
        stack = Stack(kubeconfig)
        self.addCleanup(stack.close)
        count = how.objects
        home = 'dbaas-many'
        real.ask('POST', '/api/v1/namespaces', {'metadata': {'name': home, 'labels': {'dbaas.kubedb.io/project': 'many'}}})

        def make(number):
            body = {'apiVersion': 'kubedb.com/v1', 'kind': 'Redis', 'metadata': {'name': f'many-{number}', 'namespace': home},
                    'spec': {'version': '7.0.15', 'storageType': 'Ephemeral'}}
            answer = real.ask('POST', f'/apis/kubedb.com/v1/namespaces/{home}/redises', body)
            self.assertIn(answer.status, (201, 409), answer.text)
        begun = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(make, range(count)))
        print(f'{count} objects made in {time.monotonic() - begun:.1f} s', flush=True)
        begun = time.monotonic()
        stack.start_platform()
        print(f'platform ready beside them after {time.monotonic() - begun:.1f} s', flush=True)

        def watched():
            """Objects that the platform's watch of redises holds."""
            found = [line for line in stack.get('/metrics').text.splitlines()
                     if line.startswith('dbaas_watch_objects{') and '"redis' in line.lower() and 'version' not in line.lower()
                     and 'opsrequest' not in line.lower() and 'sentinel' not in line.lower()]
            return int(float(found[0].rsplit(' ', 1)[1])) if found else -1

        def servers():
            answer = real.ask('GET', '/apis/kubedb.com/v1/redises?limit=1', timeout=120).json
            return len(answer['items']) + answer['metadata'].get('remainingItemCount', 0)
        same = lambda: watched() == servers()  # noqa: E731
        wait_until(same, 60, 'the same number of objects')

        def change(first, last):
            for number in range(first, last):
                real.ask('DELETE', f'/apis/kubedb.com/v1/namespaces/{home}/redises/many-{number}')
        change(0, 20)
        wait_until(same, 30, 'deletions to be seen')

        real.stop('kube-apiserver', signal.SIGKILL)
        wait_until(lambda: stack.get('/health/ready').status == 503, 60, 'readiness to tell the truth')
        self.assertEqual(stack.get('/api/v1/databases').status, 200)
        real.start_api_server()
        change(20, 40)
        real.compact()
        change(40, 60)
        wait_until(lambda: stack.get('/health/ready').status == 200, 90, 'recovery without a restart')
        wait_until(same, 60, 'the same again after restart and compaction')

        # Once more in an orderly way, with nothing left of the past while things change.
        real.stop('kube-apiserver')
        real.compact()
        real.start_api_server()
        for number in range(60, 120, 10):
            change(number, number + 10)
            real.compact()
        wait_until(same, 90, 'the same after compactions in between')

        stack.kill_platform()
        change(120, 130)
        stack.start_platform()
        wait_until(same, 60, 'the same after a restart of the platform')


def main():
    global how
    parser = argparse.ArgumentParser(prog='./dev conformance', description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--bin', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--programs', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--crds', help="an archive of KubeDB's own definitions (YAML) to use in the place of devcluster/crds")
    parser.add_argument('--objects', type=int, default=1000, help='custom resources of the test with many (1000)')
    parser.add_argument('filter', nargs='*', help='names of tests, as unittest takes them: MainJob, MainJob.test_redis')
    how = parser.parse_args()
    os.environ['DBAAS_BIN'] = how.bin
    subprocess.run([os.path.join(how.programs, 'kube-apiserver'), '--version'], check=True, stdout=subprocess.DEVNULL)
    try:
        done = unittest.main(module=__name__, argv=['conformance', *how.filter], verbosity=2, exit=False, warnings="ignore")
    finally:
        if Shared.cluster is not None:
            Shared.cluster.close()
    return 0 if done.result.wasSuccessful() else 1


if __name__ == '__main__':
    sys.exit(main())
