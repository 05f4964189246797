"""In-process benchmarks (dbaas_bench): lists of many databases, a change, and history."""

import json
import os
import subprocess

KNOBS = {'repeat-ms': (200, 10, 1, 60_000)}
NANO = {'ns': 1, 'us': 1e3, 'ms': 1e6, 's': 1e9}


def run(options, table):
    left_out = '^exposition/' + ('|/50000$' if options.quick else '')
    done = subprocess.run([os.path.join(options.programs, 'dbaas_bench'), f'--benchmark_filter=-{left_out}', '--benchmark_format=json',
                           f'--benchmark_min_time={options.repeat_ms / 1000}'], capture_output=True, text=True, check=True)
    for result in json.loads(done.stdout)['benchmarks']:
        name = result['name']
        if name.startswith('history_append_day/'):
            kind = ('idle', 'usual', 'busy')[int(name[-1])]
            table.add(f'history: rows appended, {kind}', result['items_per_second'], '/s')
            table.add('… a day of one database', result['bytes'] / 1024, 'KiB')
            continue
        table.add(name.replace('/', ', '), result['cpu_time'] * NANO[result['time_unit']] / 1e3, 'us')
