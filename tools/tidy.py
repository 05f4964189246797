#!/usr/bin/env python3
"""Checks the rules of ARCHITECTURE.md and STYLE.md that a program can check: includes, headers, sizes, words.

Reads the sources and changes nothing. Prints one line per finding, "file:line: [rule] problem; remedy", and exits with 1
if there is a failure. Warnings (between the soft and the hard limit of a size) do not fail.
"""

import argparse
import os
import re
import sys

sys.dont_write_bytecode = True
import tidy_words  # noqa: E402  (leaves no __pycache__ behind)

# ---- the rules, as data ----------------------------------------------------------------------------------------------
# The modules that a module may include: lower layers only (ARCHITECTURE.md). A module may include itself.

MODULES = {
    'base': '',
    'json': 'base',
    'domain': 'base',
    'timeseries': 'base domain',
    'obs': 'base',
    'config': 'base domain obs',
    'aio': 'base',
    'token': 'base json',
    'http': 'base aio',
    'ports': 'base domain aio',
    'app': 'base json domain timeseries obs aio ports token',
    'kube': 'base json aio http obs',
    'oidc': 'base json domain aio http obs ports token',
    'kubedb': 'base json domain aio http obs ports token kube',
    'scrape': 'base domain aio http ports',
    'sqlite': 'base aio obs ports',
    'mongo': 'base aio obs ports',
    'inproc': 'base aio ports',
    'redis': 'base aio http obs ports',
    'api': 'base json domain timeseries obs aio token http ports app',
    'sentry': 'base json aio http obs',
    'otlp': 'base json aio http obs',
    'main': 'base json domain config obs aio token http ports app kube kubedb oidc scrape sqlite mongo inproc redis api sentry otlp',
}
# The modules of src/ that a module of devcluster/ may include; '*' stands for any other module. Modules of devcluster/
# may include each other without circles. The API server must not include the client that is tested against it.
DEVCLUSTER = {
    'apiserver': 'base json aio http obs',
    'main': 'base json aio http obs config kube',
    'runtime': 'base json aio http obs kube',
    'synthetic': 'base json domain aio http obs kube scrape',
    '*': 'base json aio http obs kube',
}
# Folders that may include every module except main.
PLACES = ('test', 'bench')

# Third-party headers: (pattern, the modules that may include them, exceptions that every module may include).
FOREIGN = [
    (r'sqlite3\.h$', 'sqlite', ''),
    (r'boost/beast', 'http', ''),
    (r'boost/json', 'json', ''),
    (r'boost/asio', 'aio http', r'boost/asio/(awaitable|any_io_executor)\.hpp$'),
    (r'openssl/', 'http token test', ''),
    (r'simdjson', 'kube kubedb scrape devcluster', ''),
    (r'yaml-cpp/', 'config kube', ''),
    (r'(mongoc|bson)', 'mongo', ''),
    (r'hiredis/', 'redis', ''),
    (r'spdlog/', 'obs', ''),
    (r'argon2\.h$', 'token', ''),
    (r'(zlib|zstd)\.h$', 'http', ''),
    (r'(CLI/|CLI11)', 'main config devcluster', ''),
    (r'benchmark/', 'bench', ''),
]
# Third-party headers for .cpp files alone: in a header they would reach every user of it.
ONLY_IN_CPP = r'(boost/beast|sqlite3\.h$|openssl/|simdjson|mongoc|bson|yaml-cpp/)'

# (pattern, where it is allowed, replacement). Places are path prefixes; 'test' stands for *_test.cpp.
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
    (r'\bFIXME\b|\bXXX\b', 'do it, or give the reason: TODO(why)'),
    (r'\bTODO\b(?!\([^)]{3,}\))', 'do it, or give the reason: TODO(why)'),
]
MACHINE_PATHS = [
    (r'(?<![\w.])/(work|home|root|tmp)/\w+', 'take the path from an option or a test folder'),
]

# (warn over, fail over)
COLUMNS = (100, 120)
FUNCTION_LINES = (70, 100)
FILE_LINES = (350, 600)

PENDING_PATHS = {'words': tidy_words.PENDING_PATH, 'names': tidy_words.NAMES_PENDING_PATH}  # rule -> its list of paths

CODE_PLACES = ('src', 'devcluster') + PLACES
# Not read: git's folder and what git ignores, captured and generated data.
UNREAD = re.compile(r'^(build|data|\.(?!ci/|clang-format|clang-tidy|gitignore)[^/]+|compile_commands\.json)(/|$)'
                    r'|(^|/)(testdata|corpus|node_modules|__pycache__)/|\.(lock|sum)$')
FOREIGN_MARKS = {'CMakeCache.txt', 'pyvenv.cfg'}  # files in a build folder and in a Python environment
NAMES_LEFTOVERS = re.compile(r'\.md$|^tools/tidy(_test)?\.py$')  # prose may name them; these programs search for them

