import os
import unittest

from shared import ROOT, Shared
from stack import Stack, wait_until


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

        # Without the rule for secrets: whose fault it is for the one who asks, which rule for the one who runs it; well again with it.
        role = real.ask('GET', paths['ClusterRole']).json
        without = [rule for rule in role['rules'] if 'secrets' not in rule['resources']]
        patched = real.ask('PATCH', paths['ClusterRole'], {'rules': without}, media='application/merge-patch+json')
        self.assertEqual(patched.status, 200, patched.text)
        refused = wait_until(lambda: (lambda answer: answer.status != 200 and answer)(stack.get(f'/api/v1/databases/{database}/credentials')),
                       what='the denial')
        self.assertEqual((refused.status, refused.json['code']), (503, 'cluster_refused'), refused.text)
        self.assertNotIn('serviceaccount', refused.text)
        told = wait_until(lambda: [line for line in stack.log_tail('platform.log', 100000).splitlines() if 'credentials_refused' in line],
                          what='a line of the log')
        self.assertTrue('secrets' in told[0] and 'forbidden' in told[0], told)
        real.ask('PATCH', paths['ClusterRole'], {'rules': role['rules']}, media='application/merge-patch+json')
        wait_until(lambda: stack.get(f'/api/v1/databases/{database}/credentials').status == 200, what='the credentials again')
        self.assertEqual(stack.delete(f'/api/v1/databases/{database}').status, 202)
        wait_until(lambda: stack.get(f'/api/v1/databases/{database}').status == 404, 90, 'the deletion')
        # A new life of the platform finds its namespace there already.
        stack.kill_platform()
        stack.start_platform()
        self.pause_and_resume(stack)
        denied = [line for line in stack.log_tail('platform.log', 100000).splitlines() if 'is forbidden' in line and 'secrets' not in line]
        self.assertEqual(denied[:3], [], 'something more was needed')

        # What the server wrote down of this account, against the rules: nothing may stand there that nobody asks for.
        granted = {(verb, group, resource) for rule in role['rules'] for group in rule['apiGroups'] for resource in rule['resources']
                   for verb in rule['verbs']}
        idle = {self.by_role(each) for each in granted} - {self.by_role(each) for each in real.audited()}
        self.assertEqual(idle, set(), 'granted and never asked for')

    @staticmethod
    def by_role(permission):
        """What is asked of one engine's kinds is asked of every engine's."""
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
