#!/usr/bin/env python3
"""The alerts, recording rules and dashboards of k8s/monitoring, with promtool and with a Prometheus that scrapes a real platform."""

import glob
import http.server
import json
import os
import queue
import re
import socket
import subprocess
import tempfile
import textwrap
import threading
import unittest
import urllib.parse

from process import end, spawn
from stack import Stack, request, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MONITORING = os.path.join(ROOT, 'k8s/monitoring')
REQUESTS = 'dbaas_http_requests_total{{route="/api/v1/databases",method="POST",status="{}"}}'
BUCKETS = 'dbaas_http_request_duration_seconds_bucket{{route="/api/v1/databases",method="POST",status="202",le="{}"}}'
OPERATIONS = 'dbaas_operations_total{{kind="create",phase="{}"}}'
CRON_JOB = 'kube_cronjob_{}{{namespace="dbaas-system",cronjob="dbaas-backup"}}'
# Alerts that need more than the 8 hours of the others, and are evaluated every 10 minutes.
LONG_CASES = {'DbaasBackupNeverSucceeded': '30h'}
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
    'DbaasOperationBudgetBurnsFast': ([(OPERATIONS.format('succeeded'), '0+8x600'), (OPERATIONS.format('failed'), '0+2x600')],
                                      [(OPERATIONS.format('succeeded'), '0+95x600'), (OPERATIONS.format('failed'), '0+5x600')]),
    'DbaasOperationBudgetBurnsSlowly': ([(OPERATIONS.format('succeeded'), '0+9x600'), (OPERATIONS.format('failed'), '0+1x600')],
                                        [(OPERATIONS.format('succeeded'), '0+9x600'), (OPERATIONS.format('cancelled'), '0+9x600'), (OPERATIONS.format('failed'), '1x600')]),
    'DbaasReconcileQueueLong': ([('dbaas_reconcile_queue_depth', '101x600')], [('dbaas_reconcile_queue_depth', '100x600')]),
    'DbaasStoreFails': ([('dbaas_store_failures_total', '0+1x600')], [('dbaas_store_failures_total', '3x600')]),
    'DbaasDatabasesDegraded': ([('dbaas_databases_by_status{status="failed"}', '2x600')],
                               [('dbaas_databases_by_status{status="failed"}', '0x600'), ('dbaas_databases_by_status{status="provisioning"}', '2x600')]),
    'DbaasBackupOld': ([(CRON_JOB.format('status_last_successful_time'), '-129600x600')], [(CRON_JOB.format('status_last_successful_time'), '0x600')]),
    'DbaasBackupNeverSucceeded': ([(CRON_JOB.format('info'), '1x1900')],
                                  [(CRON_JOB.format('info'), '1x1900'), (CRON_JOB.format('status_last_successful_time'), '0x1900')]),
    'DbaasReplicasDisagree': ([('dbaas_replicas{instance="a"}', '3x600'), ('dbaas_replicas{instance="b"}', '2x600')],
                              [('dbaas_replicas{instance="a"}', '3x600'), ('dbaas_replicas{instance="b"}', '3x600')]),
    'DbaasRedisDisconnected': ([('dbaas_redis_connected{instance="a"}', '0x600'), ('dbaas_redis_connected{instance="b"}', '1x600')],
                               [('dbaas_redis_connected{instance="a"}', '1x600')]),
    'DbaasMongodbPoolExhausted': ([('dbaas_mongodb_queue_depth{instance="a"}', '5x600'), ('dbaas_mongodb_connections_in_use{instance="a"}', '50x600'),
                                   ('dbaas_mongodb_connections_max{instance="a"}', '50x600')],
                                  [('dbaas_mongodb_queue_depth{instance="a"}', '5x600'), ('dbaas_mongodb_connections_in_use{instance="a"}', '49x600'),
                                   ('dbaas_mongodb_connections_max{instance="a"}', '50x600')]),
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


