import json
import os
import subprocess
import unittest

import shared
from shared import Shared


class Manifests(unittest.TestCase):
    """Every object that the platform can write, shown to the real server's schemas: strict, and never stored."""

    def test_every_manifest_is_accepted_strictly(self):
        real = Shared.get()
        made = real.ask('POST', '/api/v1/namespaces', {'metadata': {'name': 'dbaas-t'}})
        self.assertIn(made.status, (201, 409), made.text)
        printed = subprocess.run([os.path.join(shared.how.bin, 'print_manifests')], check=True, capture_output=True, text=True).stdout
        lines = [json.loads(line) for line in printed.splitlines()]
        self.assertGreater(len(lines), 100)
        refused = {}
        for each in lines:
            answer = real.ask('POST', each['path'] + '?dryRun=All&fieldValidation=Strict', each['content'])
            if answer.status != 201:
                refused[f"{each['content']['kind']}/{each['content']['metadata']['name']}"] = answer.text
        self.assertEqual(refused, {})
        print(f"{len(lines)} manifests of {len({each['content']['kind'] for each in lines})} kinds", flush=True)
