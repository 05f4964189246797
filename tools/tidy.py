#!/usr/bin/env python3
"""Checks what a program can check of the house's rules: who may include whom, and STYLE.md.

Reads the sources, changes nothing. Prints one line per finding, "file:line: [rule] what is wrong; what to do", and ends
with 1 when there is a failure. Warnings (over a limit of STYLE.md, but not far) do not fail.
"""

import argparse
import os
import re
import sys

sys.dont_write_bytecode = True
import tidy_words  # noqa: E402  (leaves no __pycache__ behind)

# ---- the house, as data ----------------------------------------------------------------------------------------------
# Who may include whom: arrows go down only. A module may always include itself. (ARCHITECTURE.md)

MODULES = {
    'base': '',
    'domain': 'base',
    'config': 'base domain',
    'obs': 'base',
    'aio': 'base',
    'http': 'base aio obs',
    'ports': 'base domain aio',
    'app': 'base domain config obs aio ports',
    'kube': 'base aio http obs ports',
    'kubedb': 'base domain aio http obs ports kube',
    'scrape': 'base domain aio http obs ports',
    'sqlite': 'base domain aio obs ports',
    'inproc': 'base domain aio obs ports',
    'api': 'base domain config obs aio http ports app',
    'main': 'base domain config obs aio http ports app kube kubedb scrape sqlite inproc api',
}
# The house beside: what its modules (and a new one: '*') may include of the modules above. Among each other they are free, but
# for circles. The API server does not see the client that is tested against it.
DEVCLUSTER = {
    'apiserver': 'base aio http obs',
    'main': 'base aio http obs config kube',
    'synthetic': 'base domain aio http obs kube scrape',
    '*': 'base aio http obs kube',
}
# Places that may include every module but main.
PLACES = ('test', 'bench')

# Foreign headers at home in few modules: (pattern, modules, exceptions that everybody may include).
FOREIGN = [
    (r'sqlite3\.h$', 'sqlite', ''),
    (r'boost/beast', 'http', ''),
    (r'boost/asio', 'aio http', r'boost/asio/(awaitable|any_io_executor)\.hpp$'),
    (r'openssl/', 'http token test', ''),
    (r'simdjson', 'kube kubedb scrape devcluster', ''),
    (r'yaml-cpp/', 'config kube', ''),
    (r'(mongoc|bson)', 'mongo', ''),
    (r'hiredis/', 'redis', ''),
    (r'spdlog/', 'obs', ''),
    (r'sodium', 'token', ''),
    (r'(zlib|zstd)\.h$', 'http', ''),
    (r'(CLI/|CLI11)', 'main config devcluster', ''),
    (r'benchmark/', 'bench', ''),
]
# A foreign header in an interface spreads to every user of it: these belong into .cpp files, even at home.
ONLY_IN_CPP = r'(boost/beast|sqlite3\.h$|openssl/|simdjson|mongoc|bson|yaml-cpp/)'

# (pattern, where it is allowed, what to do instead). Places are path prefixes; 'test' stands for *_test.cpp.
BANNED = [
    (r'\bthis_thread::sleep_(for|until)|\b(usleep|nanosleep)\s*\(|::sleep\s*\(', ('bench/', 'src/aio/', 'src/main/'),
     'wait for the event, or move a manual clock'),
    (r'std::(cout|cerr|clog)\b|(?<!\w)(printf|fprintf|puts|putchar)\s*\(|fmt::print\b',
     ('src/main/', 'src/obs/', 'devcluster/main', 'bench/', 'test/'), 'log through obs, or return the text'),
    (r'\b(secure_)?getenv\s*\(', ('src/main/', 'src/config/', 'devcluster/main', 'bench/', 'test/', 'test'),
     'declare an option in config'),
    (r'\b(rand|srand)\s*\(\)|\bstd::rand\b', (), 'use <random> with a seed that is printed'),
    (r'\b(strcpy|strcat|sprintf|vsprintf|gets|strtok)\s*\(', (), 'use std::string, string_view or fmt'),
    (r'\bstd::(async|thread)\b(?!::)',
     ('src/aio/', 'src/main/', 'src/http/', 'src/obs/', 'src/sqlite/', 'devcluster/', 'bench/', 'test/', 'test'),
     'give the work to a loop or the blocking pool (aio)'),
]
LEFTOVERS = [
    (r'\bFIXME\b|\bXXX\b', 'do it now or write down why not'),
    (r'\bTODO\b(?!\([^)]{3,}\))', 'do it now, or say the reason: TODO(why)'),
]
MACHINE_PATHS = [
    (r'(?<![\w.])/(work|home|root|tmp)/\w+', 'take the path from an option or a test folder'),
]

