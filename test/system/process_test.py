#!/usr/bin/env python3
"""Tests of process.py in a separate program: no child outlives it, however it ends."""

import os
import select
import signal
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

# Starts a child, prints its pid and waits for it in a test. Prints a line after the cleanup.
PROGRAM = '''
import atexit, sys, unittest
sys.path.insert(0, sys.argv.pop(1))
from process import end, run, spawn

class waiting(unittest.TestCase):
    def test_a_child(self):
        child = spawn(['sleep', '60'])
        atexit.register(lambda: (end(child), print('cleaned up', flush=True)))
        print(child.pid, flush=True)
        child.wait()

run(unittest.main)
'''


class process_test(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='dbaas-test-')
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, 'program.py')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(PROGRAM)
        self.program = subprocess.Popen([sys.executable, path, HERE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.program.stdout.close)
        self.addCleanup(self.program.kill)
        self.child = os.pidfd_open(int(self.program.stdout.readline()))
        self.addCleanup(os.close, self.child)

    def child_has_ended(self):
        return bool(select.select([self.child], [], [], 20)[0])

    def test_cleans_up_after_each_signal_and_exits_with_its_number(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            with self.subTest(number.name):
                if number != signal.SIGTERM:
                    self.setUp()
                self.program.send_signal(number)
                self.assertEqual(self.program.stdout.read(), 'cleaned up\n')
                self.assertEqual(self.program.wait(), 128 + number)
                self.assertTrue(self.child_has_ended())

    def test_leaves_no_child_when_it_is_killed(self):
        self.program.kill()
        self.assertTrue(self.child_has_ended())


if __name__ == '__main__':
    unittest.main()
