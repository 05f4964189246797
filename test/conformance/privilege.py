import os
import unittest

from shared import ROOT, Shared
from stack import Stack, wait_until


class LeastPrivilege(unittest.TestCase):
    """Runs the platform as the ServiceAccount of k8s/rbac.yaml: it can do the main job, and it reports a denial."""

    def test_the_documented_rules_are_sufficient_and_necessary(self):
        real = Shared.get()
        with open(os.path.join(ROOT, 'k8s/rbac.yaml'), encoding='utf-8') as file:
            documents = [text for text in file.read().split('\n---\n') if text.strip()]
        paths = {'Namespace': '/api/v1/namespaces/dbaas-system', 'ServiceAccount': '/api/v1/namespaces/dbaas-system/serviceaccounts/dbaas',
                 'ClusterRole': '/apis/rbac.authorization.k8s.io/v1/clusterroles/dbaas',
                 'ClusterRoleBinding': '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/dbaas',
                 'Role': '/apis/rbac.authorization.k8s.io/v1/namespaces/dbaas-system/roles/dbaas',
                 'RoleBinding': '/apis/rbac.authorization.k8s.io/v1/namespaces/dbaas-system/rolebindings/dbaas'}
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

        # Without the rule for secrets the client gets cluster_refused, and the log names the missing rule. The rule restores the credentials.
        role = real.ask('GET', paths['ClusterRole']).json
        without = [rule for rule in role['rules'] if 'secrets' not in rule['resources']]
        patched = real.ask('PATCH', paths['ClusterRole'], {'rules': without}, media='application/merge-patch+json')
        self.assertEqual(patched.status, 200, patched.text)

        def denial():
            found = stack.get(f'/api/v1/databases/{database}/credentials')
            return found.status != 200 and found
        denied = wait_until(denial, what='the denial')
        self.assertEqual((denied.status, denied.json['code']), (503, 'cluster_refused'), denied.text)
        self.assertNotIn('serviceaccount', denied.text)
        lines = wait_until(lambda: [line for line in stack.log_tail('platform.log', 100000).splitlines() if 'credentials_refused' in line],
                           what='a line of the log')
        self.assertTrue('secrets' in lines[0] and 'forbidden' in lines[0], lines)
        real.ask('PATCH', paths['ClusterRole'], {'rules': role['rules']}, media='application/merge-patch+json')
        wait_until(lambda: stack.get(f'/api/v1/databases/{database}/credentials').status == 200, what='the credentials again')
        self.assertEqual(stack.delete(f'/api/v1/databases/{database}').status, 202)
        wait_until(lambda: stack.get(f'/api/v1/databases/{database}').status == 404, 90, 'the deletion')
        # The namespace exists already when the platform starts again.
        stack.kill_platform()
        stack.start_platform()
        self.pause_and_resume(stack)
        forbidden = [line for line in stack.log_tail('platform.log', 100000).splitlines() if 'is forbidden' in line and 'secrets' not in line]
        self.assertEqual(forbidden[:3], [], 'the platform needs more than the documented rules')

        # The audit log of this account must contain a request for every granted permission.
        granted = {(verb, group, resource) for rule in role['rules'] for group in rule['apiGroups'] for resource in rule['resources']
                   for verb in rule['verbs']}
        idle = {self.by_role(each) for each in granted} - {self.by_role(each) for each in real.audited()}
        self.assertEqual(idle, set(), 'granted and never used')

    @staticmethod
    def by_role(permission):
        """Returns the permission with a common resource for all engines: the platform treats their kinds alike."""
        verb, group, resource = permission
        engine = {'kubedb.com': 'databases', 'ops.kubedb.com': 'requests', 'catalog.kubedb.com': 'versions'}
        return (verb, group, engine.get(group, resource))

    def pause_and_resume(self, stack):
        database = stack.created('least-two')
        stack.wait_for(database, 'running', 90)
        for body, phase in (({'paused': True}, 'paused'), ({'paused': False}, 'running')):
            self.assertEqual(stack.patch(f'/api/v1/databases/{database}', body).status, 202)
            stack.wait_for(database, phase, 90)
        self.assertEqual(stack.delete(f'/api/v1/databases/{database}').status, 202)
        wait_until(lambda: stack.get(f'/api/v1/databases/{database}').status == 404, 90, 'the deletion')
