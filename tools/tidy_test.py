#!/usr/bin/env python3
"""tidy.py against small trees: each bad snippet is found at its line, and the good tree is clean."""

import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402  (found through the path above)
import tidy_words  # noqa: E402

HEADER = '#pragma once\n// A header.\n'
GOOD = {
    'src/base/README.md': 'why\n',
    'src/base/clock.hpp': HEADER + '#include <chrono>\n',
    'src/base/clock.cpp': '#include "base/clock.hpp"\n\nnamespace base {\nint one() {\n    return 1\'000;\n}\n}\n',
    'src/http/README.md': 'why\n',
    'src/http/server.hpp': HEADER + '#include <boost/asio/awaitable.hpp>\n\n#include "base/clock.hpp"\n',
    'src/http/server.cpp': '#include "http/server.hpp"\n\n#include <boost/beast/http.hpp>\n// printf("no") XX TO DO\n',
    'src/http/server_test.cpp': '#include "http/server.hpp"\n#include "test/support/clock.hpp"\n',
    'test/support/clock.hpp': HEADER + '#include "base/clock.hpp"\n',
}


def findings(extra, fails_only=True):
    """(path, line, rule) of everything found in the good tree with `extra` files over it."""
    with tempfile.TemporaryDirectory(prefix='tidy-') as root:
        for path, text in {**GOOD, **extra}.items():
            if text is None:
                continue
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), 'w', encoding='utf-8') as file:
                file.write(text)
        return [(path, line, rule) for path, line, rule, _, fails in tidy.tidy(root).run() if fails or not fails_only]


