"""The informer compared with client-go's reflector: the same list and the same watch from the same server on loopback."""

import json
import os
import subprocess
import sys

from measure import HERE, Missing
from peers import peer
from process import spawn

KNOBS = {'objects': (5000, 500, 1, 50_000), 'events': (50_000, 5000, 1, 500_000)}


def run(options, table):
    with spawn([sys.executable, os.path.join(HERE, 'watch_server.py'), str(options.objects), str(options.events), str(options.seed)],
               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            served = json.loads(server.stdout.readline())
            seconds = 60 + (options.objects + options.events) / 100
            ours = follow(seconds, [os.path.join(options.programs, 'dbaas_bench_follow'), str(served['port']), str(options.objects),
                                    str(options.events)])
            theirs = {}
            try:
                theirs = follow(seconds, [peer('reflector'), '-server', f"http://127.0.0.1:{served['port']}", '-objects',
                                          str(options.objects), '-events', str(options.events)])
            except Missing as missing:
                table.missing('client-go', str(missing))
            report(options, table, served, ours, theirs)
        finally:
            server.stdin.close()


def follow(seconds, words):
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=seconds)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def report(options, table, served, ours, theirs):
    def add(what, unit, key, scale, cost):
        def value(result):
            return scale * result[key] if cost else scale / result[key]
        table.add(what, value(ours), unit, peer=value(theirs) if theirs else None, peer_name='client-go', cost=cost)

    table.add('bytes per object', served['object_bytes'])
    add(f'watch: events of {options.events:,}', '/s', 'watch_seconds', options.events, False)
    add('… CPU per 100,000 events', 's', 'watch_cpu', 100_000 / options.events, True)
    add(f'list of {options.objects:,}: objects', '/s', 'list_seconds', options.objects, False)
    add('… CPU per 100,000 objects', 's', 'list_cpu', 100_000 / options.objects, True)
    add('maximum RSS', 'MiB', 'rss_mib', 1, True)
