#!/usr/bin/env python3
"""Tests of coverage.py: which files count for which module, and the table."""

import os
import sys
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import coverage  # noqa: E402  (found through the path above)


def export(files):
    return {'data': [{'files': [{'filename': '/checkout/' + path, 'summary': {'lines': {'count': count, 'covered': covered}}}
                                for path, count, covered in files]}]}


class counting(unittest.TestCase):
    def test_counts_sources_by_module(self):
        files = [('src/base/clock.cpp', 10, 5), ('src/base/clock.hpp', 2, 2), ('src/base/clock_test.cpp', 50, 50),
                 ('devcluster/runtime/redis.cpp', 4, 1), ('testing/fake.cpp', 9, 9), ('build/coverage/page.cpp', 9, 9)]
        counts = coverage.count_lines(export(files), '/checkout')
        self.assertEqual(counts, {'src/base': [2, 12, 7], 'devcluster/runtime': [1, 4, 1]})

    def test_prints_percentages_and_a_total(self):
        lines = coverage.format_table({'src/base': [2, 12, 6], 'src/aio': [0, 0, 0]}).split('\n')
        self.assertEqual(lines[1].split(), ['src/aio', '0', '0', '0', '0.0%'])
        self.assertEqual(lines[2].split(), ['src/base', '2', '12', '6', '50.0%'])
        self.assertEqual(lines[3].split(), ['total', '2', '12', '6', '50.0%'])
        self.assertEqual(coverage.format_table({}).split('\n')[1].split(), ['total', '0', '0', '0', '0.0%'])


class choosing(unittest.TestCase):
    def test_chooses_all_tests_or_those_of_modules(self):
        with mock.patch.object(coverage, 'read_tests', lambda: (['base_test', 'wire_test'], ['devcluster_test'])):
            self.assertEqual(coverage.choose_tests([]), (['base_test', 'wire_test', 'dbaas', 'dbaas-devcluster'],
                                                         ['base_test', 'wire_test', 'devcluster_test']))
            self.assertEqual(coverage.choose_tests(['src/base/']), (['base_test'], ['base_test']))
            with self.assertRaisesRegex(coverage.Failed, "no module 'bsae'.*base wire"):
                coverage.choose_tests(['bsae'])


if __name__ == '__main__':
    unittest.main()
