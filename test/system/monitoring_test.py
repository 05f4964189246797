#!/usr/bin/env python3
"""The alerts, recording rules and dashboards of k8s/monitoring, with promtool and with a Prometheus that scrapes a real platform."""

import glob
import json
import os
import re
import socket
import subprocess
import tempfile
import textwrap
import unittest
import urllib.parse

from process import end, spawn
from stack import Stack, request, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MONITORING = os.path.join(ROOT, 'k8s/monitoring')
REQUESTS = 'dbaas_http_requests_total{{route="/api/v1/databases",method="POST",status="{}"}}'
BUCKETS = 'dbaas_http_request_duration_seconds_bucket{{route="/api/v1/databases",method="POST",status="202",le="{}"}}'
# Alert -> series of a platform on which it fires and of one on which it does not, in promtool's notation at one sample per minute.
CASES = {
    'DbaasDown': ([('up{job="dbaas-api",instance="a"}', '0x600')], [('up{job="dbaas-api",instance="a"}', '1x600'), ('up{job="dbaas-api",instance="b"}', '0x600')]),
    'DbaasErrorBudgetBurnsFast': ([(REQUESTS.format(202), '0+980x600'), (REQUESTS.format(503), '0+20x600')],
                                  [(REQUESTS.format(202), '0+999x600'), (REQUESTS.format(503), '0+1x600')]),
    'DbaasErrorBudgetBurnsSlowly': ([(REQUESTS.format(202), '0+990x600'), (REQUESTS.format(500), '0+10x600')],
                                    [(REQUESTS.format(202), '0+999x600'), (REQUESTS.format(500), '0+1x600')]),
    'DbaasRequestsSlow': ([(BUCKETS.format('0.5'), '0+90x600'), (BUCKETS.format('1'), '0+100x600'), (BUCKETS.format('+Inf'), '0+100x600')],
                          [(BUCKETS.format('0.5'), '0+100x600'), (BUCKETS.format('1'), '0+100x600'), (BUCKETS.format('+Inf'), '0+100x600')]),
    'DbaasLogLinesDropped': ([('dbaas_log_lines_dropped_total', '0+1x600')], [('dbaas_log_lines_dropped_total', '7x600')]),
    'DbaasBackgroundTaskStopped': ([('dbaas_background_running{task="reconcile",instance="a"}', '0x600')],
                                   [('dbaas_background_running{task="reconcile",instance="a"}', '1x600')]),
    'DbaasOperationsOverdue': ([('dbaas_operations_overdue', '1x600')], [('dbaas_operations_overdue', '0x600')]),
    'DbaasReconcileQueueLong': ([('dbaas_reconcile_queue_depth', '101x600')], [('dbaas_reconcile_queue_depth', '100x600')]),
    'DbaasStoreFails': ([('dbaas_store_failures_total', '0+1x600')], [('dbaas_store_failures_total', '3x600')]),
    'DbaasDatabasesDegraded': ([('dbaas_databases_by_status{status="failed"}', '2x600')],
                               [('dbaas_databases_by_status{status="failed"}', '0x600'), ('dbaas_databases_by_status{status="provisioning"}', '2x600')]),
    'DbaasKubernetesErrors': ([('dbaas_kubernetes_requests_total{verb="get",status="403"}', '0+20x600'), ('dbaas_kubernetes_requests_total{verb="get",status="200"}', '0+80x600')],
                              [('dbaas_kubernetes_requests_total{verb="get",status="404"}', '0+20x600'), ('dbaas_kubernetes_requests_total{verb="get",status="200"}', '0+80x600')]),
    'DbaasWatchSilent': ([('dbaas_watch_last_event_age_seconds{resource="Pod",instance="a"}', '0+60x600')],
                         [('dbaas_watch_last_event_age_seconds{resource="Pod",instance="a"}', '60x600')]),
    'DbaasScrapesFail': ([('dbaas_scrapes_total{result="failed",reason="timeout"}', '0+30x600'), ('dbaas_scrapes_total{result="ok",reason=""}', '0+70x600')],
                         [('dbaas_scrapes_total{result="failed",reason="timeout"}', '0+10x600'), ('dbaas_scrapes_total{result="ok",reason=""}', '0+90x600')]),
    'DbaasMetricsStale': ([('dbaas_databases_by_metrics_state{state="stale"}', '1x600')],
                          [('dbaas_databases_by_metrics_state{state="stale"}', '0x600'), ('dbaas_databases_by_metrics_state{state="unavailable"}', '1x600')]),
    'DbaasScrapesLate': ([('dbaas_late_scrapes_total', '0+120x600')], [('dbaas_late_scrapes_total', '0+30x600')]),
}


def rules_text():
    """Returns the rule file of Prometheus in the object PrometheusRule."""
    with open(os.path.join(MONITORING, 'prometheus-rule.yaml'), encoding='utf-8') as file:
        return textwrap.dedent(file.read().split('\nspec:\n')[1])


def alert_blocks():
    """Returns the name of each alert and its text."""
    return re.findall(r'- alert: (\w+)\n(.*?)(?=\n *- alert:|\n *- name:|\Z)', rules_text(), re.S)


def dashboards():
    """Returns the file's name, the title of the panel and the expression of each query."""
    for path in sorted(glob.glob(os.path.join(MONITORING, 'dashboards/*.json'))):
        with open(path, encoding='utf-8') as file:
            board = json.load(file)
        for panel in board['panels']:
            for target in panel['targets']:
                yield os.path.basename(path), panel['title'], target['expr']