# (warn over, fail over)
COLUMNS = (100, 120)
FUNCTION_LINES = (70, 100)
FILE_LINES = (350, 600)

CODE_PLACES = ('src', 'devcluster') + PLACES
# What git ignores (and its own), captured and generated data.
UNREAD = re.compile(r'^(build|data|\.(?!ci/|clang-format|gitignore)[^/]+|compile_commands\.json)(/|$)|(^|/)(testdata|corpus|node_modules|__pycache__)/|\.(lock|sum)$')
NOT_OURS = {'CMakeCache.txt', 'pyvenv.cfg'}  # a folder that holds one of these is another build's, or Python's
NAMES_LEFTOVERS = re.compile(r'\.md$|^tools/tidy(_test)?\.py$')  # prose may speak about them; the others look for them

# ---- reading ---------------------------------------------------------------------------------------------------------

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)
NOISE = re.compile(r'R"(?P<tag>\w*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\''
                   r'|//[^\n]*|/\*.*?\*/', re.S)
NOT_A_FUNCTION = re.compile(r'^\s*(namespace|class|struct|enum|union|extern|if|for|while|switch|do|else|try|catch|'
                            r'return|co_return|case|#)\b')


def blanked(text):
    """The text without comments and literals, line by line as before."""
    return NOISE.sub(lambda found: re.sub(r'[^\n]', ' ', found.group(0)), text)


def line_of(text, position):
    return text.count('\n', 0, position) + 1


