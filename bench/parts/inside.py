"""What happens within the process, by dbaas_bench: lists over many databases, a change, and history."""

import json
import os
import subprocess

KNOBS = {'repeat-ms': (200, 10, 1, 60_000)}
NANO = {'ns': 1, 'us': 1e3, 'ms': 1e6, 's': 1e9}


def run(how, table):
    left_out = '^exposition/' + ('|/50000$' if how.quick else '')
    done = subprocess.run([os.path.join(how.programs, 'dbaas_bench'), f'--benchmark_filter=-{left_out}', '--benchmark_format=json',
                           f'--benchmark_min_time={how.repeat_ms / 1000}'], capture_output=True, text=True, check=True)
    for each in json.loads(done.stdout)['benchmarks']:
        name = each['name']
        if name.startswith('history_append_day/'):
            kind = ('idle', 'usual', 'busy')[int(name[-1])]
            table.add(f'history: rows appended, {kind}', each['items_per_second'], '/s')
            table.add('… a day of one database', each['bytes'] / 1024, 'KiB')
            continue
        table.add(name.replace('/', ', '), each['cpu_time'] * NANO[each['time_unit']] / 1e3, 'us')
