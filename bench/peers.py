"""The peers that are written in Go (bench/peers): built once into .cache/bench, or missing with a reason."""

import os
import re
import shutil
import subprocess
import sys

from measure import HERE, Missing

CACHE = os.path.join(os.path.dirname(HERE), '.cache', 'bench')
_built = {}


def peer(name):
    """The path of a program of bench/peers."""
    if 'error' not in _built:
        _built['error'] = _build()
    if _built['error']:
        raise Missing(_built['error'])
    return os.path.join(CACHE, 'bin', name)


def _build():
    go = shutil.which('go') or '/usr/local/go/bin/go'
    if not os.access(go, os.X_OK):
        return 'needs Go 1.25 or newer: there is none in PATH or /usr/local/go'
    environment = {**os.environ, 'GOMODCACHE': os.path.join(CACHE, 'mod'), 'GOCACHE': os.path.join(CACHE, 'go'), 'CGO_ENABLED': '0',
                   'GOFLAGS': '-mod=readonly -buildvcs=false -modcacherw', 'GOTOOLCHAIN': 'local'}
    version = subprocess.run([go, 'env', 'GOVERSION'], capture_output=True, text=True, env=environment, check=False).stdout.strip()
    found = re.match(r'go1\.(\d+)', version)
    if not found or int(found.group(1)) < 25:
        return f'needs Go 1.25 or newer: {go} is {version or "not usable"}'
    os.makedirs(os.path.join(CACHE, 'bin'), exist_ok=True)
    print('  (building bench/peers with Go; some minutes when nothing is cached)', file=sys.stderr, flush=True)
    done = subprocess.run([go, 'build', '-trimpath', '-o', os.path.join(CACHE, 'bin') + os.sep, './parser', './reflector'],
                          cwd=os.path.join(HERE, 'peers'), env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ['no reason given'])[-1]
        return f'{go} could not build bench/peers: {last}'
    return None
