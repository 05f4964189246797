#!/usr/bin/env python3
"""Tests of prove.py: which steps run, the table, and the exit status."""

import contextlib
import io
import os
import sys
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import prove  # noqa: E402  (found through the path above)


def run_with(arguments, codes):
    """Runs main() with fake processes, which exit with `codes` in turn. Returns the exit status, the commands, the output."""
    commands, output = [], io.StringIO()
    remaining = iter(codes)

    def fake_run(command, **_):
        commands.append(command)
        return mock.Mock(returncode=next(remaining))

    with mock.patch.object(sys, 'argv', ['prove.py', *arguments]), mock.patch.object(prove.subprocess, 'run', fake_run), \
            contextlib.redirect_stdout(output):
        return prove.main(), commands, output.getvalue()


class proving(unittest.TestCase):
    def test_runs_the_named_steps_alone(self):
        status, commands, output = run_with(['fuzz', 'clients'], [0, 0])
        self.assertEqual(status, 0)
        self.assertEqual(commands, [['./dev', 'clients'], ['./dev', 'fuzz', '--minutes', '5']])
        self.assertIn('clients      passed', output)

    def test_a_failed_step_does_not_stop_the_others_and_fails_the_run(self):
        status, commands, output = run_with(['clients', 'fuzz'], [1, 0])
        self.assertEqual(status, 1)
        self.assertEqual(len(commands), 2)
        self.assertIn('clients      FAILED', output)
        self.assertIn('fuzz         passed', output)

    def test_an_unknown_step_is_an_error_that_names_the_steps(self):
        with contextlib.redirect_stderr(io.StringIO()) as errors, self.assertRaises(SystemExit) as end:
            run_with(['everything'], [])
        self.assertEqual(end.exception.code, 2)
        self.assertIn("unknown step 'everything'; the steps are lint, live", errors.getvalue())

    def test_durations_are_minutes_and_seconds(self):
        self.assertEqual(prove.duration_text(725.9), '12:05')


if __name__ == '__main__':
    unittest.main()