def rules_of(alert):
    """Returns a rule file with the alert and the recording rules that it uses, because promtool evaluates every rule in each case."""
    text = re.sub(r'(?m)^ *- name: .*$', '- name:', rules_text())
    rules = {name: rule for rule, name in re.findall(r'(?ms)^( *- (?:alert|record): (\S+)\n.*?)(?=^ *- |\Z)', text)}
    used, waiting = set(), [alert]
    while waiting:
        used.add(waiting.pop())
        waiting += [name for name in rules if name not in used and any(name in rules[each] for each in used)]
    return 'groups:\n- name: used\n  rules:\n' + ''.join(textwrap.indent(textwrap.dedent(rules[name]), '  ') for name in rules if name in used)


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
        text = file.read()
    return {name: 'gauge' for name in documented_series(text)} | dict(re.findall(r'^\| `(dbaas_\w+)` \| (counter|gauge|histogram) \|', text, re.M))


def documented_series(text):
    """Returns the names of the metrics of the databases in the text of docs/metrics.md."""
    return re.findall(r'^\| `(dbaas_database_\w+)` \|', text, re.M)


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
        files = {}
        for alert, (bad, good) in CASES.items():
            tests = [{'interval': '1m', 'input_series': [{'series': name, 'values': values} for name, values in series], 'promql_expr_test': [
                {'expr': f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)', 'eval_time': LONG_CASES.get(alert, '8h'),
                 'exp_samples': [{'labels': '{}', 'value': count}]}]} for series, count in ((bad, 1), (good, 0))]
            files[f'{alert}.rules'] = rules_of(alert)
            files[f'{alert}.json'] = json.dumps({'rule_files': [f'{alert}.rules'], 'evaluation_interval': '10m' if alert in LONG_CASES else '1m',
                                                 'tests': tests})
        self.promtool('test rules ' + ' '.join(f'{alert}.json' for alert in CASES), files)

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
                       'scrape_configs': [{'job_name': 'dbaas-api', 'static_configs': [{'targets': [cls.stack.base.removeprefix('http://')]}]},
                                          {'job_name': 'dbaas-databases', 'metrics_path': '/metrics/databases', 'params': {'project': ['default']},
                                           'static_configs': [{'targets': [cls.stack.base.removeprefix('http://')]}]}]}, file)
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
            self.stack.post('/api/v1/databases', {})
            for name, expression in list(missing.items()):
                if self.result(expression):
                    del missing[name]
            return not missing
        try:
            wait_until(update, 90)
        except AssertionError:
            self.fail(f'no data: {missing}')

    def exported_series(self, **headers):
        page = self.stack.get('/metrics/databases', headers=headers)
        self.assertEqual(page.status, 200, page.text)
        return page, set(re.findall(r'^(dbaas_database_\w+)\{', page.text, re.M))

    def test_promtool_accepts_the_page_of_the_databases(self):
        page, exported = self.exported_series()
        done = subprocess.run(['promtool', 'check', 'metrics'], input=page.text, capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ''))
        with open(os.path.join(ROOT, 'docs/metrics.md'), encoding='utf-8') as file:
            documented = documented_series(file.read())
        self.assertLess(exported, set(documented))
        self.assertEqual(re.findall(r'^# TYPE (\w+) ', page.text, re.M), documented)

    def test_prometheus_negotiates_open_metrics_and_reads_every_series(self):
        """Prometheus rejects a whole page with one malformed line, and then reports up as 0."""
        page, exported = self.exported_series(Accept='application/openmetrics-text')
        self.assertTrue(page.text.endswith('\n# EOF\n'), page.text[-100:])
        for name in exported:
            wait_until(lambda name=name: self.result(f'{name}{{job="dbaas-databases",database="watched"}}'), what=name)
        self.assertEqual([item['value'][1] for item in self.result('up{job="dbaas-databases"}')], ['1'])
        self.assertEqual(self.result('dbaas_database_phase{database="watched"}')[0]['metric']['phase'], 'running')

    def test_each_query_of_the_dashboards_returns_data(self):
        queries = {}
        wait_until(lambda: 'dbaas_database_operations_per_second' in self.exported_series()[1], what='rates of the database')
        exported = self.exported_series()[1]
        for board, title, expression in dashboards():
            if 'dbaas_mongodb_' in expression:
                continue  # this platform has no MongoDB
            if set(re.findall(r'\bdbaas_database_\w+', expression)) - exported:
                continue  # Redis does not report the metric
            queries[board, title, expression] = (expression.replace('$__rate_interval', '1m').replace('$job', 'dbaas-api')
                                                 .replace('$project', 'default').replace('$database', 'watched'))
        self.assertGreater(len(queries), 45)
        self.wait_for_data(queries)

    def test_each_recording_rule_returns_data(self):
        self.wait_for_data({name: name for name in re.findall(r'- record: (\S+)', rules_text())})

    def test_no_alert_fires_on_a_healthy_platform(self):
        self.assertEqual(self.result('ALERTS{alertstate="firing"}'), [])


