"""The exposition parser compared with the parsers of the Prometheus project: the same captured pages, one core each."""

import json
import os
import subprocess

from measure import HERE, Missing
from peers import peer

KNOBS = {'parse-ms': (1000, 100, 1, 60_000)}
# dbaas_bench reads the same variable and uses the same default.
PAGES = os.environ.get('DBAAS_EXPORTER_PAGES') or os.path.join(os.path.dirname(HERE), 'src', 'scrape', 'testdata')


def run(options, table):
    seconds = options.parse_ms / 1000
    done = subprocess.run([os.path.join(options.programs, 'dbaas_bench'), '--benchmark_filter=^exposition/', '--benchmark_format=json',
                           f'--benchmark_min_time={seconds}'], capture_output=True, text=True, check=True)
    results = json.loads(done.stdout)['benchmarks'] if done.stdout else []
    assert results, f'no page *-1.prom exists in {PAGES}'
    ours = {each['name'].removeprefix('exposition/'): each for each in results}
    try:
        done = subprocess.run([peer('parser'), '-pages', PAGES, '-seconds', str(seconds)], capture_output=True, text=True, check=True)
        theirs = {(each['page'], each['parser']): each for each in json.loads(done.stdout)}
    except Missing as missing:
        table.missing('the parsers of the Prometheus project', str(missing))
        theirs = {}
    for page in sorted({name.split('/')[1] for name in ours}):
        one_page(table, page, ours, theirs)


def one_page(table, page, ours, theirs):
    """Adds the rows of one page. A folder may contain pages of engines without a mapping and pages that a parser rejects."""
    name = page.removesuffix('-1')
    for kind, what in (('mapped', 'samples of a scrape'), ('all', 'every sample')):
        each = ours.get(f'{kind}/{page}')
        if each and 'error_message' in each:
            table.missing(f'{name}, {what}', each['error_message'])
        elif each:
            rate = each['bytes_per_second'] / 1e6
            table.add(f'{name}, {what}', rate, 'MB/s', minimum=500)
    for parser in ('textparse, known series', 'textparse, with labels', 'expfmt'):
        each = theirs.get((page, parser), {})
        if each.get('rejected'):
            table.missing(f'… compared with {parser}', each['rejected'])
        elif each and 'error_message' not in ours[f'all/{page}']:
            table.add(f'… compared with {parser}', rate, 'MB/s', peer=each['bytes_per_second'] / 1e6, peer_name='Go')