class tidy:
    def __init__(self, root):
        self.root = root
        self.findings = []  # (path, line, rule, text, fails)
        self.edges = {}     # module -> {module: (path, line)}
        self.pending = tidy_words.read_pending(root)
        self.pending_counts = dict.fromkeys(self.pending, 0)  # path prefix -> findings of the rule 'words'

    def say(self, path, line, rule, text, fails=True):
        self.findings.append((path, line, rule, text, fails))

    def files(self):
        """Every text file: (path, text)."""
        for folder, folders, names in os.walk(self.root):
            def path_of(name):
                return os.path.relpath(os.path.join(folder, name), self.root)
            if folder != self.root and not NOT_OURS.isdisjoint(names):
                folders.clear()
                continue
            folders[:] = sorted(name for name in folders if not UNREAD.search(path_of(name) + '/'))
            for path in (path_of(name) for name in sorted(names)):
                if UNREAD.search(path) or not os.path.isfile(os.path.join(self.root, path)):
                    continue
                with open(os.path.join(self.root, path), 'rb') as file:
                    content = file.read()
                if b'\0' not in content:
                    yield path, content.decode(errors='replace')

    def run(self):
        code = {}
        for path, text in self.files():
            self.check_text(path, text)
            self.check_words(path, text)
            if path.endswith(('.cpp', '.hpp')) and path.startswith(tuple(p + '/' for p in CODE_PLACES)):
                code[path] = text
        for path, text in code.items():
            self.check_includes(path, text)
            self.check_first_include(path, text, code)
            if path.endswith('.hpp'):
                self.check_header(path, text)
            bare = blanked(text)
            self.check_banned(path, bare)
            self.check_size(path, text)
            self.check_functions(path, bare)
        self.check_readmes(code)
        self.check_circles()
        self.check_base_names(code)
        for prefix, count in self.pending_counts.items():
            if count == 0:
                self.say(tidy_words.PENDING_PATH, 1, 'words', f'{prefix} has no findings left; delete its line', False)
        self.findings.sort()
        return self.findings

    # ---- rules -------------------------------------------------------------------------------------------------------

    def check_text(self, path, text):
        for rule, table in (('leftover', LEFTOVERS), ('machine-path', MACHINE_PATHS)):
            for pattern, remedy in table:
                if rule == 'leftover' and NAMES_LEFTOVERS.search(path):
                    continue
                for found in re.finditer(pattern, text):
                    self.say(path, line_of(text, found.start()), rule, f'"{found.group(0)}" is left over; {remedy}'
                             if rule == 'leftover' else f'"{found.group(0)}" exists on one machine only; {remedy}')

    def check_words(self, path, text):
        prefix = tidy_words.pending_prefix(path, self.pending)
        for line, message in tidy_words.find(path, text):
            if prefix is None:
                self.say(path, line, 'words', message)
            else:
                self.pending_counts[prefix] += 1

    def check_includes(self, path, text):
        for found in INCLUDE.finditer(text):
            line = line_of(text, found.start())
            if found.group(1) == '"':
                self.check_arrow(path, line, found.group(2))
            self.check_foreign(path, line, found.group(2))

    def check_arrow(self, path, line, header):
        source, target = module_of(path), module_of_header(header)
        if target is None:
            self.say(path, line, 'include', f'"{header}" does not begin with a module; write it as "module/file.hpp"')
            return
        if target == source:
            return
        if target == 'test' and (is_test(path) or source in PLACES):
            return
        if source.startswith('devcluster/') and target.startswith('devcluster/'):
            self.edges.setdefault(source, {}).setdefault(target, (path, line))
            return
        if target not in allowed(source):
            self.say(path, line, 'arrow', f'{source} must not include {target}; turn the arrow round with an interface '
                     f'in the lower module, or move the code (allowed: {" ".join(allowed(source)) or "nothing"})')
        elif source in MODULES:
            self.edges.setdefault(source, {}).setdefault(target, (path, line))

    def check_foreign(self, path, line, header):
        source = module_of(path)
        for pattern, homes, free in FOREIGN:
            if not re.match(pattern, header) or (free and re.match(free, header)):
                continue
            homes = homes.split()
            if source not in homes and source.split('/')[0] not in homes:
                self.say(path, line, 'foreign', f'<{header}> is at home in {", ".join(homes)} only; ask that module for '
                         'what you need')
            elif path.endswith('.hpp') and re.match(ONLY_IN_CPP, header):
                self.say(path, line, 'foreign', f'<{header}> in a header reaches all its users; include it in the .cpp')

    def check_first_include(self, path, text, code):
        if not path.endswith('.cpp'):
            return
        own = re.sub(r'(_live)?_test\.cpp$|\.cpp$', '.hpp', path)
        if own not in code:
            return
        wanted = own[4:] if own.startswith('src/') else own
        found = INCLUDE.search(text)
        if found is None or found.group(2) != wanted:
            self.say(path, line_of(text, found.start()) if found else 1, 'first-include',
                     f'the first include is to be "{wanted}": so the header is proven to compile alone')

    def check_header(self, path, text):
        lines = text.split('\n')
        if lines[0] != '#pragma once':
            self.say(path, 1, 'header', 'does not begin with #pragma once; make it the first line')
        elif not (len(lines) > 1 and lines[1].startswith('//')):
            self.say(path, 2, 'header', 'has no opening comment; say below #pragma once what this is, who owns it, on '
                     'which thread it lives')
        for found in re.finditer(r'^\s*using namespace\b', blanked(text), re.M):
            self.say(path, line_of(text, found.end()), 'header', '"using namespace" in a header reaches all its users; '
                     'name what you need')

    def check_banned(self, path, bare):
        for pattern, places, remedy in BANNED:
            if path.startswith(tuple(p for p in places if p != 'test')) or ('test' in places and is_test(path)):
                continue
            for found in re.finditer(pattern, bare):
                self.say(path, line_of(bare, found.start()), 'banned',
                         f'{found.group(0).strip().rstrip("(")} is not used here; {remedy}')

    def check_size(self, path, text):
        lines = text.split('\n')
        count = len(lines) - 1
        self.limit(path, count, FILE_LINES, count, 'file-length', 'lines in a file', 'split it by subject')
        is_table = False  # laid out by hand: one row a line, up to the hard limit
        for number, line in enumerate(lines, 1):
            if 'clang-format off' in line or 'clang-format on' in line:
                is_table = 'off' in line
            if len(line) > COLUMNS[1 if is_table else 0]:
                self.limit(path, number, COLUMNS, len(line), 'line-length', 'columns', 'break the line')

    def check_functions(self, path, bare):
        depth, start, opened_at, head = 0, None, 0, ''
        for number, line in enumerate(bare.split('\n'), 1):
            code = line.strip()
            if code.startswith('#'):
                continue
            if start is None and code.endswith('{'):
                whole = (head + ' ' + code).strip()
                if ')' in whole and not NOT_A_FUNCTION.match(whole) and not re.search(r'=\s*(\[.*)?\{?$', whole):
                    start, opened_at = number, depth
            head = '' if code.endswith((';', '{', '}', ':')) or not code else head + ' ' + code
            depth += line.count('{') - line.count('}')
            if start is not None and depth <= opened_at:
                self.limit(path, start, FUNCTION_LINES, number - start + 1, 'function-length', 'lines in a function',
                           'give its parts names')
                start = None

    def limit(self, path, line, limits, size, rule, unit, remedy):
        warn, fail = limits
        if size > warn:
            self.say(path, line, rule, f'{size} {unit}, over the limit of {fail if size > fail else warn}; {remedy}', size > fail)

    def check_readmes(self, code):
        """The README of a module stands in its top folder and describes the sub-folders as well."""
        for module in sorted({'/'.join(os.path.dirname(path).split('/')[:2]) for path in code}):
            if module_of(module + '/x').startswith(PLACES) or '/' not in module:
                continue
            if not os.path.exists(os.path.join(self.root, module, 'README.md')):
                self.say(module + '/README.md', 1, 'readme', 'is missing; say why the module exists, what belongs there and '
                         'what does not')

    def check_base_names(self, code):
        """Source files of different modules have different names: editors and stack traces show the base name alone."""
        modules = {}  # base name -> {module: first path}
        for path in sorted(code):
            name = os.path.splitext(os.path.basename(path))[0]
            if path.startswith(('src/', 'devcluster/')) and not name.endswith('_test') and name != 'main':
                modules.setdefault(name, {}).setdefault(module_of(path), path)
        for paths in modules.values():
            if len(paths) > 1:
                first, second = list(paths.values())[:2]
                self.say(second, 1, 'base-name', f'{first} has the same base name; name this file after what is special about it')

    def check_circles(self):
        done, path = set(), []

        def visit(module):
            if module in path:
                circle = path[path.index(module):] + [module]
                where, line = self.edges[path[-1]][module]
                self.say(where, line, 'circle', f'modules include each other in a circle: {" -> ".join(circle)}; cut it at '
                         'the arrow that goes up')
                return
            if module in done:
                return
            path.append(module)
            for target in sorted(self.edges.get(module, {})):
                visit(target)
            path.pop()
            done.add(module)

        for module in sorted(self.edges):
            visit(module)


