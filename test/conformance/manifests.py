import json
import os
import subprocess
import unittest

import shared
from shared import Shared


class Manifests(unittest.TestCase):
    """Validates every object that the platform can write against the schemas of the real server: strict, as a dry run."""

    def test_every_manifest_passes_strict_validation(self):
        real = Shared.get()
        made = real.ask('POST', '/api/v1/namespaces', {'metadata': {'name': 'dbaas-t'}})
        self.assertIn(made.status, (201, 409), made.text)
        printed = subprocess.run([os.path.join(shared.how.bin, 'print_manifests')], check=True, capture_output=True, text=True).stdout
        lines = [json.loads(line) for line in printed.splitlines()]
        self.assertGreater(len(lines), 100)
        rejected = {}
        for each in lines:
            response = real.ask('POST', each['path'] + '?dryRun=All&fieldValidation=Strict', each['content'])
            if response.status != 201:
                rejected[f"{each['content']['kind']}/{each['content']['metadata']['name']}"] = response.text
        self.assertEqual(rejected, {})
        print(f"{len(lines)} manifests of {len({each['content']['kind'] for each in lines})} kinds", flush=True)
