"""Following a kind beside client-go's reflector: the same list and the same watch from the same server on loopback."""

import json
import os
import subprocess
import sys

from measure import HERE, Missing
from peers import peer
from process import spawn

KNOBS = {'objects': (5000, 500, 1, 50_000), 'events': (50_000, 5000, 1, 500_000)}


def run(how, table):
    with spawn([sys.executable, os.path.join(HERE, 'watch_server.py'), str(how.objects), str(how.events), str(how.seed)],
               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            served = json.loads(server.stdout.readline())
            seconds = 60 + (how.objects + how.events) / 100
            ours = follow(seconds, [os.path.join(how.programs, 'dbaas_bench_follow'), str(served['port']), str(how.objects),
                                    str(how.events)])
            theirs = {}
            try:
                theirs = follow(seconds, [peer('reflector'), '-server', f"http://127.0.0.1:{served['port']}", '-objects',
                                          str(how.objects), '-events', str(how.events)])
            except Missing as missing:
                table.missing('client-go', str(missing))
            report(how, table, served, ours, theirs)
        finally:
            server.stdin.close()


def follow(seconds, words):
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=seconds)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def report(how, table, served, ours, theirs):
    def add(what, unit, key, scale, cost):
        def value(of):
            return scale * of[key] if cost else scale / of[key]
        table.add(what, value(ours), unit, peer=value(theirs) if theirs else None, beside='client-go', cost=cost)

    table.add('bytes of an object', served['object_bytes'])
    add(f'watch: events of {how.events:,}', '/s', 'watch_seconds', how.events, False)
    add('… CPU per 100,000 events', 's', 'watch_cpu', 100_000 / how.events, True)
    add(f'list of {how.objects:,}: objects', '/s', 'list_seconds', how.objects, False)
    add('… CPU per 100,000 objects', 's', 'list_cpu', 100_000 / how.objects, True)
    add('RSS at most', 'MiB', 'rss_mib', 1, True)
