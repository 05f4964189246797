#!/usr/bin/env python3
"""k8s/logging reads the log of a real platform. Vector's own language evaluates its program, if the package pyvrl is installed, and Fluent Bit runs if it is
in PATH."""

import datetime
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import textwrap
import threading
import unittest

from process import end, spawn
from serve_test import KUBECONFIG
from stack import wait_until

try:
    import pyvrl
except ImportError:
    pyvrl = None

LOGGING = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), 'k8s/logging')


def read(name):
    with open(os.path.join(LOGGING, name), encoding='utf-8') as file:
        return file.read()


class Cluster(http.server.ThreadingHTTPServer):
    """Receives what an agent sends to Loki and Elasticsearch, and knows the pod as the API server does."""

    def __init__(self):
        self.received = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def respond(self, body):
                text = json.dumps(body).encode()
                self.send_response(200)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self):
                self.respond({'kind': 'Pod', 'metadata': {'name': 'dbaas-api-1', 'namespace': 'dbaas-system', 'uid': '1', 'labels': {}, 'annotations': {}},
                              'spec': {'nodeName': 'node-1', 'containers': []}, 'status': {}})

            def do_POST(self):
                owner.received.append((self.path, self.rfile.read(int(self.headers['Content-Length'])).decode()))
                self.respond({'errors': False, 'items': []})

            def log_message(self, *_):
                pass
        super().__init__(('127.0.0.1', 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Logging(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            kubeconfig = os.path.join(folder, 'kubeconfig')
            with open(kubeconfig, 'w', encoding='utf-8') as file:
                file.write(KUBECONFIG)
            log = os.path.join(folder, 'log')
            with open(log, 'wb') as out:
                process = spawn([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'serve', '--listen', '127.0.0.1:0', '--kubeconfig', kubeconfig,
                                 '--data-dir', os.path.join(folder, 'data'), '--log-format', 'json'], stdout=out, stderr=out, env={'PATH': os.environ['PATH']})
            cls.addClassCleanup(end, process)

            def lines():
                with open(log, encoding='utf-8') as file:
                    return [line.rstrip('\n') for line in file if line.endswith('}\n')]
            wait_until(lambda: any('"event":"serving"' in line for line in lines()), what='the platform')
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            cls.lines = lines()

    def test_the_time_of_each_line_has_the_format_of_fluent_bit(self):
        time_format = re.search(r"time_format: '(.*)'", read('fluent-bit.yaml'))[1]
        for line in self.lines:
            text = json.loads(line)['timestamp']
            # %L of Fluent Bit is the fraction of a second; Python's name of it is %f.
            self.assertEqual(datetime.datetime.strptime(text, time_format.replace('%L', '%f')).year // 100, 20, text)

    def test_the_labels_are_members_of_each_line(self):
        for line in self.lines:
            self.assertLessEqual({'level', 'event', 'timestamp'}, set(json.loads(line)))

    @unittest.skipIf(pyvrl is None, 'pyvrl is not installed')
    def test_vector_parses_each_line_and_keeps_other_text(self):
        program = textwrap.dedent(re.search(r'    source: \|\n((?: {6}.*\n)+)', read('vector.yaml'))[1])
        transform = pyvrl.Transform(program + '\n.')  # pyvrl returns the value of the last expression
        for line in self.lines:
            expected = json.loads(line)
            event = transform.remap({'message': line, 'timestamp': '2000-01-01T00:00:00Z'})
            self.assertEqual((event['level'], event['event']), (expected.pop('level').lower(), expected.pop('event')))
            self.assertTrue(str(event['timestamp']).startswith(expected.pop('timestamp')[:10]), event)
            self.assertEqual(event['fields'], expected)
            self.assertNotIn('message', event)
        for text in ('dbaas: invalid options', '[1]', '"text"', ''):
            event = transform.remap({'message': text})
            self.assertEqual((event['event'], event['level'], event['message']), ('text', 'unknown', text))

    def start_fluent_bit(self, folder, cluster):
        """Starts Fluent Bit with the file of the kit: other paths and addresses, nothing else."""
        text = read('fluent-bit.yaml').replace('/var/log/containers', folder).replace('/var/lib/fluent-bit', folder)
        text = re.sub(r'host: .*\n( *)port: .*', rf'host: 127.0.0.1\n\1port: {cluster.server_port}', text)
        token = os.path.join(folder, 'token')
        with open(token, 'w', encoding='utf-8') as file:
            file.write('t0ken')
        kubernetes = {'kube_url': f'http://127.0.0.1:{cluster.server_port}', 'kube_tag_prefix': f'kube.{folder[1:].replace("/", ".")}.',
                      'kube_token_file': token}
        text = text.replace('  - name: kubernetes\n', ''.join(['  - name: kubernetes\n', *(f'    {key}: {value}\n' for key, value in kubernetes.items())]))
        text = text.replace('    tag: kube.*\n', '    tag: kube.*\n    read_from_head: true\n')  # the lines are older than the agent
        path = os.path.join(folder, 'fluent-bit.yaml')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        log = open(os.path.join(folder, 'agent.log'), 'wb')  # pylint: disable=consider-using-with
        self.addCleanup(log.close)
        self.addCleanup(end, spawn(['fluent-bit', '-c', path], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={'PATH': os.environ['PATH']}))

    @unittest.skipUnless(shutil.which('fluent-bit'), 'Fluent Bit is not installed')
    def test_fluent_bit_sends_each_line_to_loki_and_elasticsearch(self):
        cluster = Cluster()
        self.addCleanup(cluster.close)
        folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        lines = [*self.lines, 'dbaas: invalid options']
        with open(os.path.join(folder, f'dbaas-api-1_dbaas-system_dbaas-{"0" * 64}.log'), 'w', encoding='utf-8') as file:
            for line in lines:
                file.write(f'2026-01-01T00:00:00.000000001Z stderr F {line}\n')
        self.start_fluent_bit(folder, cluster)

        def streams():
            return [stream for path, body in list(cluster.received) if path == '/loki/api/v1/push' for stream in json.loads(body)['streams']]

        def documents():
            bulks = [body for path, body in list(cluster.received) if path.startswith('/_bulk')]
            return [json.loads(line) for body in bulks for line in body.splitlines()[1::2]]
        wait_until(lambda: sum(len(stream['values']) for stream in streams()) == len(lines) == len(documents()), what='all lines')
        for line in map(json.loads, self.lines):
            labels = {'app': 'kubedb-dbaas', 'pod': 'dbaas-api-1', 'level': line.pop('level'), 'event': line.pop('event')}
            time = line.pop('timestamp')
            values = [json.loads(value) for stream in streams() if stream['stream'] == labels for _, value in stream['values']]
            self.assertTrue(any(value.items() >= line.items() for value in values), (labels, line))
            times = [document['@timestamp'] for document in documents() if document.items() >= line.items() and document['event'] == labels['event']]
            self.assertIn(time[:23] + 'Z', times)
        self.assertEqual({document['kubernetes']['pod_name'] for document in documents()}, {'dbaas-api-1'})
        self.assertIn('dbaas: invalid options', [document.get('log') for document in documents()])


if __name__ == '__main__':
    unittest.main(verbosity=2)
