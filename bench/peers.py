"""The peers that are written in Go (bench/peers): built once into .cache/bench, or missing with a reason."""

import os
import subprocess
import sys

from measure import HERE, Missing

ROOT = os.path.dirname(HERE)
CACHE = os.path.join(ROOT, '.cache', 'bench')
_built = {}


def peer(name):
    """The path of a program of bench/peers."""
    if 'error' not in _built:
        _built['error'] = _build()
    if _built['error']:
        raise Missing(_built['error'])
    return os.path.join(CACHE, 'bin', name)


def _build():
    found = subprocess.run([os.path.join(ROOT, 'tools/go.sh')], stdout=subprocess.PIPE, text=True, check=False)
    if found.returncode:
        return 'needs Go 1.25 or newer, which is not there and could not be installed (the reason is above)'
    go = found.stdout.strip()
    environment = {**os.environ, 'GOMODCACHE': os.path.join(CACHE, 'mod'), 'GOCACHE': os.path.join(CACHE, 'go'), 'CGO_ENABLED': '0',
                   'GOFLAGS': '-mod=readonly -buildvcs=false -modcacherw', 'GOTOOLCHAIN': 'local'}
    os.makedirs(os.path.join(CACHE, 'bin'), exist_ok=True)
    print('  (building bench/peers with Go; some minutes when nothing is cached)', file=sys.stderr, flush=True)
    done = subprocess.run([go, 'build', '-trimpath', '-o', os.path.join(CACHE, 'bin') + os.sep, './parser', './reflector'],
                          cwd=os.path.join(HERE, 'peers'), env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ['no reason given'])[-1]
        return f'{go} could not build bench/peers: {last}'
    return None