class tidy_finds(unittest.TestCase):
    def only(self, path, text, line, rule, **others):
        self.assertEqual(findings({path: text, **others}), [(path, line, rule)])

    def test_nothing_in_a_good_tree(self):
        self.assertEqual(findings({}, fails_only=False), [])

    def test_an_upward_arrow(self):
        self.only('src/base/x.cpp', '#include <string>\n#include "http/server.hpp"\n', 2, 'arrow')

    def test_a_sideways_arrow_between_adapters(self):
        self.only('src/http/x.hpp', HEADER + '#include "domain/types.hpp"\n', 3, 'arrow')

    def test_an_include_of_main(self):
        self.only('test/support/x.cpp', '#include "main/wiring.hpp"\n', 1, 'arrow')

    def test_production_code_that_uses_testing(self):
        self.only('src/http/x.cpp', '#include "test/support/clock.hpp"\n', 1, 'arrow')

    def test_the_api_server_of_the_devcluster_seeing_the_client(self):
        readme = {'devcluster/apiserver/README.md': 'why\n', 'devcluster/controller/README.md': 'why\n'}
        text = '#include "kube/kube_client.hpp"\n'
        self.assertEqual(findings({**readme, 'devcluster/controller/x.cpp': text}), [])
        self.assertEqual(findings({**readme, 'devcluster/apiserver/x.cpp': text}),
                         [('devcluster/apiserver/x.cpp', 1, 'arrow')])

    def test_a_circle(self):
        found = findings({'devcluster/a/README.md': '', 'devcluster/b/README.md': '',
                          'devcluster/a/x.cpp': '#include "devcluster/b/y.hpp"\n',
                          'devcluster/b/z.cpp': '#include "devcluster/a/y.hpp"\n'})
        self.assertEqual([rule for _, _, rule in found], ['circle'])

    def test_an_include_without_a_room(self):
        self.only('src/base/x.cpp', '#include "clock.hpp"\n', 1, 'include')

    def test_foreign_headers_outside_their_rooms(self):
        for header in ('sqlite3.h', 'boost/beast/core.hpp', 'boost/asio/io_context.hpp', 'openssl/ssl.h', 'simdjson.h',
                       'yaml-cpp/yaml.h', 'mongoc/mongoc.h', 'hiredis/hiredis.h'):
            with self.subTest(header):
                self.only('src/base/x.cpp', f'\n#include <{header}>\n', 2, 'foreign')

    def test_a_heavy_header_in_a_header_at_home(self):
        self.only('src/http/x.hpp', HEADER + '#include <openssl/ssl.h>\n', 3, 'foreign')

    def test_a_header_that_is_not_a_good_one(self):
        self.only('src/base/x.hpp', '// late\n#pragma once\n', 1, 'header')
        self.only('src/base/x.hpp', '#pragma once\n\nint x;\n', 2, 'header')
        self.only('src/base/x.hpp', HEADER + 'using namespace std;\n', 3, 'header')

    def test_a_wrong_first_include(self):
        self.only('src/base/clock.cpp', '#include <string>\n#include "base/clock.hpp"\n', 1, 'first-include')
        self.only('src/base/clock_test.cpp', '#include <gtest/gtest.h>\n#include "base/clock.hpp"\n', 1, 'first-include')

    def test_banned_calls(self):
        for call in ('std::this_thread::sleep_for(1s);', 'usleep(5);', 'std::cout << 1;', 'printf("x");',
                     'fmt::print("x");', 'std::getenv("HOME");', 'rand();', 'strcpy(a, b);', 'std::thread t(f);'):
            with self.subTest(call):
                self.only('src/base/x.cpp', f'void f() {{\n    {call}\n}}\n', 2, 'banned')
        self.only('src/base/x_test.cpp', 'std::this_thread::sleep_for(1s);\n', 1, 'banned')

    def test_no_banned_calls_in_comments_and_text(self):
        self.assertEqual(findings({'src/base/x.cpp': '// printf("x")\nauto a = "rand()";\nauto b = R"(usleep(1))";\n'
                                                     '/* std::cout\n std::cerr */\nint snprintf_like();\n'}), [])

    def test_leftovers_and_machine_paths(self):
        self.only('src/base/x.cpp', '\n// FIXME later\n', 2, 'leftover')
        self.only('src/base/x.cpp', '// TODO: think\n', 1, 'leftover')
        self.assertEqual(findings({'src/base/x.cpp': '// TODO(waits for clang-20): use it\n'}), [])
        self.assertEqual(findings({'docs/x.md': 'we leave no TODO\n'}), [])

    def test_machine_paths_wherever_text_is(self):
        for folder in ('/home', '/root', '/tmp', '/work'):
            for path in ('docs/x.md', 'cmake/x.cmake', 'dev', '.ci/run', 'test/apifuzz/x.toml', 'bench/x.lua'):
                with self.subTest(folder + path):
                    self.only(path, f'a\nread {folder}/me/x\n', 2, 'machine-path')
            text = f'{folder} ../tmp/x ~{folder}s/x example.com{folder}/x ./work/x\n'
            self.assertEqual(findings({'docs/x.md': text, 'build/x': f'{folder}/x', 'bench/x.bin': f'\0{folder}/x'}), [])

    def test_a_missing_readme(self):
        found = findings({'src/obs/log.hpp': HEADER})
        self.assertEqual(found, [('src/obs/README.md', 1, 'readme')])

    def test_the_readme_of_a_module_covers_its_subfolders(self):
        self.assertEqual(findings({'src/obs/README.md': 'why\n', 'src/obs/text/log.hpp': HEADER}), [])
        self.assertEqual(findings({'src/obs/text/log.hpp': HEADER}), [('src/obs/README.md', 1, 'readme')])

    def test_sizes_beyond_the_limits(self):
        self.only('src/base/x.cpp', 'int x;\n// ' + 'y' * 118 + '\n', 2, 'line-length')
        self.only('src/base/x.cpp', 'int x;\n' * 601, 601, 'file-length')
        body = '    x += 1;\n' * 99
        self.only('src/base/x.cpp', 'int y;\nvoid f(int x,\n       int z) {\n' + body + '}\n', 3, 'function-length')
        inner = 'namespace base {\nclass a {\n    void f() {\n' + body + '    }\n};\n}\n'
        self.only('src/base/x.cpp', inner, 3, 'function-length')
        self.assertEqual(findings({'src/base/x.cpp': 'namespace base {\n' + 'void f() {\n}\n' * 150 + '}\n'}), [])

    def test_sizes_over_the_style_limits_as_warnings(self):
        text = '// ' + 'y' * 100 + '\nvoid f() {\n' + '    x();\n' * 75 + '}\n'
        self.assertEqual(findings({'src/base/x.cpp': text}), [])
        self.assertEqual(findings({'src/base/x.cpp': text}, fails_only=False),
                         [('src/base/x.cpp', 1, 'line-length'), ('src/base/x.cpp', 2, 'function-length')])

    def test_rooms_that_make_no_circle_of_their_own(self):
        order = list(tidy.MODULES)
        for module, below in tidy.MODULES.items():
            for target in below.split():
                self.assertLess(order.index(target), order.index(module), f'{module} -> {target}')

    def test_names_except_where_they_are_pending(self):
        pending = {tidy_words.NAMES_PENDING_PATH: 'src/base/\n', 'tools/README.md': 'why\n'}
        self.only('src/base/x.cpp', '\nint told = 1;\n', 2, 'names')
        self.assertEqual(findings({**pending, 'src/base/x.cpp': 'int told = 1;\n'}, fails_only=False), [])
        self.assertEqual(findings(pending, fails_only=False), [(tidy_words.NAMES_PENDING_PATH, 1, 'names')])

    def test_base_names_that_two_modules_share(self):
        self.only('src/http/clock.cpp', '', 1, 'base-name')
        self.assertEqual(findings({'src/http/clock_test.cpp': '', 'src/base/main.cpp': '', 'src/http/main.cpp': ''}), [])

    def test_words_except_where_they_are_pending(self):
        self.only('src/base/x.cpp', '\n// Waits for ever.\n', 2, 'words')
        pending = {tidy_words.PENDING_PATH: '# comment\n\nsrc/base/\n', 'tools/README.md': 'why\n'}
        self.assertEqual(findings({**pending, 'src/base/x.cpp': '// Waits for ever.\n'}, fails_only=False), [])
        self.assertEqual(findings({**pending, 'src/base/x.cpp': '// Waits indefinitely.\n'}, fails_only=False),
                         [(tidy_words.PENDING_PATH, 1, 'words')])
        self.assertEqual(findings({**pending, 'src/http/y.cpp': '// Waits for ever.\n', 'src/base/x.cpp': '// anew\n'}),
                         [('src/http/y.cpp', 1, 'words')])


