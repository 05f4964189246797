"""Scrapes compared with Prometheus: the same exporters through the same services/proxy paths, one after the other in one run.

Prometheus stores every sample of a page. dbaas stores the samples from which it derives its metrics.
"""

import os
import tempfile
import time

from measure import Missing, Watched, free_port, need
from simulated_stack import SimulatedStack
from process import end, spawn
from stack import wait_until

KNOBS = {'count': (1000, 100, 1, 20_000), 'interval': (10, 1, 1, 600), 'rounds': (4, 3, 1, 100)}


def run(options, table):
    with SimulatedStack(options, options.count) as stack:
        platform = stack.begin(options.interval)
        stack.fill(options.count)
        stack.wait_for_first_round(options.interval)
        ours = rounds(options, stack, platform)
        paths = [f"/api/v1/namespaces/dbaas-{each['project']}/services/http:{each['name']}-stats:metrics/proxy/metrics"
                 for each in stack.all_items()]
        assert len(paths) == options.count, f'the platform lists {len(paths)} of {options.count} databases'
        stack.stop_platform()
        theirs = None
        try:
            theirs = prometheus(options, stack, paths)
        except Missing as missing:
            table.missing('Prometheus', str(missing))
        peer_name = 'Prometheus' if theirs else ''
        peer = theirs or {'cpu': None, 'share': None, 'rss': None}
        table.add(f'scrapes made of {options.count:,} databases, of those due', ours['share'], '%', peer=peer['share'], peer_name=peer_name)
        table.add('CPU per 1,000 scrapes', ours['cpu'], 's', peer=peer['cpu'], peer_name=peer_name, cost=True)
        table.add('RSS', ours['rss'], 'MiB', peer=peer['rss'], peer_name=peer_name, cost=True)


def rounds(options, stack, process):
    """Returns the cost of several rounds for the process that scrapes."""
    stack.set_faults(forget_scrapes=True)
    begun, cpu = time.monotonic(), process.cpu()
    time.sleep(options.rounds * options.interval)
    took, spent = time.monotonic() - begun, process.cpu() - cpu
    scrapes = stack.stats()['simulator']['scrapes']
    return {'cpu': 1000 * spent / max(1, scrapes), 'share': 100 * scrapes / (options.count * took / options.interval), 'rss': process.rss_mib()}


def prometheus(options, stack, paths):
    program = need('prometheus')
    base, _ = stack.cluster_address()
    host = base.removeprefix('http://')
    with tempfile.TemporaryDirectory(prefix='dbaas-bench-') as folder:
        config = os.path.join(folder, 'prometheus.yml')
        with open(config, 'w', encoding='utf-8') as file:
            file.write(f'global: {{scrape_interval: {options.interval}s, scrape_timeout: {options.interval}s}}\n'
                       'scrape_configs:\n- job_name: simulated\n'
                       f"  authorization: {{credentials_file: {os.path.join(stack.folder, 'cluster/token')}}}\n  static_configs:\n")
            for number, path in enumerate(paths):
                file.write(f"  - {{targets: ['{host}'], labels: {{__metrics_path__: '{path}', database: '{number}'}}}}\n")
        listen = f'127.0.0.1:{free_port()}'
        with open(os.path.join(folder, 'log'), 'wb') as log:
            process = spawn([program, f'--config.file={config}', f'--storage.tsdb.path={folder}/data',
                             f'--web.listen-address={listen}'], stdout=log, stderr=log)
        try:
            stack.set_faults(forget_scrapes=True)
            wait_until(lambda: process.poll() is not None or stack.stats()['simulator']['never_scraped'] == 0, 60 + 3 * options.interval,
                       'a first scrape of every database by Prometheus')
            assert process.poll() is None, open(os.path.join(folder, 'log'), encoding='utf-8').read()[-1000:]
            time.sleep(2 * options.interval)  # Prometheus creates the series in the first round
            return rounds(options, stack, Watched(process.pid))
        finally:
            end(process)
