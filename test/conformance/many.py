import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import shared
from shared import Shared
from stack import Stack, wait_until


class Many(unittest.TestCase):
    """The platform counts as many custom resources as the server after restarts and compactions."""

    def test_the_object_count_equals_the_servers_count(self):
        real = Shared.get()
        kubeconfig = real.kubeconfig('client')
        stack = Stack(kubeconfig)
        self.addCleanup(stack.close)
        count = shared.how.objects
        home = 'dbaas-many'
        real.ask('POST', '/api/v1/namespaces', {'metadata': {'name': home, 'labels': {'dbaas.kubedb.io/project': 'many'}}})

        def make(number):
            body = {'apiVersion': 'kubedb.com/v1', 'kind': 'Redis', 'metadata': {'name': f'many-{number}', 'namespace': home},
                    'spec': {'version': '7.0.15', 'storageType': 'Ephemeral'}}
            response = real.ask('POST', f'/apis/kubedb.com/v1/namespaces/{home}/redises', body)
            self.assertIn(response.status, (201, 409), response.text)
        begun = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(make, range(count)))
        print(f'{count} objects created in {time.monotonic() - begun:.1f} s', flush=True)
        begun = time.monotonic()
        stack.start_platform()
        print(f'platform ready with all objects after {time.monotonic() - begun:.1f} s', flush=True)

        def watched():
            """Returns the number of objects that the platform's watch of redises holds."""
            found = [line for line in stack.get('/metrics').text.splitlines()
                     if line.startswith('dbaas_watch_objects{') and '"redis' in line.lower() and 'version' not in line.lower()
                     and 'opsrequest' not in line.lower() and 'sentinel' not in line.lower()]
            return int(float(found[0].rsplit(' ', 1)[1])) if found else -1

        def servers():
            response = real.ask('GET', '/apis/kubedb.com/v1/redises?limit=1', timeout=120).json
            return len(response['items']) + response['metadata'].get('remainingItemCount', 0)

        def same():
            return watched() == servers()
        wait_until(same, 60, 'the same number of objects')

        def change(first, last):
            for number in range(first, last):
                real.ask('DELETE', f'/apis/kubedb.com/v1/namespaces/{home}/redises/many-{number}')
        change(0, 20)
        wait_until(same, 30, 'the platform to see the deletions')

        real.kill('kube-apiserver')
        wait_until(lambda: stack.get('/health/ready').status == 503, 60, 'readiness to report 503')
        self.assertEqual(stack.get('/api/v1/databases').status, 200)
        real.start_api_server()
        change(20, 40)
        real.compact()
        change(40, 60)
        wait_until(lambda: stack.get('/health/ready').status == 200, 90, 'recovery without a restart')
        wait_until(same, 60, 'the same number after restart and compaction')

        # The same with an orderly stop, and with a compaction after every ten changes.
        real.stop('kube-apiserver')
        real.compact()
        real.start_api_server()
        for number in range(60, 120, 10):
            change(number, number + 10)
            real.compact()
        wait_until(same, 90, 'the same number after the compactions')

        stack.kill_platform()
        change(120, 130)
        stack.start_platform()
        wait_until(same, 60, 'the same number after a restart of the platform')
