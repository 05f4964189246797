#!/usr/bin/env python3
"""`dbaas serve` with a Sentry server that records what it receives. sentry-sdk's own class reads the envelopes if it is installed."""

import gzip
import http.server
import json
import os
import shutil
import signal
import tempfile
import threading
import unittest

from process import end, spawn
from serve_test import KUBECONFIG
from stack import wait_until

try:
    from sentry_sdk.envelope import Envelope
except ImportError:
    Envelope = None


class Recorder(http.server.ThreadingHTTPServer):
    """Records requests. `responses` are the next statuses and headers; then 200."""

    def __init__(self):
        self.received = []
        self.responses = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                if self.headers.get('Content-Encoding') == 'gzip':
                    body = gzip.decompress(body)
                owner.received.append((self.path, dict(self.headers), body))
                status, headers = owner.responses.pop(0) if owner.responses else (200, {})
                self.send_response(status)
                for name, value in {'Content-Length': '2', **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b'{}')

            def log_message(self, *_):
                pass
        super().__init__(('127.0.0.1', 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Sentry(unittest.TestCase):
    def setUp(self):
        self.recorder = Recorder()
        self.addCleanup(self.recorder.close)
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.config = os.path.join(self.folder, 'config.yaml')
        self.configure('log-level: info')
        kubeconfig = os.path.join(self.folder, 'kubeconfig')
        with open(kubeconfig, 'w', encoding='utf-8') as file:
            file.write(KUBECONFIG)
        self.kubeconfig = kubeconfig
        self.start('log')

    def start(self, log):
        self.log = os.path.join(self.folder, log)
        with open(self.log, 'wb') as out:
            self.process = spawn([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'serve', '--listen', '127.0.0.1:0', '--kubeconfig', self.kubeconfig,
                                  '--data-dir', os.path.join(self.folder, 'data'), '--log-format', 'json', '--config', self.config], stdout=out, stderr=out,
                                 env={'PATH': os.environ['PATH'], 'ENVIRONMENT': 'staging', 'SENTRY_DSN': f'http://k3y@127.0.0.1:{self.recorder.server_port}/42'})
        self.addCleanup(end, self.process)
        wait_until(lambda: self.events('serving'), what='the platform')

    def configure(self, text):
        with open(self.config, 'w', encoding='utf-8') as file:
            file.write(text + '\n')

    def events(self, name):
        with open(self.log, encoding='utf-8') as file:
            lines = [json.loads(line) for line in file if line.endswith('}\n')]
        return [line for line in lines if line['event'] == name]

    def fail_a_reload(self):
        """Causes the error `reload`."""
        count = len(self.events('reload'))
        self.configure('log-level: loud')
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(self.events('reload')) > count, what='the reload')

    def test_an_error_of_the_log_becomes_one_event(self):
        self.fail_a_reload()
        self.fail_a_reload()
        wait_until(lambda: self.recorder.received, what='the report')
        (path, headers, body), = self.recorder.received
        self.assertEqual(path, '/api/42/envelope/')
        self.assertRegex(headers['X-Sentry-Auth'], r'^Sentry sentry_version=7, sentry_client=dbaas/\S+, sentry_key=k3y$')
        self.assertEqual(headers['Content-Type'], 'application/x-sentry-envelope')
        lines = body.split(b'\n', 2)
        item = json.loads(lines[1])
        event = json.loads(lines[2][:item['length']])
        self.assertEqual(lines[2][item['length']:], b'\n')
        self.assertEqual(json.loads(lines[0])['event_id'], event['event_id'])
        self.assertEqual((event['level'], event['environment'], event['tags']['event']), ('error', 'staging', 'reload'))
        self.assertIn('LOG_LEVEL', event['logentry']['formatted'])
        self.assertIn('serving', [crumb['category'] for crumb in event['breadcrumbs']['values']])
        self.assertNotIn(b'k3y', body)
        if Envelope is None:
            self.skipTest('sentry-sdk is not installed: its class did not read the envelope')
        parsed = Envelope.deserialize(body)
        self.assertEqual(parsed.get_event(), event)
        self.assertEqual(parsed.headers['event_id'], event['event_id'])
        self.assertEqual([entry.type for entry in parsed.items], ['event'])

    def test_a_report_waits_for_the_limits_of_the_server(self):
        self.recorder.responses = [(429, {'X-Sentry-Rate-Limits': '2:error:key', 'Retry-After': '1'}), (503, {})]
        self.fail_a_reload()
        wait_until(lambda: len(self.recorder.received) == 3, 30, 'the third attempt')
        self.assertEqual(len({json.loads(body.split(b'\n', 1)[0])['event_id'] for _, _, body in self.recorder.received}), 1)

    def test_the_start_after_a_crash_reports_it_once(self):
        self.process.send_signal(signal.SIGSEGV)
        self.assertEqual(self.process.wait(60), -signal.SIGSEGV)
        record = os.path.join(self.folder, 'data/crash-record')
        with open(record, encoding='utf-8') as file:
            text = file.read()
        self.assertRegex(text, r'^dbaas-crash 1\nsignal 11\n')
        self.assertNotIn('k3y', text)
        self.start('second.log')
        self.assertFalse(os.path.exists(record))
        wait_until(lambda: self.recorder.received, what='the report')
        (_, _, body), = self.recorder.received
        lines = body.split(b'\n', 2)
        event = json.loads(lines[2][:json.loads(lines[1])['length']])
        self.assertEqual((event['level'], event['tags']['event'], event['extra']['name']), ('fatal', 'process_crashed', 'SIGSEGV'))
        self.assertEqual(event['fingerprint'], ['process_crashed', event['extra']['code'], 'SIGSEGV'])
        self.assertGreater(len(event['extra']['frames'].split()), 1)
        logged, = self.events('process_crashed')
        self.assertEqual((logged['level'], logged['frames']), ('CRITICAL', event['extra']['frames']))
        end(self.process)
        self.start('third.log')
        self.assertEqual(self.events('process_crashed'), [])

    def test_a_server_that_is_away_delays_neither_requests_nor_the_end(self):
        self.recorder.close()
        self.fail_a_reload()
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(60), 0)


if __name__ == '__main__':
    unittest.main(verbosity=2)
