#!/usr/bin/env python3
"""Measures the platform, compared with a peer where one exists, and prints one table. './dev bench' builds in release and calls this.

The parts run one after the other. Each part starts its own processes on 127.0.0.1 and ends them. The exit code is 1 if a target is
missed or an assertion fails. If a peer is not installed, the table shows the reason in place of its rows.
"""

import argparse
import datetime
import importlib
import os
import shutil
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(ROOT, 'test', 'system')]

import peers  # noqa: E402
from measure import raise_open_files  # noqa: E402
from process import run  # noqa: E402
from table import Table  # noqa: E402

PARTS = ('reads', 'sync', 'streams', 'creates', 'inside', 'parser', 'reflector', 'scrape', 'scale', 'replicas')
SLOW = ('replicas',)  # two minutes also in small sizes: --quick runs them only if --only names them
COMMON = {'seconds': (5, 1, 1, 3600), 'connections': (64, 32, 1, 10_000), 'seed': (1, 1, 0, 2**32 - 1)}
HELP = {'seconds': 'seconds of each measurement with wrk', 'connections': 'connections of wrk', 'seed': 'seed of all random data',
        'count': 'simulated databases', 'interval': 'seconds between two scrapes of a database', 'idle': 'idle event streams',
        'depth': 'requests per pipeline', 'streams': 'clients of /stream', 'flaps': 'databases that become degraded per second',
        'patches': 'status changes whose latency is measured', 'burst': 'concurrent creates',
        'small-burst': 'concurrent creates of the first burst', 'parse-ms': 'milliseconds of each page and parser',
        'repeat-ms': 'milliseconds of each in-process benchmark', 'objects': 'objects of the list', 'events': 'events of the watch',
        'phase': 'seconds of each phase; 0: slightly more than two intervals',
        'rounds': 'rounds of wrk, of which the best counts; rounds of measured scrapes'}


def load(names):
    return {name: importlib.import_module('parts.' + name) for name in names}


def parse(parts):
    parser = argparse.ArgumentParser(prog='./dev bench', description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--check', action='store_true', help=argparse.SUPPRESS)
    parser.add_argument('--bin', default=os.path.join(ROOT, 'build/release/bin'), help=argparse.SUPPRESS)
    parser.add_argument('--programs', default=os.path.join(ROOT, 'build/release/bench'), help=argparse.SUPPRESS)
    parser.add_argument('--quick', action='store_true', help='small sizes, to check that the benchmark works; targets do not count')
    parser.add_argument('--only', nargs='+', choices=PARTS, metavar='PART', help='the parts to run: ' + ', '.join(PARTS))
    knobs = {}
    for place, all_of in [('', COMMON), *((name, each.KNOBS) for name, each in parts.items())]:
        for knob, (full, quick, low, high) in all_of.items():
            knobs.setdefault(knob, []).append(f"{place + ' ' if place else ''}{full:,}; quick {quick:,}; {low:,} to {high:,}")
    for knob, sizes in knobs.items():
        names = ['--count', '--databases'] if knob == 'count' else ['--' + knob]
        parser.add_argument(*names, type=int, metavar='N', help=f"{HELP[knob]} ({', '.join(sizes)})")
    arguments = parser.parse_args()
    arguments.only = arguments.only or [name for name in PARTS if not arguments.quick or name not in SLOW]
    for name in arguments.only:
        for knob, (_, _, low, high) in knobs_of(parts[name]).items():
            value = getattr(arguments, knob.replace('-', '_'))
            if value is not None and not low <= value <= high:
                parser.error(f'--{knob}: in {name} the value must be {low:,} to {high:,}, not {value:,}')
    return arguments


def knobs_of(module):
    return {**COMMON, **module.KNOBS}


def sizes_of(arguments, module):
    """Returns the options of the part: values of the command line, or the default sizes."""
    options = argparse.Namespace(**vars(arguments))
    for knob, (full, quick, _, _) in knobs_of(module).items():
        name = knob.replace('-', '_')
        if getattr(arguments, name) is None:
            setattr(options, name, quick if arguments.quick else full)
    return options


def facts(arguments):
    load_now = os.getloadavg()[0]
    commit = ''
    if shutil.which('git'):
        words = ['git', '-C', ROOT, 'describe', '--always', '--dirty']
        commit = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    return {'commit': commit or 'unknown', 'at': datetime.datetime.now(datetime.UTC).strftime('%Y-%m-%d %H:%M UTC'),
            'cores': os.cpu_count(), 'load before the run': f'{load_now:.1f}', 'sizes': 'quick' if arguments.quick else 'full',
            'ratio': 'above 1 is in favour of dbaas'}


def main():
    parts = load(PARTS)
    arguments = parse(parts)
    if arguments.check:
        return 0
    os.environ['DBAAS_BIN'] = arguments.bin
    raise_open_files()
    if arguments.quick:
        peers.use_built_ones_only()
    table = Table(targets_count=not arguments.quick)
    table.facts = facts(arguments)
    begun = time.monotonic()
    folder = os.path.join(ROOT, 'build', 'bench')
    for name in arguments.only:
        table.begin(name)
        part_begun = time.monotonic()
        try:
            parts[name].run(sizes_of(arguments, parts[name]), table)
        except Exception as error:  # the other parts still run
            traceback.print_exc()
            table.failed(f'{type(error).__name__}: {error}'[:300])
        print(f'  ({time.monotonic() - part_begun:.0f} s)', flush=True)
        table.write(folder)
    table.facts['took'] = f'{time.monotonic() - begun:.0f} s'
    table.write(folder)
    print('\n' + table.text() + f'\nwritten to {os.path.relpath(folder)}/result.md and .json')
    return 0 if table.is_good() else 1


if __name__ == '__main__':
    run(main)