class word_search(unittest.TestCase):
    def lines(self, path, text):
        return [line for line, _ in tidy_words.find(path, text)]

    def test_finds_each_word(self):
        for text in ('waits for ever', 'starts anew', 'nobody reads', 'the caller is told', 'the next server answers',
                     'it stands beside the file', 'done by half', 'the file is packed', 'databases fall ill',
                     'as many as it may', 'waits so long', 'the lease has run out', 'is taken away', 'meanwhile it waits',
                     'a file of its own', 'an object of ours', 'is turned away', 'a refusal', 'no room may include it',
                     'an exception at the door', 'a doubtful write', 'is played here', 'must end in time'):
            with self.subTest(text):
                self.assertEqual(self.lines('x.cpp', f'\n// The code {text}.\n'), [2])
                self.assertEqual(self.lines('x.cpp', f'log("the code {text}");\n'), [1])
                self.assertEqual(self.lines('x.md', f'# Title\n\n- item\n- The code {text}.\n'), [4])
                self.assertEqual(self.lines('x.py', f'x = 1  # The code {text}.\n'), [1])
                self.assertEqual(self.lines('x.py', f'def f():\n    \"\"\"The code\n    {text}.\"\"\"\n'), [3])
                self.assertEqual(self.lines('x.sh', f'#!/bin/sh\necho "the code {text}"\n'), [2])
                self.assertEqual(self.lines('x.cmake', f'set(x 1)  # The code {text}.\n'), [1])
                self.assertEqual(self.lines('x.yaml', f'# The code {text}.\nx: 1\n'), [1])
                self.assertEqual(self.lines('x_test.cpp', f'TEST(a, the_code_{text.replace(" ", "_")}) {{\n}}\n'), [1])
                self.assertEqual(self.lines('x.py', f'def test_{text.replace(" ", "_")}():\n    pass\n'), [1])

    def test_finds_words_over_a_line_break(self):
        self.assertEqual(self.lines('x.cpp', '// It waits for\n// ever.\n')[-1:], [1])
        self.assertEqual(self.lines('x.py', '# The loop waits for\n# ever.\n'), [1])

    def test_accepts_plain_english(self):
        for text in ('at least one, at most five', 'connection refused', 'removes the entry', 'a resident memory of 5 MiB',
                     'runs out of memory', 'a point in time', 'displays the foretold doorstep', 'calls `tell` once',
                     'not "answer" but response', 'see https://example.com/house', 'see src/http/farewell.hpp', 'module'):
            with self.subTest(text):
                self.assertEqual(self.lines('x.cpp', f'// The code {text}.\n'), [])
                self.assertEqual(self.lines('x.md', f'The code {text}.\n'), [])

    def test_finds_comments_that_begin_without_an_actor(self):
        for text in ('What is written.', 'Who waits for it.', 'Of what is gone.', 'That are reported.', 'It waits.',
                     'Waits. What is written later.', 'Those that wait.'):
            with self.subTest(text):
                self.assertEqual(self.lines('x.cpp', f'// {text}\n'), [1])
                self.assertEqual(self.lines('x.py', f'\"\"\"{text}\"\"\"\n'), [1])
        for text in ('What is written?', 'Writes what is given.', 'Waits until\n// What ends.', 'Whatsoever.'):
            with self.subTest(text):
                self.assertEqual(self.lines('x.cpp', f'// {text}\n'), [])
        self.assertEqual(self.lines('x_test.cpp', 'TEST(a, what_waits_ends) {\n}\n'), [1])

    def test_finds_names_of_bounds(self):
        self.assertEqual(self.lines('x.cpp', 'int least = 1;\nint size_most = at_most(2);\nint x = most;\n'), [1, 2, 3])
        self.assertEqual(self.lines('x.cpp', 'int size_min = at_least(1);\nstd::int_least8_t y;\n'), [])
        self.assertEqual(self.lines('x.py', 'f(least=1)  # at least\n'), [1])

    def test_finds_names_that_are_not_nouns(self):
        def names(text):
            return [found.split('"')[1] for _, found in tidy_words.find_names(text)]
        self.assertEqual(names('const auto told = f();\n'), ['told'])
        self.assertEqual(names('void f(std::string_view what, int& into, const T* from = {});\n'), ['what', 'into', 'from'])
        self.assertEqual(names('std::map<int, std::string> by_;\nstd::vector<int> of{1};\n'), ['by_', 'of'])
        self.assertEqual(names('for (auto at = x.begin(); true;) {}\nfor (const auto& which : all) {}\n'), ['at', 'which'])
        for text in ('return what;', 'co_return told;', 'a && told)', 'x * from;', 'f(told);', 'auto told_by = 1;', 'x.at(1);',
                     'sizeof to)', 'x ? a : gone)', 'auto it = f();', 'auto result = made;'):
            with self.subTest(text):
                self.assertEqual(names(text), [])

    def test_skips_code_data_and_marked_lines(self):
        self.assertEqual(self.lines('x.cpp', '#include "http/farewell.hpp"\nauto x = told(y);\n'), [])
        self.assertEqual(self.lines('x.cpp', 'get("refused");\n'), [])
        self.assertEqual(self.lines('x.cpp', '// A quotation: told.  words-ok\n'), [])
        self.assertEqual(self.lines('x.json', '"for ever"\n'), [])


if __name__ == '__main__':
    unittest.main()
