#!/usr/bin/env python3
"""Measures the platform, beside a peer wherever there is one, and gives one table. './dev bench' builds in release and calls this.

Parts run one after the other, each with processes of its own that end with it; everything is on 127.0.0.1. Ends with 1 when a target
was missed, or when something that must hold did not; a peer that is not installed only leaves its rows out, with the reason.
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

from measure import raise_open_files  # noqa: E402
from process import run  # noqa: E402
from table import Table  # noqa: E402

PARTS = ('reads', 'sync', 'streams', 'creates', 'inside', 'parser', 'reflector', 'scrape', 'scale')
COMMON = {'seconds': (5, 1, 1, 3600), 'connections': (64, 32, 1, 10_000), 'seed': (1, 1, 0, 2**32 - 1)}
HELP = {'seconds': 'of each measurement with wrk', 'connections': 'of wrk', 'seed': 'of everything that is made up',
        'count': 'played databases', 'interval': 'of the metrics sync, seconds', 'idle': 'silent event streams',
        'depth': 'requests per pipeline', 'streams': 'clients that listen', 'flaps': 'databases that fall ill per second',
        'patches': 'status changes whose way to the API is timed', 'burst': 'creates at once', 'small-burst': 'creates at once, first',
        'parse-ms': 'of each page and parser', 'repeat-ms': 'of each benchmark in process', 'objects': 'in the list',
        'events': 'in the watch', 'phase': 'seconds of each phase; 0: over twice the interval',
        'rounds': 'of wrk, the best of which counts; of scrapes that are measured'}


def load(names):
    return {name: importlib.import_module('parts.' + name) for name in names}


def parse(parts):
    parser = argparse.ArgumentParser(prog='./dev bench', description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--check', action='store_true', help=argparse.SUPPRESS)
    parser.add_argument('--bin', default=os.path.join(ROOT, 'build/release/bin'), help=argparse.SUPPRESS)
    parser.add_argument('--programs', default=os.path.join(ROOT, 'build/release/bench'), help=argparse.SUPPRESS)
    parser.add_argument('--quick', action='store_true', help='small sizes, to see that the benchmark itself works; targets do not count')
    parser.add_argument('--only', nargs='+', choices=PARTS, metavar='PART', help='of: ' + ', '.join(PARTS))
    knobs = {}
    for place, all_of in [('', COMMON), *((name, each.KNOBS) for name, each in parts.items())]:
        for knob, (full, quick, least, most) in all_of.items():
            knobs.setdefault(knob, []).append(f"{place + ' ' if place else ''}{full:,}; quick {quick:,}; {least:,} to {most:,}")
    for knob, sizes in knobs.items():
        parser.add_argument('--' + knob, type=int, metavar='N', help=f"{HELP[knob]} ({', '.join(sizes)})")
    given = parser.parse_args()
    given.only = given.only or PARTS
    for name in given.only:
        for knob, (_, _, least, most) in knobs_of(parts[name]).items():
            value = getattr(given, knob.replace('-', '_'))
            if value is not None and not least <= value <= most:
                parser.error(f'--{knob}: {name} takes {least:,} to {most:,}, not {value:,}')
    return given


def knobs_of(module):
    return {**COMMON, **module.KNOBS}


def sizes_of(given, module):
    """The knobs as the part shall see them."""
    how = argparse.Namespace(**vars(given))
    for knob, (full, quick, _, _) in knobs_of(module).items():
        name = knob.replace('-', '_')
        if getattr(given, name) is None:
            setattr(how, name, quick if given.quick else full)
    return how


def facts(given):
    load_now = os.getloadavg()[0]
    commit = ''
    if shutil.which('git'):
        words = ['git', '-C', ROOT, 'describe', '--always', '--dirty']
        commit = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    return {'commit': commit or 'unknown', 'at': datetime.datetime.now(datetime.UTC).strftime('%Y-%m-%d %H:%M UTC'),
            'cores': os.cpu_count(), 'load before the run': f'{load_now:.1f}', 'sizes': 'quick' if given.quick else 'full',
            'ratio': 'above 1 is in favour of dbaas'}


def main():
    parts = load(PARTS)
    given = parse(parts)
    if given.check:
        return 0
    os.environ['DBAAS_BIN'] = given.bin
    raise_open_files()
    table = Table(targets_count=not given.quick)
    table.facts = facts(given)
    begun = time.monotonic()
    folder = os.path.join(ROOT, 'build', 'bench')
    for name in given.only:
        table.begin(name)
        part_begun = time.monotonic()
        try:
            parts[name].run(sizes_of(given, parts[name]), table)
        except Exception as error:  # the other parts still have something to say
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
