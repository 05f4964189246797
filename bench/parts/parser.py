"""The exposition parser beside those of the Prometheus project: the same captured pages, one core each."""

import json
import os
import subprocess

from measure import HERE, Missing
from peers import peer

KNOBS = {'parse-ms': (1000, 100, 1, 60_000)}
# dbaas_bench reads the same variable, and the same folder without it.
PAGES = os.environ.get('DBAAS_EXPORTER_PAGES') or os.path.join(os.path.dirname(HERE), 'src', 'scrape', 'testdata')


def run(how, table):
    seconds = how.parse_ms / 1000
    done = subprocess.run([os.path.join(how.programs, 'dbaas_bench'), '--benchmark_filter=^exposition/', '--benchmark_format=json',
                           f'--benchmark_min_time={seconds}'], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)['benchmarks'] if done.stdout else []
    assert found, f'there is no page *-1.prom in {PAGES}'
    ours = {each['name'].removeprefix('exposition/'): each for each in found}
    try:
        done = subprocess.run([peer('parser'), '-pages', PAGES, '-seconds', str(seconds)], capture_output=True, text=True, check=True)
        theirs = {(each['page'], each['parser']): each for each in json.loads(done.stdout)}
    except Missing as missing:
        table.missing('the parsers of the Prometheus project', str(missing))
        theirs = {}
    for page in sorted({name.split('/')[1] for name in ours}):
        one_page(table, page, ours, theirs)


def one_page(table, page, ours, theirs):
    """A folder may hold pages of engines that no mapping is for, and such that a parser refuses."""
    name = page.removesuffix('-1')
    for kind, what in (('mapped', 'what a scrape wants of it'), ('all', 'every sample')):
        each = ours.get(f'{kind}/{page}')
        if each and 'error_message' in each:
            table.missing(f'{name}, {what}', each['error_message'])
        elif each:
            rate = each['bytes_per_second'] / 1e6
            table.add(f'{name}, {what}', rate, 'MB/s', least=500)
    for which in ('textparse, known series', 'textparse, with labels', 'expfmt'):
        each = theirs.get((page, which), {})
        if each.get('refused'):
            table.missing(f'… beside {which}', each['refused'])
        elif each and 'error_message' not in ours[f'all/{page}']:
            table.add(f'… beside {which}', rate, 'MB/s', peer=each['bytes_per_second'] / 1e6, beside='Go')