# ---- reading ---------------------------------------------------------------------------------------------------------

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)
NOISE = re.compile(r'R"(?P<tag>\w*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\''
                   r'|//[^\n]*|/\*.*?\*/', re.S)
NOT_A_FUNCTION = re.compile(r'^\s*(namespace|class|struct|enum|union|extern|if|for|while|switch|do|else|try|catch|'
                            r'return|co_return|case|#)\b')


def blanked(text):
    """Returns the text with comments and literals replaced by spaces; lines stay where they are."""
    return NOISE.sub(lambda found: re.sub(r'[^\n]', ' ', found.group(0)), text)


def line_of(text, position):
    return text.count('\n', 0, position) + 1


class tidy:
    def __init__(self, root):
        self.root = root
        self.findings = []  # (path, line, rule, text, fails)
        self.edges = {}     # module -> {module: (path, line)}
        self.pending = {}  # rule -> {path prefix: findings}
        for rule, path in PENDING_PATHS.items():
            self.pending[rule] = dict.fromkeys(tidy_words.read_pending(root, path), 0)

    def report(self, path, line, rule, text, fails=True):
        self.findings.append((path, line, rule, text, fails))

    def files(self):
        """Yields (path, text) for each text file."""
        for folder, folders, names in os.walk(self.root):
            def path_of(name):
                return os.path.relpath(os.path.join(folder, name), self.root)
            if folder != self.root and not FOREIGN_MARKS.isdisjoint(names):
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
            self.add_pending('words', path, tidy_words.find(path, text))
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
            self.add_pending('names', path, tidy_words.find_names(bare))
        self.check_readmes(code)
        self.check_circles()
        self.check_base_names(code)
        for rule, counts in self.pending.items():
            for prefix, count in counts.items():
                if count == 0:
                    self.report(PENDING_PATHS[rule], 1, rule, f'{prefix} has no findings left; delete its line', False)
        self.findings.sort()
        return self.findings

    # ---- rules -------------------------------------------------------------------------------------------------------

    def check_text(self, path, text):
        for rule, table in (('leftover', LEFTOVERS), ('machine-path', MACHINE_PATHS)):
            for pattern, remedy in table:
                if rule == 'leftover' and NAMES_LEFTOVERS.search(path):
                    continue
                for found in re.finditer(pattern, text):
                    self.report(path, line_of(text, found.start()), rule, f'"{found.group(0)}" is left; {remedy}'
                             if rule == 'leftover' else f'"{found.group(0)}" is a path of one machine; {remedy}')

    def add_pending(self, rule, path, findings):
        """Reports the findings, or counts them if the path is in the rule's list of pending paths."""
        prefix = tidy_words.pending_prefix(path, self.pending[rule])
        if prefix is not None:
            self.pending[rule][prefix] += len(findings)
            return
        for line, message in findings:
            self.report(path, line, rule, message)

    def check_includes(self, path, text):
        for found in INCLUDE.finditer(text):
            line = line_of(text, found.start())
            if found.group(1) == '"':
                self.check_arrow(path, line, found.group(2))
            self.check_foreign(path, line, found.group(2))

    def check_arrow(self, path, line, header):
        source, target = module_of(path), module_of_header(header)
        if target is None:
            self.report(path, line, 'include', f'"{header}" must begin with a module: "module/file.hpp"')
            return
        if target == source:
            return
        if target == 'test' and (is_test(path) or source in PLACES):
            return
        if source.startswith('devcluster/') and target.startswith('devcluster/'):
            self.edges.setdefault(source, {}).setdefault(target, (path, line))
            return
        if target not in allowed(source):
            self.report(path, line, 'arrow', f'{source} must not include {target}; reverse the dependency with an '
                        f'interface in the lower module, or move the code (allowed: {" ".join(allowed(source)) or "nothing"})')
        elif source in MODULES:
            self.edges.setdefault(source, {}).setdefault(target, (path, line))

    def check_foreign(self, path, line, header):
        source = module_of(path)
        for pattern, owners, exceptions in FOREIGN:
            if not re.match(pattern, header) or (exceptions and re.match(exceptions, header)):
                continue
            owners = owners.split()
            if source not in owners and source.split('/')[0] not in owners:
                self.report(path, line, 'foreign', f'<{header}> may be included in {", ".join(owners)} only; use an '
                         'interface of that module')
            elif path.endswith('.hpp') and re.match(ONLY_IN_CPP, header):
                self.report(path, line, 'foreign', f'<{header}> in a header reaches every user of it; include it in the '
                            '.cpp')

    def check_first_include(self, path, text, code):
        if not path.endswith('.cpp'):
            return
        own = re.sub(r'(_live)?_test\.cpp$|\.cpp$', '.hpp', path)
        if own not in code:
            return
        wanted = own[4:] if own.startswith('src/') else own
        found = INCLUDE.search(text)
        if found is None or found.group(2) != wanted:
            self.report(path, line_of(text, found.start()) if found else 1, 'first-include',
                     f'the first include must be "{wanted}": this proves that the header compiles alone')

    def check_header(self, path, text):
        lines = text.split('\n')
        if lines[0] != '#pragma once':
            self.report(path, 1, 'header', 'the first line must be #pragma once')
        elif not (len(lines) > 1 and lines[1].startswith('//')):
            self.report(path, 2, 'header', 'the second line must begin a comment: the purpose, the owner, the thread, '
                     'the lifetime')
        for found in re.finditer(r'^\s*using namespace\b', blanked(text), re.M):
            self.report(path, line_of(text, found.end()), 'header', '"using namespace" in a header reaches every user of '
                     'it; qualify the names')

    def check_banned(self, path, bare):
        for pattern, places, remedy in BANNED:
            if path.startswith(tuple(p for p in places if p != 'test')) or ('test' in places and is_test(path)):
                continue
            for found in re.finditer(pattern, bare):
                self.report(path, line_of(bare, found.start()), 'banned',
                         f'{found.group(0).strip().rstrip("(")} is not allowed here; {remedy}')

    def check_size(self, path, text):
        lines = text.split('\n')
        count = len(lines) - 1
        self.limit(path, count, FILE_LINES, count, 'file-length', 'lines in a file', 'split it by subject')
        is_table = False  # a table with one row per line: only the hard limit counts
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
                           'extract named functions')
                start = None

    def limit(self, path, line, limits, size, rule, unit, remedy):
        warn, fail = limits
        if size > warn:
            text = f'{size} {unit}, over the limit of {fail if size > fail else warn}; {remedy}'
            self.report(path, line, rule, text, size > fail)

    def check_readmes(self, code):
        """The README of a module is in its top folder and covers the sub-folders."""
        for module in sorted({'/'.join(os.path.dirname(path).split('/')[:2]) for path in code}):
            if module_of(module + '/x').startswith(PLACES) or '/' not in module:
                continue
            if not os.path.exists(os.path.join(self.root, module, 'README.md')):
                self.report(module + '/README.md', 1, 'readme', 'is missing; describe the purpose of the module, its '
                            'content, and what does not belong there')

    def check_base_names(self, code):
        """Files of different modules must have different names: editors show the base name alone."""
        modules = {}  # base name -> {module: first path}
        for path in sorted(code):
            name = os.path.splitext(os.path.basename(path))[0]
            if path.startswith(('src/', 'devcluster/')) and not name.endswith('_test') and name != 'main':
                modules.setdefault(name, {}).setdefault(module_of(path), path)
        for paths in modules.values():
            if len(paths) > 1:
                first, second = list(paths.values())[:2]
                self.report(second, 1, 'base-name', f'{first} has the same base name; rename this file after its '
                            'subject')

    def check_circles(self):
        done, path = set(), []

        def visit(module):
            if module in path:
                circle = path[path.index(module):] + [module]
                where, line = self.edges[path[-1]][module]
                self.report(where, line, 'circle', f'modules include each other in a circle: {" -> ".join(circle)}; '
                            'remove the dependency on the higher layer')
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
    """Prints the findings of the rules 'words' and 'names' in files and folders, pending or not. Returns how many."""
    prefixes = [os.path.relpath(os.path.abspath(path), root) for path in paths]
    count = 0
    for path, text in tidy(root).files():
        if not any(prefix == '.' or path == prefix or path.startswith(prefix + '/') for prefix in prefixes):
            continue
        findings = [(line, 'words', message) for line, message in tidy_words.find(path, text)]
        if path.endswith(('.cpp', '.hpp')):
            findings += [(line, 'names', message) for line, message in tidy_words.find_names(blanked(text))]
        for line, rule, message in sorted(findings):
            print(f'{path}:{line}: [{rule}] {message}')
        count += len(findings)
    print(f'tidy: {count} words and names to replace')
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--root', default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                        help='the checkout to read (default: the one this program is in)')
    parser.add_argument('--no-warnings', action='store_true', help='print failures only')
    parser.add_argument('--modules', action='store_true', help='print the includes that each module may have, and exit')
    parser.add_argument('--words', nargs='+', metavar='PATH',
                        help="check words and names in these files and folders alone, including "
                        'pending paths')
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
        for rule, counts in checks.pending.items():
            for prefix, count in sorted(counts.items()):
                print(f'{prefix}: [{rule}] {count} {rule} to replace (pending)')
    for rule, counts in checks.pending.items():
        if counts:
            print(f'tidy: {sum(counts.values())} {rule} to replace in paths of {PENDING_PATHS[rule]}')
    print(f'tidy: {failures} failures, {len(findings) - failures} warnings')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