def documented_metrics():
    """Returns the type of each metric in docs/metrics.md."""
    with open(os.path.join(ROOT, 'docs/metrics.md'), encoding='utf-8') as file:
        return dict(re.findall(r'^\| `(dbaas_\w+)` \| (\w+) \|', file.read(), re.M))


def unknown_names(expression, known, recorded):
    """Returns the names in the expression that are neither series of a known metric nor recorded."""
    series = {name + suffix for name, kind in known.items() for suffix in (('_bucket', '_sum', '_count') if kind == 'histogram' else ('',))}
    used = set(re.findall(r'\bdbaas[_:][\w:]*', re.sub(r'"[^"]*"', '', expression)))
    return used - series - recorded


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Rules(unittest.TestCase):
    def promtool(self, command, content):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in content.items():
                with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
                    file.write(text)
            done = subprocess.run(['promtool', *command.split()], cwd=folder, capture_output=True, text=True, check=False, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_promtool_accepts_the_rules(self):
        self.promtool('check rules --lint=all --lint-fatal rules.yaml', {'rules.yaml': rules_text()})

    def test_each_alert_fires_on_its_cause_and_on_nothing_else(self):
        self.assertEqual([name for name, _ in alert_blocks()], list(CASES), 'each alert has a case')
        tests = []
        for alert, (bad, good) in CASES.items():
            for series, count in ((bad, 1), (good, 0)):
                tests.append({'interval': '1m', 'input_series': [{'series': name, 'values': values} for name, values in series], 'promql_expr_test': [
                    {'expr': f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)', 'eval_time': '8h',
                     'exp_samples': [{'labels': '{}', 'value': count}]}]})
        self.promtool('test rules cases.json', {'rules.yaml': rules_text(), 'cases.json': json.dumps(
            {'rule_files': ['rules.yaml'], 'evaluation_interval': '1m', 'tests': tests})})

    def test_each_alert_has_a_severity_a_summary_and_a_runbook(self):
        for name, text in alert_blocks():
            self.assertRegex(text, r'severity: (critical|warning)', name)
            for field in ('summary', 'runbook'):
                self.assertRegex(text, rf'\n *{field}: "?.{{30,}}\."?', name)

    def test_rules_and_dashboards_use_documented_metrics(self):
        known, recorded = documented_metrics(), set(re.findall(r'- record: (\S+)', rules_text()))
        for expression in re.findall(r'expr: (.*)', rules_text()):
            self.assertEqual(unknown_names(expression, known, recorded), set(), expression)
        for board, title, expression in dashboards():
            self.assertEqual(unknown_names(expression, known, recorded), set(), f'{board}: {title}')
        self.assertEqual(unknown_names('rate(dbaas_nothing_total[5m])', known, recorded), {'dbaas_nothing_total'})


class Queries(unittest.TestCase):
    """Prometheus scrapes a platform with one database. Each query of a dashboard and each recording rule returns data."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.addClassCleanup(cls.stack.close)
        cls.stack.start()
        cls.stack.wait_for(cls.stack.created('watched'), 'running')
        folder = os.path.join(cls.stack.folder, 'prometheus')
        os.mkdir(folder)
        with open(os.path.join(folder, 'rules.yaml'), 'w', encoding='utf-8') as file:
            file.write(rules_text())
        with open(os.path.join(folder, 'prometheus.yml'), 'w', encoding='utf-8') as file:
            json.dump({'global': {'scrape_interval': '1s', 'scrape_timeout': '1s', 'evaluation_interval': '1s'}, 'rule_files': ['rules.yaml'],
                       'scrape_configs': [{'job_name': 'dbaas-api', 'static_configs': [{'targets': [cls.stack.base.removeprefix('http://')]}]}]}, file)
        cls.base = f'http://127.0.0.1:{free_port()}'
        with open(os.path.join(folder, 'log'), 'wb') as log:
            process = spawn(['prometheus', f'--config.file={folder}/prometheus.yml', f'--storage.tsdb.path={folder}/data',
                             f"--web.listen-address={cls.base.removeprefix('http://')}"], stdout=log, stderr=log)
        cls.addClassCleanup(end, process)
        wait_until(lambda: cls.result('count_over_time(dbaas_databases[1m]) > 2'), what='three scrapes by Prometheus')

    @classmethod
    def result(cls, expression):
        response = request('GET', f'{cls.base}/api/v1/query?query={urllib.parse.quote(expression)}')
        if response.status in (0, 503):
            return []
        assert response.status == 200, f'{expression}: {response.text}'
        return response.json['data']['result']

    def wait_for_data(self, queries):
        missing = dict(queries)

        def update():
            self.stack.get('/api/v1/databases')  # the rates of requests need some
            for name, expression in list(missing.items()):
                if self.result(expression):
                    del missing[name]
            return not missing
        try:
            wait_until(update, 90)
        except AssertionError:
            self.fail(f'no data: {missing}')

    def test_each_query_of_the_dashboards_returns_data(self):
        queries = {}
        for board, title, expression in dashboards():
            if 'dbaas_mongodb_' in expression:
                continue  # this platform has no MongoDB
            queries[board, title, expression] = expression.replace('$__rate_interval', '1m').replace('$job', 'dbaas-api')
        self.assertGreater(len(queries), 30)
        self.wait_for_data(queries)

    def test_each_recording_rule_returns_data(self):
        self.wait_for_data({name: name for name in re.findall(r'- record: (\S+)', rules_text())})

    def test_no_alert_fires_on_a_healthy_platform(self):
        self.assertEqual(self.result('ALERTS{alertstate="firing"}'), [])


if __name__ == '__main__':
    unittest.main(verbosity=2)
