#!/usr/bin/env python3
"""Tests of commit_check.py: the rules on messages, and the commands in small repositories."""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import commit_check  # noqa: E402  (found through the path above)

HOOK = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'hooks', 'commit-msg')
BODY = '\n\nProblem and change.\n'


class message_rules(unittest.TestCase):
    def test_accepts_good_messages(self):
        for subject in ('kube: Rename reader to request_reader', 'tests, api: Remove duplicated setup', 'http: Pass the deadline',
                        'src/kube: Embed the page', 'docs/adr: Process requests in order', 'tools: Focus on one thing',
                        'x: ' + 'A' * 69):
            with self.subTest(subject):
                self.assertEqual(commit_check.check_message(subject + BODY), [])

    def test_rejects_bad_subjects(self):
        for subject, part in (('Rename things', 'area: Imperative'), ('kube: rename it', 'capital'), ('Kube: Rename it', 'area: '),
                              ('kube: Rename it.', 'period'), ('kube:Rename it', 'area: '), ('kube: ' + 'A' * 67, '73 columns'),
                              ('kube: The lease is renamed', 'not a verb'), ('kube: It waits', 'not a verb'),
                              ('kube: What waits, ends', 'not a verb'), ('kube: Renamed it', 'not an imperative'),
                              ('kube: Renaming it', 'not an imperative'), ('kube: Renames it', 'not an imperative')):
            with self.subTest(subject):
                found = commit_check.check_message(subject + BODY)
                self.assertEqual(len(found), 1, found)
                self.assertIn(part, found[0])

    def test_rejects_bad_bodies(self):
        subject = 'kube: Rename it'
        for rest, part in (('', 'body is missing'), ('\nbody', 'must be blank'), ('\n\n' + 'word ' * 21, 'line 3 has 104')):
            with self.subTest(rest):
                found = commit_check.check_message(subject + rest)
                self.assertEqual(len(found), 1, found)
                self.assertIn(part, found[0])
        self.assertEqual(commit_check.check_message(subject + '\n\nhttps://example.com/' + 'x' * 100), [])

    def test_ignores_the_comments_of_an_editor(self):
        text = 'kube: Rename it\n# comment\n\nbody\n# ------------------------ >8 ------------------------\ndiff\n'
        self.assertEqual(commit_check.without_comments(text), 'kube: Rename it\n\nbody')


class repository(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='commit-check-')
        self.addCleanup(folder.cleanup)
        self.root = os.path.join(folder.name, 'repository')
        self.clone = os.path.join(folder.name, 'clone')
        self.env = {**os.environ, 'GIT_CONFIG_GLOBAL': os.devnull, 'GIT_CONFIG_NOSYSTEM': '1'}
        for name in ('GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE'):  # set while git runs this in a hook
            self.env.pop(name, None)
        self.git('init', '-q', self.root, folder=folder.name)
        self.commit('old: what was, is')
        self.base = self.git('rev-parse', 'HEAD').stdout.strip()

    def git(self, *arguments, folder=None, check=True):
        return subprocess.run(('git', '-c', 'user.name=a', '-c', 'user.email=a@example.com', '-c', 'protocol.file.allow=always',
                               *arguments), cwd=folder or self.root, env=self.env, capture_output=True, text=True, check=check)

    def commit(self, message):
        self.git('commit', '-q', '--allow-empty', '-m', message)

    def check(self, *arguments, folder=None):
        """Returns (exit status, output)."""
        run = subprocess.run((sys.executable, '-c', 'import sys; sys.path.insert(0, sys.argv[1]); import commit_check; '
                              'sys.exit(commit_check.main(sys.argv[3:], sys.argv[2]))', os.path.dirname(HOOK) + '/..', self.base,
                              *arguments), cwd=folder or self.root, env={**self.env, 'PYTHONDONTWRITEBYTECODE': '1'},
                             capture_output=True, text=True, check=False)
        return run.returncode, run.stdout + run.stderr

    def test_exempts_commits_up_to_the_base(self):
        self.assertEqual(self.check(), (0, 'commit_check: 0 commits, 0 findings\n'))
        self.commit('kube: Rename it\n\nbody')
        self.assertEqual(self.check(), (0, 'commit_check: 1 commits, 0 findings\n'))

    def test_reports_each_bad_commit(self):
        self.commit('kube: Rename it\n\nbody')
        self.commit('kube: it is renamed\n\nbody')
        status, output = self.check()
        self.assertEqual(status, 1)
        self.assertIn('"it" must begin with a capital', output)
        self.assertIn('2 commits, 2 findings', output)

    def test_checks_a_given_range(self):
        self.commit('bad')
        self.commit('kube: Rename it\n\nbody')
        self.assertEqual(self.check('HEAD~1..HEAD')[0], 0)
        self.assertEqual(self.check('HEAD~2..HEAD')[0], 1)
        self.assertEqual(self.check('no_such_branch')[0], 2)

    def test_skips_a_shallow_clone_and_says_so(self):
        self.commit('bad')
        self.git('clone', '-q', '--depth', '1', 'file://' + self.root, self.clone)
        status, output = self.check(folder=self.clone)
        self.assertEqual(status, 0)
        self.assertIn('skipped', output)
        self.assertIn('shallow', output)

    def test_skips_a_history_without_the_base_and_says_so(self):
        self.git('checkout', '-q', '--orphan', 'other')
        self.commit('bad')
        status, output = self.check()
        self.assertEqual((status, 'does not contain' in output), (0, True), output)

    def test_skips_a_folder_without_git_and_says_so(self):
        with tempfile.TemporaryDirectory(prefix='commit-check-') as folder:
            status, output = self.check(folder=folder)
            self.assertEqual((status, 'not a git checkout' in output), (0, True), output)

    def test_the_hook_rejects_a_bad_message(self):
        self.git('config', 'core.hooksPath', os.path.dirname(HOOK))
        self.assertNotEqual(self.git('commit', '-q', '--allow-empty', '-m', 'bad', check=False).returncode, 0)
        self.commit('kube: Rename it\n\nbody')
        self.commit('fixup! kube: Rename it')


class command_line(unittest.TestCase):
    def test_help_explains_the_range(self):
        output = io.StringIO()
        with contextlib.redirect_stdout(output), self.assertRaises(SystemExit):
            commit_check.main(['--help'])
        self.assertIn('RANGE', output.getvalue())


if __name__ == '__main__':
    unittest.main()
