"""Builds the Go peers (bench/peers) once into .cache/bench. Raises Missing with the reason if that fails."""

import os
import subprocess
import sys

from measure import HERE, Missing

ROOT = os.path.dirname(HERE)
CACHE = os.path.join(ROOT, '.cache', 'bench')
_built = {}


def use_built_ones_only():
    """From now on a peer that has not been built is missing. A build without caches takes minutes."""
    programs = os.path.join(CACHE, 'bin')
    if not os.path.isdir(programs) or not os.listdir(programs):
        _built['error'] = 'bench/peers is not built; --quick does not build it'
    else:
        _built['error'] = None


def peer(name):
    """Returns the path of a program of bench/peers. Raises Missing if the build failed."""
    if 'error' not in _built:
        _built['error'] = _build()
    if _built['error']:
        raise Missing(_built['error'])
    return os.path.join(CACHE, 'bin', name)


def _build():
    lookup = subprocess.run([os.path.join(ROOT, 'tools/go.sh')], stdout=subprocess.PIPE, text=True, check=False)
    if lookup.returncode:
        return 'needs Go 1.25 or newer, which is not installed and could not be installed (see the reason above)'
    go = lookup.stdout.strip()
    environment = {**os.environ, 'GOMODCACHE': os.path.join(CACHE, 'mod'), 'GOCACHE': os.path.join(CACHE, 'go'), 'CGO_ENABLED': '0',
                   'GOFLAGS': '-mod=readonly -buildvcs=false -modcacherw', 'GOTOOLCHAIN': 'local'}
    os.makedirs(os.path.join(CACHE, 'bin'), exist_ok=True)
    print('  (building bench/peers with Go; this takes some minutes if nothing is cached)', file=sys.stderr, flush=True)
    done = subprocess.run([go, 'build', '-trimpath', '-o', os.path.join(CACHE, 'bin') + os.sep, './parser', './reflector'],
                          cwd=os.path.join(HERE, 'peers'), env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ['no reason given'])[-1]
        return f'{go} could not build bench/peers: {last}'
    return None
