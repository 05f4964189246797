#!/usr/bin/env python3
"""The platform and its local operator against a real kube-apiserver with etcd, on loopback.

'./dev conformance' builds what is needed and calls this.
"""

import argparse
import concurrent.futures
import functools
import lzma
import os
import subprocess
import sys
import tarfile
import unittest
import zipfile

import definitions
import shared
from account_tokens import AccountTokens  # noqa: F401 unittest finds them here
from cluster import ask
from adoption import Adoption  # noqa: F401
from doctor import Doctor  # noqa: F401
from exchanges import DIFFERENCES, run_exchanges
from faults import Faults  # noqa: F401
from kit import Kit  # noqa: F401
from main_job import MainJob  # noqa: F401
from manifests import Manifests  # noqa: F401
from many import Many  # noqa: F401
from privilege import LeastPrivilege  # noqa: F401
from production_guide import ProductionGuide  # noqa: F401
from process import run
from shared import Shared
from stack import Stack
from arguments import whole_number


class Exchanges(unittest.TestCase):
    """Sends the same requests to the real server and to the local cluster. DIFFERENCES must list exactly the exchanges that differ."""

    def test_responses_are_the_same_except_for_listed_differences(self):
        real = Shared.get()
        local = Stack()
        self.addCleanup(local.close)
        local.start_cluster('--no-operator')
        with concurrent.futures.ThreadPoolExecutor() as threads:  # most of the time is the time of watches
            expected, actual = threads.map(run_exchanges, (real.ask, functools.partial(ask, *local.cluster_address())))
        self.assertEqual(list(expected), list(actual))
        differing = {name for name in expected if expected[name] != actual[name]}
        for name in sorted(differing - set(DIFFERENCES)):
            print(f'\n{name}:\n  real:  {expected[name]}\n  local: {actual[name]}')
        self.assertEqual(differing, set(DIFFERENCES), 'not listed (printed above), or listed and no longer different')
        print(f'{len(expected)} exchanges, {len(differing)} listed differences', flush=True)


def main():
    parser = argparse.ArgumentParser(prog='./dev conformance', description=__doc__.split('\n', maxsplit=1)[0], allow_abbrev=False)
    parser.add_argument('--check', action='store_true', help=argparse.SUPPRESS)
    parser.add_argument('--bin', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--programs', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--crds', metavar='PATH', help="KubeDB's own definitions instead of devcluster/crds: an archive, a folder or a file")
    parser.add_argument('--from', dest='home', default='', help=argparse.SUPPRESS)  # the folder to which PATH is relative
    parser.add_argument('--objects', type=whole_number(200, 1_000_000), default=10_000, help='number of custom resources in the test Many (10000)')
    parser.add_argument('filter', nargs='*', help='names of tests, as unittest takes them: MainJob, MainJob.test_redis')
    options = shared.how = parser.parse_args()
    loader = unittest.TestLoader()
    loader.loadTestsFromNames(options.filter, sys.modules[__name__])
    if loader.errors:
        parser.error(f"there is no such test; a name is one of test/conformance/README.md, or like MainJob.test_redis\n{loader.errors[0].splitlines()[-1]}")
    if options.crds:
        options.crds = os.path.join(options.home, options.crds)
        try:
            definitions.of_snapshot(options.crds)
        except (OSError, ValueError, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, EOFError) as error:
            parser.error(f'--crds: {error}')
    if options.check:
        return 0
    os.environ['DBAAS_BIN'] = options.bin
    subprocess.run([os.path.join(options.programs, 'kube-apiserver'), '--version'], check=True, stdout=subprocess.DEVNULL)
    done = unittest.main(module=__name__, argv=['conformance', *options.filter], verbosity=2, exit=False, warnings="ignore")
    return 0 if done.result.wasSuccessful() else 1


if __name__ == '__main__':
    run(main)
