import os
import unittest

from rest import exchange
from shared import Shared
from stack import Stack, wait_until

ISSUE = {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenRequest'}


class AccountTokens(unittest.TestCase):
    """Calls the platform with bound tokens of service accounts; the real API server reviews them."""

    @classmethod
    def setUpClass(cls):
        cls.real = Shared.get()
        cls.real.ask('POST', '/api/v1/namespaces', {'metadata': {'name': 'callers'}})
        cls.real.ask('POST', '/api/v1/namespaces/callers/serviceaccounts', {'metadata': {'name': 'ci'}})
        cls.kubeconfig = cls.real.kubeconfig('client')
        cls.stack = Stack(cls.kubeconfig)
        cls.addClassCleanup(cls.stack.close)
        cls.stack.start_platform(DBAAS_AUTH='required', DBAAS_KUBERNETES_TOKENS='true')
        with open(os.path.join(cls.stack.folder, 'platform', 'admin-key'), encoding='utf-8') as file:
            cls.admin = file.read().strip()

    def issue(self, audience, account='ci', **more):
        issued = self.real.ask('POST', f'/api/v1/namespaces/callers/serviceaccounts/{account}/token',
                               {**ISSUE, 'spec': {'audiences': [audience], 'expirationSeconds': 600, **more}})
        self.assertEqual(issued.status, 201, issued.text)
        return issued.json['status']['token']

    def ask(self, token, path='/api/v1/auth/whoami', method='GET', body=None):
        return exchange(method, self.stack.base + path, body, headers={'Authorization': f'Bearer {token}'})

    def test_a_token_has_the_roles_of_its_account(self):
        token = self.issue('dbaas')
        caller = self.ask(token)
        self.assertEqual((caller.status, caller.json['subject']), (200, 'system:serviceaccount:callers:ci'), caller.text)
        self.assertEqual(self.ask(token, '/api/v1/projects/default').status, 404)
        granted = self.ask(self.admin, '/api/v1/projects/default/members/system:serviceaccount:callers:ci', 'PUT', {'role': 'viewer'})
        self.assertEqual(granted.status, 201, granted.text)
        self.assertEqual(self.ask(token, '/api/v1/projects/default').status, 200)
        self.assertEqual(self.ask(token, '/api/v1/projects', 'POST', {'name': 'mine'}).status, 403)

    def test_tokens_of_other_audiences_and_changed_tokens_are_rejected(self):
        self.assertEqual(self.ask(self.issue('https://kubernetes.default.svc')).status, 401)
        token = self.issue('dbaas')
        head, claims, signature = token.split('.')
        self.assertEqual(self.ask(f'{head}.{claims}.{signature[:-8]}AAAAAAAA').status, 401)
        self.assertEqual(self.ask(f'{head}.{claims}.').status, 401)
        self.assertEqual(self.ask(token).status, 200)

    def test_the_token_of_a_deleted_account_is_rejected(self):
        self.real.ask('POST', '/api/v1/namespaces/callers/serviceaccounts', {'metadata': {'name': 'gone'}})
        token = self.issue('dbaas', 'gone')
        self.assertEqual(self.real.ask('DELETE', '/api/v1/namespaces/callers/serviceaccounts/gone').status, 200)
        wait_until(lambda: self.ask(token).status == 401, 30, 'the rejection')

    def test_unknown_tokens_get_a_503_while_the_api_server_is_away(self):
        known, unknown = self.issue('dbaas'), self.issue('dbaas')
        self.assertEqual(self.ask(known).status, 200)
        self.real.stop('kube-apiserver')
        try:
            self.assertEqual(self.ask(known).status, 200)
            rejected = self.ask(unknown)
            self.assertEqual((rejected.status, rejected.json['code']), (503, 'identity_unavailable'), rejected.text)
            self.assertIn('Retry-After', rejected.headers)
        finally:
            self.real.start_api_server()
        wait_until(lambda: self.ask(unknown).status == 200, 60, 'the token after the return')
        self.assertNotIn(unknown, self.stack.log_tail('platform.log', 100000))
