#!/usr/bin/env python3
"""The platform and its local operator against a real kube-apiserver with etcd, on loopback.

'./dev conformance' builds what is needed and calls this.
"""

import argparse
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
from cluster import ask
from exchanges import DIFFERENCES, run_exchanges
from faults import Faults  # noqa: F401 unittest finds them here
from main_job import MainJob  # noqa: F401
from manifests import Manifests  # noqa: F401
from many import Many  # noqa: F401
from privilege import LeastPrivilege  # noqa: F401
from process import run
from shared import Shared
from stack import Stack
from arguments import whole_number


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


def main():
    parser = argparse.ArgumentParser(prog='./dev conformance', description=__doc__.split('\n', maxsplit=1)[0], allow_abbrev=False)
    parser.add_argument('--check', action='store_true', help=argparse.SUPPRESS)
    parser.add_argument('--bin', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--programs', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--crds', metavar='PATH', help="KubeDB's own definitions in the place of devcluster/crds: an archive, a folder or a file")
    parser.add_argument('--from', dest='home', default='', help=argparse.SUPPRESS)  # the folder that PATH is meant from
    parser.add_argument('--objects', type=whole_number(200, 1_000_000), default=10_000, help='custom resources of the test with many (10000)')
    parser.add_argument('filter', nargs='*', help='names of tests, as unittest takes them: MainJob, MainJob.test_redis')
    how = shared.how = parser.parse_args()
    loader = unittest.TestLoader()
    loader.loadTestsFromNames(how.filter, sys.modules[__name__])
    if loader.errors:
        parser.error(f"there is no such test; a name is one of test/conformance/README.md, or like MainJob.test_redis\n{loader.errors[0].splitlines()[-1]}")
    if how.crds:
        how.crds = os.path.join(how.home, how.crds)
        try:
            definitions.of_snapshot(how.crds)
        except (OSError, ValueError, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, EOFError) as error:
            parser.error(f'--crds: {error}')
    if how.check:
        return 0
    os.environ['DBAAS_BIN'] = how.bin
    subprocess.run([os.path.join(how.programs, 'kube-apiserver'), '--version'], check=True, stdout=subprocess.DEVNULL)
    done = unittest.main(module=__name__, argv=['conformance', *how.filter], verbosity=2, exit=False, warnings="ignore")
    return 0 if done.result.wasSuccessful() else 1


if __name__ == '__main__':
    run(main)