def is_test(path):
    return path.endswith('_test.cpp')


def module_of(path):
    parts = path.split('/')
    if parts[0] == 'src':
        return parts[1]
    if parts[0] == 'devcluster' and len(parts) > 2:
        return '/'.join(parts[:2])
    return parts[0] if parts[0] != 'devcluster' else 'devcluster/main'


def module_of_header(header):
    parts = header.split('/')
    if len(parts) < 2:
        return None
    if parts[0] == 'devcluster':
        return '/'.join(parts[:2]) if len(parts) > 2 else 'devcluster/main'
    return parts[0] if parts[0] in MODULES or parts[0] in PLACES else None


def allowed(module):
    if module in MODULES:
        return MODULES[module].split()
    if module.startswith('devcluster/'):
        return DEVCLUSTER.get(module.split('/')[1], DEVCLUSTER['*']).split()
    devcluster = ['devcluster/' + name for name in DEVCLUSTER if name != '*']
    return [name for name in MODULES if name != 'main'] + (devcluster if module in PLACES else [])


def print_words(root, paths):
    """Prints the findings of the rule 'words' in files and folders, pending or not. Returns how many."""
    prefixes = [os.path.relpath(os.path.abspath(path), root) for path in paths]
    count = 0
    for path, text in tidy(root).files():
        if not any(prefix == '.' or path == prefix or path.startswith(prefix + '/') for prefix in prefixes):
            continue
        for line, message in tidy_words.find(path, text):
            print(f'{path}:{line}: [words] {message}')
            count += 1
    print(f'tidy: {count} words to replace')
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--root', default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                        help='the checkout to read (default: the one this program is in)')
    parser.add_argument('--no-warnings', action='store_true', help='print failures only')
    parser.add_argument('--modules', action='store_true', help='print who may include whom, and stop')
    parser.add_argument('--words', nargs='+', metavar='PATH',
                        help="check the words in these files and folders alone, also where tools/words_pending.txt "
                        'exempts them')
    options = parser.parse_args()
    if options.words:
        return 1 if print_words(os.path.abspath(options.root), options.words) else 0
    if options.modules:
        for module, below in MODULES.items():
            print(f'{module:8} -> {below or "(nothing)"}')
        return 0
    checks = tidy(options.root)
    findings = checks.run()
    failures = 0
    for path, line, rule, text, fails in findings:
        failures += fails
        if fails or not options.no_warnings:
            print(f'{path}:{line}: [{rule}] {"" if fails else "warning: "}{text}')
    if not options.no_warnings:
        for prefix, count in sorted(checks.pending_counts.items()):
            print(f'{prefix}: [words] {count} words to replace (pending)')
    pending = sum(checks.pending_counts.values())
    if pending:
        print(f'tidy: {pending} words to replace in the places of {tidy_words.PENDING_PATH}')
    print(f'tidy: {failures} failures, {len(findings) - failures} warnings')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
