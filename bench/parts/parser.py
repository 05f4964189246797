"""The exposition parser beside those of the Prometheus project: the same captured pages, one core each."""

import json
import os
import subprocess

from measure import HERE, Missing
from peers import peer

KNOBS = {'parse-ms': (1000, 100)}
# dbaas_bench reads the same variable, and the same folder without it.
PAGES = os.environ.get('DBAAS_EXPORTER_PAGES') or os.path.join(os.path.dirname(HERE), 'src', 'scrape', 'testdata')


def run(how, table):
    seconds = how.parse_ms / 1000
    done = subprocess.run([os.path.join(how.programs, 'dbaas_bench'), '--benchmark_filter=^exposition/', '--benchmark_format=json',
                           f'--benchmark_min_time={seconds}'], capture_output=True, text=True, check=True)
    ours = {each['name'].removeprefix('exposition/'): each['bytes_per_second'] for each in json.loads(done.stdout)['benchmarks']}
    try:
        done = subprocess.run([peer('parser'), '-pages', PAGES, '-seconds', str(seconds)], capture_output=True, text=True, check=True)
        theirs = {(each['page'], each['parser']): each['bytes_per_second'] for each in json.loads(done.stdout)}
    except Missing as missing:
        table.missing('the parsers of the Prometheus project', str(missing))
        theirs = {}
    pages = sorted({name.split('/')[1] for name in ours})
    for page in pages:
        name = page.removesuffix('-1')
        if f'mapped/{page}' in ours:  # a folder may hold pages of engines that no mapping is for
            table.add(f'{name}, what a scrape wants of it', ours[f'mapped/{page}'] / 1e6, 'MB/s')
        table.add(f'{name}, every sample', ours[f'all/{page}'] / 1e6, 'MB/s')
        for which in ('textparse, known series', 'textparse, with labels', 'expfmt'):
            rate = theirs.get((page, which))
            if rate:
                table.add(f'… beside {which}', ours[f'all/{page}'] / 1e6, 'MB/s', peer=rate / 1e6, beside='Go')
