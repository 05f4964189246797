#!/usr/bin/env python3
"""Tests of lint.py in small trees, with a script in the place of clang-tidy."""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lint  # noqa: E402  (found through the path above)

# Reports each line that contains "bad", in the file, and records its runs.
FAKE = '''#!/usr/bin/env python3
import os, sys
if '--version' in sys.argv:
    print(os.environ.get('FAKE_VERSION', '19'))
    sys.exit()
path = sys.argv[-1]
with open(os.environ['FAKE_RUNS'], 'a') as runs:
    runs.write(os.path.basename(path) + '\\n')
for number, line in enumerate(open(path).read().split('\\n'), 1):
    if 'bad' in line:
        print(f'{path}:{number}:1: warning: this is bad [some-check]')
        print('    ' + line)
        print(f'{path}:{number}:1: note: because')
'''


class tree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='lint-')
        self.addCleanup(folder.cleanup)
        self.root = os.path.join(folder.name, 'checkout')
        self.runs = os.path.join(folder.name, 'runs')
        program = os.path.join(folder.name, 'clang-tidy')
        with open(program, 'w', encoding='utf-8') as file:
            file.write(FAKE)
        os.chmod(program, 0o755)
        patches = (mock.patch.object(lint, 'PROGRAM', program),
                   mock.patch.dict(os.environ, {'FAKE_RUNS': self.runs, 'GIT_CONFIG_GLOBAL': os.devnull, 'GIT_CONFIG_NOSYSTEM': '1'}))
        for patch in patches:
            patch.start()
            self.addCleanup(patch.stop)
        for name in ('GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'DEV_CALLED_FROM'):
            os.environ.pop(name, None)
        self.write({'.clang-tidy': 'Checks: x\n', '.gitignore': 'build/\n.cache/\n',
                    'src/base/clock.hpp': '#pragma once\n',
                    'src/base/clock.cpp': '#include "base/clock.hpp"\n',
                    'src/base/only.hpp': '#pragma once\n#include "base/clock.hpp"\n',
                    'src/http/server.cpp': '#include "base/only.hpp"\n',
                    'src/http/lonely.hpp': '#pragma once\n'})
        self.write_database('src/base/clock.cpp', 'src/http/server.cpp')
        self.git('init', '-q', '-b', 'main')
        self.commit()

    def write(self, files):
        for path, text in files.items():
            full = os.path.join(self.root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, 'w', encoding='utf-8') as file:
                file.write(text)

    def write_database(self, *sources, flags=''):
        entries = [{'directory': self.root, 'file': os.path.join(self.root, source), 'command': f'clang++ {flags} -c {source}'}
                   for source in sources]
        generated = {'directory': self.root, 'file': os.path.join(self.root, 'build/dev/page.cpp'), 'command': 'clang++'}
        self.write({'build/dev/compile_commands.json': json.dumps(entries + [generated])})

    def git(self, *arguments):
        subprocess.run(('git', '-c', 'user.name=a', '-c', 'user.email=a@example.com', *arguments), cwd=self.root, check=True,
                       capture_output=True)

    def commit(self):
        self.git('add', '-A')
        self.git('commit', '-q', '-m', 'x')

    def lint(self, *arguments):
        """Returns (exit status, standard output, names of the files that clang-tidy ran on)."""
        with open(self.runs, 'w', encoding='utf-8'):
            pass
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(io.StringIO()), contextlib.chdir(self.root):
            status = lint.main(['-j', '1', *arguments], self.root)
        with open(self.runs, encoding='utf-8') as file:
            return status, output.getvalue(), sorted(file.read().split())

    def test_reports_findings_with_their_lines(self):
        self.write({'src/base/clock.cpp': '#include "base/clock.hpp"\nint bad;\n'})
        status, output, _ = self.lint('--all')
        self.assertEqual(status, 1)
        self.assertIn('src/base/clock.cpp:2:1: [some-check] this is bad\n    int bad;\n', output)
        self.assertIn('1 findings; all files: 2 files', output)

    def test_caches_results_until_something_changes(self):
        self.write({'src/base/clock.cpp': '#include "base/clock.hpp"\nint bad;\n'})
        both, clock = ['clock.cpp', 'server.cpp'], ['clock.cpp']
        self.assertEqual(self.lint('--all')[2], both)
        status, output, runs = self.lint('--all')
        self.assertEqual((status, runs), (1, []))
        self.assertIn('this is bad', output)
        self.write({'src/base/clock.cpp': '#include "base/clock.hpp"\n'})
        self.assertEqual(self.lint('--all')[::2], (0, clock))
        self.write({'src/base/clock.hpp': '#pragma once\nint x;\n'})  # server.cpp includes it through only.hpp
        self.assertEqual(self.lint('--all')[2], both)
        self.write({'.clang-tidy': 'Checks: y\n'})
        self.assertEqual(self.lint('--all')[2], both)
        self.write_database('src/base/clock.cpp', 'src/http/server.cpp', flags='-DX')
        self.assertEqual(self.lint('--all')[2], both)
        with mock.patch.dict(os.environ, {'FAKE_VERSION': '20'}):
            self.assertEqual(self.lint('--all')[2], both)
        self.assertEqual(self.lint('--all')[2], [])

    def test_checks_a_header_through_a_cpp(self):
        self.assertEqual(self.lint('src/base/clock.hpp')[2], ['clock.cpp'])
        self.assertEqual(self.lint('src/base/only.hpp')[2], ['server.cpp'])
        self.assertEqual(self.lint('src/http/lonely.hpp')[::2], (0, []))

    def test_checks_changes_since_main(self):
        self.git('checkout', '-q', '-b', 'branch')
        self.write({'src/base/clock.cpp': 'int x;\n'})
        self.commit()
        self.write({'src/base/only.hpp': '#pragma once\nint y;\n'})
        status, output, runs = self.lint()
        self.assertEqual((status, runs), (0, ['clock.cpp', 'server.cpp']))
        self.assertIn('changes since main', output)

    def test_checks_the_last_commit_on_main(self):
        self.write({'src/base/clock.cpp': 'int x;\n'})
        self.commit()
        _, output, runs = self.lint()
        self.assertEqual(runs, ['clock.cpp'])
        self.assertIn('changes since HEAD~1', output)

    def test_limits_the_number_of_files(self):
        self.assertEqual(len(self.lint('--all', '--limit', '1')[2]), 1)
        self.assertEqual(len(self.lint('--all', '--limit', '1')[2]), 1)
        self.assertEqual(len(self.lint('--all', '--limit', '1')[2]), 0)

    def test_explains_what_is_missing(self):
        os.unlink(os.path.join(self.root, 'build/dev/compile_commands.json'))
        self.assertEqual(self.lint('--all')[0], 2)
        self.assertEqual(self.lint('no/such/file.cpp')[0], 2)


class parts(unittest.TestCase):
    def test_a_precompiled_header_is_included_as_text(self):
        command = 'clang++ -Xclang -fno-pch-timestamp -Winvalid-pch -Xclang -include-pch -Xclang a.pch -Xclang -include -Xclang a.hxx -c b.cpp'
        self.assertEqual(' '.join(lint.without_compiled_headers(command.split())), 'clang++ -include a.hxx -c b.cpp')
        shared = command.replace('a.hxx', 'build/CMakeFiles/precompiled_asio_tests.dir/cmake_pch.hxx')
        self.assertEqual(' '.join(lint.without_compiled_headers(shared.split())), 'clang++ -c b.cpp')

    def test_capturing_lambdas_that_their_caller_owns(self):
        for text in ('group.spawn([this]', 'loop.run(\n    [this]', 'co_return block_on<x>([&]', 'g.spawn(f(a, {b}), [this]',
                     'response.stream = [this]', 'response.stream =\n    [this]'):
            lines = text.split('\n')
            with self.subTest(text):
                self.assertTrue(lint.is_owned_lambda(text, len(lines), lines[-1].index('[') + 1))
        for text in ('stream = [this]', 'defer([this]', 'spawn(defer([this]', 'spawn(x);\nauto y = [this]', 'return [this]', '[this]'):
            lines = text.split('\n')
            with self.subTest(text):
                self.assertFalse(lint.is_owned_lambda(text, len(lines), lines[-1].index('[') + 1))


if __name__ == '__main__':
    unittest.main()
