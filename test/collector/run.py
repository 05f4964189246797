#!/usr/bin/env python3
"""Sends the traces and the audit log of a platform through a real OpenTelemetry Collector, and compares what it passes on with what the platform sent.

./dev collector builds the collector and runs this program.
"""

import argparse
import json
import os
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'test/system'))

# pylint: disable=wrong-import-position
from fault_servers import free_port
from process import end, spawn
from sentry_test import Recorder
from stack import Stack, wait_until
from traces_test import TRACE, TRACEPARENT, attributes

CONFIG = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}
exporters:
  otlphttp: {{endpoint: "http://127.0.0.1:{target}", encoding: json, compression: none}}
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlphttp]}}
    logs: {{receivers: [otlp], exporters: [otlphttp]}}
  telemetry: {{metrics: {{level: none}}}}
"""
EXPECTED = {'POST /api/v1/databases': 2, 'put databases': 3, 'operation create': 1, 'reconcile create_object': 1, 'create postgreses': 3}


class Collector(unittest.TestCase):
    program = None

    def setUp(self):
        self.target = Recorder()
        self.addCleanup(self.target.close)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        port = free_port()
        config = os.path.join(folder.name, 'config.yaml')
        with open(config, 'w', encoding='utf-8') as file:
            file.write(CONFIG.format(port=port, target=self.target.server_port))
        log = os.path.join(folder.name, 'log')
        with open(log, 'wb') as out:
            self.collector = spawn([self.program, '--config', 'file:' + config], stdout=out, stderr=out, env={'PATH': os.environ['PATH']})
        self.addCleanup(end, self.collector)

        def is_ready():
            with open(log, encoding='utf-8') as file:
                text = file.read()
            assert self.collector.poll() is None, text
            return 'Everything is ready' in text
        wait_until(is_ready, what='the collector')
        self.stack = Stack()
        self.addCleanup(self.stack.close)
        self.stack.start_cluster('--synthetic', '1')
        self.stack.start_platform(OTEL_EXPORTER_OTLP_ENDPOINT=f'http://127.0.0.1:{port}', OTEL_SERVICE_NAME='platform', DBAAS_AUDIT_EXPORT='otlp')
        self.stack.wait_for_engine('postgres')

    def spans(self):
        """Returns the spans of the trace that the collector has passed on, by name, with the service."""
        result = {}
        for _, _, body in list(self.target.received):
            for batch in json.loads(body).get('resourceSpans', []):
                service = attributes(batch['resource'])['service.name']
                for span in (span for scope in batch['scopeSpans'] for span in scope['spans'] if span['traceId'] == TRACE):
                    result.setdefault(span['name'], (service, span))
        return result

    def test_the_collector_passes_on_the_trace_of_an_operation(self):
        created = self.stack.post('/api/v1/databases', {'project': 'default', 'name': 'traced', 'engine': 'postgres', 'size': 'micro', 'storage': {'size': '1Gi'}},
                                  headers={'traceparent': TRACEPARENT})
        self.assertEqual(created.status, 202, created.text)
        wait_until(lambda: EXPECTED.keys() <= self.spans().keys(), what='the spans')
        spans = self.spans()
        for name, kind in EXPECTED.items():
            service, span = spans[name]
            self.assertEqual((service, span['kind']), ('platform', kind), name)
            self.assertLess(int(span['startTimeUnixNano']), int(span['endTimeUnixNano']), name)
        ids = {name: span['spanId'] for name, (_, span) in spans.items()}
        parents = {name: spans[name][1]['parentSpanId'] for name in EXPECTED}
        self.assertEqual(parents['operation create'], ids['POST /api/v1/databases'])
        self.assertEqual(parents['reconcile create_object'], ids['operation create'])
        self.assertEqual(parents['create postgreses'], ids['reconcile create_object'])
        self.assertEqual(attributes(spans['POST /api/v1/databases'][1])['http.response.status_code'], '202')
        metrics = self.stack.get('/metrics').text
        self.assertIn('\ndbaas_spans_dropped_total 0\n', metrics)

    def test_the_collector_passes_on_the_audit_log(self):
        self.assertEqual(self.stack.post('/api/v1/projects', {'name': 'shop'}).status, 201)

        def rows():
            groups = [group for _, _, body in list(self.target.received) for group in json.loads(body).get('resourceLogs', [])]
            return [(line['body'], attributes(line)) for group in groups for scope in group['scopeLogs'] for line in scope['logRecords']]
        wait_until(lambda: any(row['action'] == 'create_project' and row['outcome'] == 'success' for _, row in rows()), what='the row')
        self.assertEqual({body['stringValue'] for body, _ in rows()}, {'audit'})
        self.assertIn('\ndbaas_log_lines_export_dropped_total 0\n', self.stack.get('/metrics').text)


def main():
    parser = argparse.ArgumentParser(prog='./dev collector', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bin', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--programs', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--check', action='store_true', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.check:
        return
    os.environ['DBAAS_BIN'] = options.bin
    Collector.program = os.path.join(options.programs, 'collector')
    unittest.main(argv=[sys.argv[0]], verbosity=2)


if __name__ == '__main__':
    main()
