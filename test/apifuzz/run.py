#!/usr/bin/env python3
"""Runs Schemathesis against the platform: valid and invalid requests, generated from its OpenAPI description."""

import argparse
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'system'))
from process import run  # noqa: E402
from stack import Stack  # noqa: E402
from arguments import whole_number  # noqa: E402

SEEDED = 5  # databases that exist before the run


def main():
    parser = argparse.ArgumentParser(prog='./dev apifuzz', description=__doc__, allow_abbrev=False)
    parser.add_argument('seconds', nargs='?', type=whole_number(1, 1_000_000), default=60, help='duration of the run (60)')
    parser.add_argument('--seed', type=whole_number(0, 2**32 - 1), default=1, help='seed of the generated requests (1)')
    parser.add_argument('--check', action='store_true', help=argparse.SUPPRESS)
    parser.add_argument('--bin', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--schemathesis', default='schemathesis', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.check:
        return 0
    os.environ['DBAAS_BIN'] = os.path.abspath(options.bin)
    stack = Stack()
    try:
        stack.start_cluster('--synthetic', '5000')
        stack.start_platform(interval=5)
        stack.wait_for_engine('redis')
        for index in range(SEEDED):
            stack.created(f'seeded-{index}')
        with tempfile.TemporaryDirectory(prefix='dbaas-apifuzz-') as folder:
            result = subprocess.run(
                [options.schemathesis, '--config-file', os.path.join(HERE, 'schemathesis.toml'), '--no-color', 'run',
                 stack.base + '/api/v1/openapi.json', '--max-time', str(options.seconds), '--seed', str(options.seed)],
                check=False, cwd=folder, env={**os.environ, 'SCHEMATHESIS_HOOKS': 'hooks', 'PYTHONPATH': HERE, 'NO_PROXY': '127.0.0.1', 'no_proxy': '127.0.0.1'})
        alive = stack.get('/health/ready')
        if stack.platform.poll() is not None or alive.status != 200:
            print(f'the platform did not survive: {alive.status} {alive.text}\n{stack.log_tail("platform.log")}', file=sys.stderr)
            return 1
        return result.returncode
    finally:
        stack.close()


if __name__ == '__main__':
    run(main)
