#!/usr/bin/env python3
"""`dbaas serve` with an OpenTelemetry collector that records what it receives. The protobuf parser of OpenTelemetry reads the requests if it is installed."""

import base64
import json
import os
import re
import signal
import subprocess
import tempfile
import unittest

from sentry_test import Recorder
from stack import Stack, wait_until

try:
    from google.protobuf.json_format import Parse
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
except ImportError:
    Parse = None

TRACE = '0af7651916cd43dd8448eb211c80319c'
PARENT = 'b7ad6b7169203331'
TRACEPARENT = f'00-{TRACE}-{PARENT}-01'


def attributes(item):
    return {entry['key']: next(iter(entry['value'].values())) for entry in item['attributes']}


class Traces(unittest.TestCase):
    def setUp(self):
        self.collector = Recorder()
        self.addCleanup(self.collector.close)
        self.stack = Stack()
        self.addCleanup(self.stack.close)

    def start(self, **env):
        self.stack.start_cluster('--synthetic', '1')
        self.start_platform(**env)
        self.stack.wait_for_engine('postgres')

    def start_platform(self, **env):
        self.stack.start_platform(OTEL_EXPORTER_OTLP_ENDPOINT=f'http://127.0.0.1:{self.collector.server_port}',
                                  OTEL_EXPORTER_OTLP_HEADERS='Authorization=Bearer%20s3cret', OTEL_SERVICE_NAME='platform',
                                  OTEL_RESOURCE_ATTRIBUTES='team=data%20base', **env)

    def create(self, name):
        return self.stack.post('/api/v1/databases', {'project': 'default', 'name': name, 'engine': 'postgres', 'size': 'micro', 'storage': {'size': '1Gi'}},
                               headers={'traceparent': TRACEPARENT})

    def batches(self):
        return [json.loads(body)['resourceSpans'][0] for _, _, body in list(self.collector.received)]

    def spans(self, trace=None):
        return [span for batch in self.batches() for span in batch['scopeSpans'][0]['spans'] if trace in (None, span['traceId'])]

    def instance_of(self, span):
        return next(attributes(batch['resource'])['service.instance.id'] for batch in self.batches() if span in batch['scopeSpans'][0]['spans'])

    def span_named(self, name, trace=None):
        return wait_until(lambda: next((span for span in self.spans(trace) if span['name'] == name), None), what=name)

    def log_lines(self, event):
        with open(os.path.join(self.stack.folder, 'platform.log'), encoding='utf-8') as file:
            lines = [json.loads(line) for line in file if line.endswith('}\n')]
        return [line for line in lines if line['event'] == event]

    def test_a_request_is_one_server_span_without_its_query(self):
        self.start()
        self.assertEqual(self.stack.get('/api/v1/databases?q=qu3ry', headers={'traceparent': TRACEPARENT, 'X-Request-Id': 'one'}).status, 200)
        span = self.span_named('GET /api/v1/databases', TRACE)
        self.assertEqual((span['parentSpanId'], span['kind'], span['status']), (PARENT, 2, {}))
        self.assertEqual(attributes(span), {'http.request.method': 'GET', 'http.route': '/api/v1/databases', 'http.response.status_code': '200',
                                            'dbaas.request_id': 'one'})
        self.assertLessEqual(int(span['startTimeUnixNano']), int(span['endTimeUnixNano']))
        line, = [line for line in self.log_lines('request') if line['request_id'] == 'one']
        self.assertEqual(line['trace_id'], TRACE)
        path, headers, _ = self.collector.received[0]
        self.assertEqual((path, headers['Content-Type'], headers['Authorization']), ('/v1/traces', 'application/json', 'Bearer s3cret'))
        resource = attributes(self.batches()[0]['resource'])
        self.assertEqual((resource['service.name'], resource['team']), ('platform', 'data base'))
        self.assertNotIn('qu3ry', ''.join(body.decode() for _, _, body in self.collector.received))
        self.assertNotIn('s3cret', self.stack.log_tail('platform.log', 10_000))
        # The platform counts spans when it has the response of the collector.
        wait_until(lambda: '\ndbaas_spans_exported_total 0\n' not in self.stack.get('/metrics').text, 60, 'the count of spans')
        metrics = self.stack.get('/metrics').text
        self.assertTrue(re.search(r'\ndbaas_spans_exported_total [1-9]', metrics), 'exported spans')
        self.assertIn('dbaas_spans_dropped_total 0', metrics.splitlines())

    def test_the_client_and_the_sampler_decide(self):
        self.start(OTEL_TRACES_SAMPLER='parentbased_always_off')
        for index, parent in enumerate((f'00-{TRACE}-{PARENT}-00', 'no traceparent', TRACEPARENT)):
            self.assertEqual(self.stack.get('/api/v1/projects', headers={'traceparent': parent, 'X-Request-Id': str(index)}).status, 200)
        self.span_named('GET /api/v1/projects')
        self.stack.platform.send_signal(signal.SIGTERM)
        self.assertEqual(self.stack.platform.wait(60), 0)
        self.assertEqual([attributes(span)['dbaas.request_id'] for span in self.spans()], ['2'])
        ids = {line['request_id']: line.get('trace_id') for line in self.log_lines('request')}
        self.assertEqual((ids['0'], ids['1'], ids['2']), (TRACE, None, TRACE))

    def test_an_operation_is_one_trace_also_if_another_process_ends_it(self):
        self.start()
        self.stack.cluster.send_signal(signal.SIGSTOP)  # so that the first process cannot end the operation
        response = self.create('traced')
        self.assertEqual(response.status, 202, response.text)
        database, operation = response.json['database']['id'], response.json['operation']['id']
        request = self.span_named('POST /api/v1/databases', TRACE)
        stored = self.span_named('put databases', TRACE)
        self.assertEqual((request['parentSpanId'], stored['parentSpanId']), (PARENT, request['spanId']))
        self.stack.kill_platform()
        self.stack.cluster.send_signal(signal.SIGCONT)
        self.start_platform()
        self.stack.wait_for(database, 'running')
        ended = self.span_named('operation create', TRACE)
        self.assertEqual(ended['parentSpanId'], request['spanId'])
        self.assertEqual((attributes(ended)['dbaas.operation_id'], attributes(ended)['dbaas.operation_phase']), (operation, 'succeeded'))
        step = self.span_named('reconcile create_object', TRACE)
        self.assertEqual(step['parentSpanId'], ended['spanId'])
        call = self.span_named('create postgreses', TRACE)
        self.assertEqual((call['parentSpanId'], call['kind'], attributes(call)['http.response.status_code']), (step['spanId'], 3, '201'))
        # The namespace of the project, before the object.
        self.assertEqual(self.span_named('create namespaces', TRACE)['parentSpanId'], step['spanId'])
        login = self.stack.get(f'/api/v1/databases/{database}/credentials', headers={'traceparent': TRACEPARENT, 'X-Request-Id': 'login'})
        self.assertEqual(login.status, 200, login.text)
        read = self.span_named('read_credentials postgres', TRACE)
        self.assertEqual(read['parentSpanId'], self.span_named('GET /api/v1/databases/{id}/credentials', TRACE)['spanId'])
        self.assertEqual(self.span_named('get secrets', TRACE)['parentSpanId'], read['spanId'])
        line, = self.log_lines('database_create_accepted')
        self.assertEqual(line['trace_id'], TRACE)
        self.assertEqual(self.stack.get(f'/api/v1/databases/{database}/metrics', headers={'traceparent': TRACEPARENT}).status, 200)
        self.assertEqual(wait_until(lambda: self.log_lines('metrics_returned_from_cache'), what='the line')[-1]['trace_id'], TRACE)
        scrape = self.span_named('scrape postgres')
        self.assertNotEqual(scrape['traceId'], TRACE)
        self.assertEqual(self.stack.delete(f'/api/v1/databases/{database}', headers={'traceparent': TRACEPARENT}).status, 202)
        self.span_named('operation delete', TRACE)
        self.assertNotEqual(self.instance_of(request), self.instance_of(ended))

    def test_writes_of_projects_belong_to_their_requests(self):
        self.start()
        headers = {'traceparent': TRACEPARENT}
        self.assertEqual(self.stack.post('/api/v1/projects', {'name': 'shop'}, headers=headers).status, 201)
        created = self.span_named('put projects', TRACE)
        self.assertEqual(created['parentSpanId'], self.span_named('POST /api/v1/projects', TRACE)['spanId'])
        self.assertEqual((created['kind'], attributes(created)), (3, {'db.operation.name': 'put', 'db.collection.name': 'projects'}))
        self.assertEqual(self.stack.patch('/api/v1/projects/shop', {'display_name': 'Shop'}, headers=headers).status, 200)
        changed = self.span_named('PATCH /api/v1/projects/{name}', TRACE)
        self.assertIn(changed['spanId'], [span['parentSpanId'] for span in self.spans(TRACE) if span['name'] == 'put projects'])
        self.assertEqual(self.stack.delete('/api/v1/projects/shop', headers=headers).status, 204)
        removed = self.span_named('remove projects', TRACE)
        self.assertEqual(removed['parentSpanId'], self.span_named('DELETE /api/v1/projects/{name}', TRACE)['spanId'])

    def test_spans_wait_for_a_collector_that_is_overloaded(self):
        self.collector.responses = [(503, {'Retry-After': '1'}), (429, {})]
        self.start()
        self.stack.get('/api/v1/projects', headers={'traceparent': TRACEPARENT})
        self.span_named('GET /api/v1/projects', TRACE)
        wait_until(lambda: len(self.collector.received) >= 3, what='the third attempt')
        first, second, third = [body for _, _, body in self.collector.received[:3]]
        self.assertEqual((second, third), (first, first))

    def test_a_collector_that_is_away_delays_neither_requests_nor_the_end(self):
        self.collector.close()
        self.start()
        self.assertEqual(self.stack.get('/api/v1/projects').status, 200)
        wait_until(lambda: self.log_lines('traces_not_exported'), what='the warning')
        self.stack.platform.send_signal(signal.SIGTERM)
        self.assertEqual(self.stack.platform.wait(60), 0)

    @unittest.skipIf(Parse is None, "opentelemetry-proto is not installed: OpenTelemetry's parser did not read the requests")
    def test_the_parser_of_opentelemetry_reads_every_request(self):
        self.start()
        self.assertEqual(self.create('traced').status, 202)
        self.span_named('operation create', TRACE)
        kinds = set()
        for _, _, body in list(self.collector.received):
            # The JSON of OTLP has ids in hexadecimal, that of protocol buffers in base64. An unknown or wrongly spelled member is an error.
            encoded = re.sub(r'"((?:trace|span|parentSpan)Id)":"([0-9a-f]+)"',
                             lambda match: f'"{match[1]}":"{base64.b64encode(bytes.fromhex(match[2])).decode()}"', body.decode())
            for batch in Parse(encoded, ExportTraceServiceRequest()).resource_spans:
                for span in (span for scope in batch.scope_spans for span in scope.spans):
                    self.assertEqual((len(span.trace_id), len(span.span_id)), (16, 8))
                    kinds.add(span.kind)
        self.assertEqual(kinds, {1, 2, 3})


