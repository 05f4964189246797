#!/usr/bin/env python3
"""k8s/logging reads the log of a real platform. Vector's own language evaluates its program, if the package pyvrl is installed."""

import datetime
import json
import os
import re
import signal
import tempfile
import textwrap
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


if __name__ == '__main__':
    unittest.main(verbosity=2)