class Delivery(unittest.TestCase):
    """Prometheus evaluates the rules without a platform, and Alertmanager delivers by the example of its configuration."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.deliveries = queue.SimpleQueue()  # (path, alert, status)
        deliveries = self.deliveries

        class Receiver(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                for alert in json.loads(self.rfile.read(int(self.headers['Content-Length'])))['alerts']:
                    deliveries.put((self.path, alert['labels']['alertname'], alert['status']))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Receiver)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.receiver = f'http://127.0.0.1:{server.server_port}'

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def start(self, *command):
        with open(os.path.join(self.folder, os.path.basename(command[0]) + '.log'), 'wb') as log:
            self.addCleanup(end, spawn(command, stdout=log, stderr=log))

    def test_amtool_accepts_the_example(self):
        done = subprocess.run(['amtool', 'check-config', os.path.join(MONITORING, 'alertmanager.yml')], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_critical_alert_reaches_the_pager_and_a_warning_the_chat(self):
        with open(os.path.join(MONITORING, 'alertmanager.yml'), encoding='utf-8') as file:
            example = re.sub(r'https://(\w+)\.example\.com', rf'{self.receiver}/\1', file.read())
        config = self.write('alertmanager.yml', re.sub(r'group_(wait|interval): \w+', r'group_\1: 1s', example))
        manager, base = f'127.0.0.1:{free_port()}', f'127.0.0.1:{free_port()}'
        self.start('prometheus-alertmanager', f'--config.file={config}', f'--storage.path={self.folder}/alerts', f'--web.listen-address={manager}',
                   '--cluster.listen-address=')
        # One series is absent from a Prometheus without a platform: DbaasDown fires. A second rule shows the other receiver.
        rules = re.sub(r'for: \w+', 'for: 0s', rules_text())
        self.write('rules.yaml', rules)
        self.write('warning.yaml', json.dumps({'groups': [{'name': 'own', 'rules': [
            {'alert': 'OwnWarning', 'expr': 'vector(1)', 'labels': {'severity': 'warning'}}]}]}))
        settings = self.write('prometheus.yml', json.dumps({
            'global': {'evaluation_interval': '1s'}, 'rule_files': ['rules.yaml', 'warning.yaml'],
            'alerting': {'alertmanagers': [{'static_configs': [{'targets': [manager]}]}]}}))
        self.start('prometheus', f'--config.file={settings}', f'--storage.tsdb.path={self.folder}/data', f'--web.listen-address={base}',
                   '--rules.alert.resend-delay=1s')  # the first alerts come before Alertmanager is discovered
        expected = {('/pager/alerts', 'DbaasDown', 'firing'), ('/chat/alerts', 'OwnWarning', 'firing')}
        received = set()
        while not expected <= received:
            received.add(self.deliveries.get(timeout=60))
        self.assertEqual(received, expected)


if __name__ == '__main__':
    unittest.main(verbosity=2)
