import os
import shutil
import signal
import subprocess
import time
import unittest

import kit
from shared import Shared
from stack import Stack

ACCOUNT = '/api/v1/namespaces/dbaas-system/serviceaccounts/dbaas'


class Adoption(unittest.TestCase):
    """The store is lost; `dbaas admin adopt`, as the ServiceAccount of k8s/rbac.yaml, makes its records from the objects of a real API server."""

    def test_records_return_and_no_object_changes(self):
        real = Shared.get()
        for entry in kit.kustomized('k8s'):
            if entry['kind'] in ('Namespace', 'ServiceAccount', 'ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'):
                kit.apply(real, entry, 'force=true')
        token = real.ask('POST', ACCOUNT + '/token', {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenRequest', 'spec': {'expirationSeconds': 3600}})
        stack = Stack(real.kubeconfig('dbaas', token.json['status']['token']))
        self.addCleanup(stack.close)
        stack.start_operator(real.kubeconfig('client'))
        stack.start_platform()
        stack.wait_for_engine('redis')
        database = stack.created('adopted', labels={'team': 'red'})
        stack.wait_for(database, 'running', 90)
        before = stack.get(f'/api/v1/databases/{database}').json
        stack.platform.send_signal(signal.SIGTERM)
        self.assertEqual(stack.platform.wait(30), 0)
        folder = os.path.join(stack.folder, 'platform')
        shutil.rmtree(folder)
        objects = self.versions(real)

        def adopt(flag):
            done = subprocess.run([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'admin', 'adopt', flag, '--kubeconfig', stack.kubeconfig, '--data-dir', folder],
                                  capture_output=True, text=True, check=False, timeout=150, env={'PATH': os.environ['PATH']})
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout
        start = time.monotonic()
        self.assertRegex(adopt('--plan'), rf'adopt +{database} +redis +default/adopted\n')
        self.assertIn('stored 1 records', adopt('--apply'))
        self.assertEqual(self.versions(real), objects)
        stack.start_platform()
        stack.wait_for(database, 'running', 90)
        print(f'adopted in {time.monotonic() - start:.1f} s', end=' ', flush=True)
        after = stack.get(f'/api/v1/databases/{database}').json
        for key in ('id', 'project', 'name', 'engine', 'version', 'topology', 'labels', 'monitoring', 'paused'):
            self.assertEqual(after[key], before[key], key)
        self.assertEqual(stack.patch(f'/api/v1/databases/{database}', {'deletion_protection': False}).status, 200)
        self.assertEqual(stack.delete(f'/api/v1/databases/{database}').status, 202)

    @staticmethod
    def versions(real):
        """Returns uid and generation of each Redis of the project by name."""
        items = real.ask('GET', '/apis/kubedb.com/v1/namespaces/dbaas-default/redises').json['items']
        return {entry['metadata']['name']: (entry['metadata']['uid'], entry['metadata']['generation']) for entry in items}
