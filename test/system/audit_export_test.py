#!/usr/bin/env python3
"""`dbaas serve` sends each row of the audit log to a collector by OTLP. The protobuf parser of OpenTelemetry reads the requests if it is installed."""

import json
import os
import signal
import subprocess
import tempfile
import unittest

import identity_test
from sentry_test import Recorder
from stack import wait_until
from traces_test import attributes

try:
    from google.protobuf.json_format import Parse
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
except ImportError:
    Parse = None

BINARY = os.path.join(os.environ['DBAAS_BIN'], 'dbaas')


class AuditExport(unittest.TestCase):
    start = identity_test.Identity.start
    kill = identity_test.Identity.kill
    request = identity_test.Identity.request
    admin_key = identity_test.Identity.admin_key

    def setUp(self):
        identity_test.Identity.setUp(self)
        self.collector = Recorder()
        self.addCleanup(self.collector.close)

    def serve(self, **env):
        self.start(DBAAS_AUDIT_EXPORT='otlp', OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=f'http://127.0.0.1:{self.collector.server_port}/v1/logs',
                   OTEL_EXPORTER_OTLP_HEADERS='Authorization=Bearer%20s3cret', LOG_LEVEL='info,app=warning', **env)

    def rows(self):
        """Returns the attributes of the rows that the collector has received."""
        groups = [group for _, _, body in list(self.collector.received) for group in json.loads(body)['resourceLogs']]
        return [attributes(line) for group in groups for scope in group['scopeLogs'] for line in scope['logRecords']]

    def create_project(self, name):
        self.assertEqual(self.request('POST', '/api/v1/projects', self.admin_key(), {'name': name}).status, 201)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(60), 0)

    def test_the_collector_has_every_row_also_those_of_the_end(self):
        self.serve()
        self.assertEqual(self.request('GET', '/api/v1/databases', 'dbk_wrong').status, 401)
        self.create_project('shop')
        wait_until(lambda: any(row['action'] == 'create_project' for row in self.rows()), what='the row')
        self.create_project('team')
        self.end()
        export = os.path.join(self.folder, 'audit.ndjson')
        with open(export, 'wb') as out:
            subprocess.run([BINARY, 'admin', 'audit', 'export', '--store', 'sqlite:' + os.path.join(self.data, 'platform.db')], stdout=out, check=True)
        with open(export, encoding='utf-8') as file:
            stored = [(row['chain'], row['seq'], row['action'], row['outcome']) for row in map(json.loads, file) if 'action' in row]
        received = [(row['chain'], int(row['seq']), row['action'], row['outcome']) for row in self.rows()]
        self.assertEqual(sorted(received), sorted(stored))
        self.assertIn('denied', {row[3] for row in received})
        with open(self.log, encoding='utf-8') as file:
            self.assertNotIn('"event":"audit"', file.read(), 'the level of the log does not matter')
        path, headers, _ = self.collector.received[0]
        self.assertEqual((path, headers['Authorization']), ('/v1/logs', 'Bearer s3cret'))
        # So a change of the stored rows is found with a hash that the collector has.
        last = [row['hash'] for row in self.rows() if row.get('hash')][-1]
        verified = subprocess.run([BINARY, 'admin', 'audit', 'verify', export, '--hash', last], capture_output=True, text=True, check=False)
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        for secret in (self.admin_key(), 's3cret', 'dbk_wrong'):
            self.assertNotIn(secret, ''.join(body.decode() for _, _, body in self.collector.received))

    def test_a_collector_that_is_away_delays_no_write_and_loses_no_row(self):
        self.collector.responses = [(503, {})] * 2
        self.serve()
        self.create_project('shop')
        wait_until(lambda: any(row['action'] == 'create_project' for row in self.rows()), what='the row')
        with open(self.log, encoding='utf-8') as file:
            self.assertEqual(file.read().count('"logs_not_exported"'), 1)
        metrics = self.request('GET', '/metrics', self.admin_key()).text.splitlines()
        self.assertIn('dbaas_log_lines_export_dropped_total 0', metrics)
        self.collector.close()
        self.create_project('team')
        self.end()

    @unittest.skipIf(Parse is None, "opentelemetry-proto is not installed: OpenTelemetry's parser did not read the requests")
    def test_the_parser_of_opentelemetry_reads_every_request(self):
        self.serve()
        self.create_project('shop')
        self.end()
        lines = []
        for _, _, body in self.collector.received:
            # An unknown or wrongly spelled member is an error.
            for group in Parse(body.decode(), ExportLogsServiceRequest()).resource_logs:
                self.assertIn('service.name', {entry.key for entry in group.resource.attributes})
                lines += [line for scope in group.scope_logs for line in scope.log_records]
        self.assertEqual({(line.body.string_value, line.severity_number) for line in lines}, {('audit', 9)})
        self.assertTrue(all(line.time_unix_nano > 0 for line in lines))

    def test_the_export_needs_a_collector(self):
        with tempfile.TemporaryDirectory() as folder:
            ended = subprocess.run([BINARY, 'serve', '--listen', '127.0.0.1:0', '--data-dir', folder, '--audit-export', 'otlp'],
                                   capture_output=True, text=True, check=False, timeout=60, env={'PATH': os.environ['PATH']})
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn('OTEL_EXPORTER_OTLP_LOGS_ENDPOINT', ended.stderr + ended.stdout)


if __name__ == '__main__':
    unittest.main(verbosity=2)