class Options(unittest.TestCase):
    def test_an_invalid_option_is_an_error_without_its_value(self):
        for name, value in (('OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'), ('OTEL_EXPORTER_OTLP_HEADERS', 's3cret'),
                            ('OTEL_EXPORTER_OTLP_HEADERS', 'a=s3cret%0A'), ('OTEL_RESOURCE_ATTRIBUTES', 's3cret'), ('OTEL_TRACES_SAMPLER', 'sometimes'),
                            ('OTEL_TRACES_SAMPLER_ARG', 's3cret')):
            with self.subTest(name=name, value=value), tempfile.TemporaryDirectory() as folder:
                env = {'PATH': os.environ['PATH'], 'OTEL_EXPORTER_OTLP_ENDPOINT': 'http://127.0.0.1:1', 'OTEL_TRACES_SAMPLER': 'traceidratio', name: value}
                ended = subprocess.run([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'serve', '--listen', '127.0.0.1:0', '--data-dir', folder],
                                       capture_output=True, text=True, check=False, timeout=60, env=env)
                self.assertNotEqual(ended.returncode, 0)
                self.assertIn(name, ended.stderr + ended.stdout)
                self.assertNotIn('s3cret', ended.stderr + ended.stdout)


if __name__ == '__main__':
    unittest.main(verbosity=2)
