#!/usr/bin/env python3
"""Runs clang-tidy-19 with the checks of .clang-tidy and prints the findings.

Without PATH it checks the files that differ from origin/main (or main, or HEAD~1) and those of the working tree. A header
is checked through a .cpp that includes it. A result is cached in .cache/lint until the file, a header of the project that
it includes, its compile command, .clang-tidy, this program, or the version of clang-tidy changes.
Exits with 1 if there are findings, with 2 if clang-tidy cannot run. './dev lint' configures the build first: the compile
commands come from there.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = 'clang-tidy-19'
CACHE_DAYS = 30
FILE_TIMEOUT_SECONDS = 600
SHARED_HEADERS = re.compile(r'/precompiled\w*\.dir/')
FINDING = re.compile(r'^(?P<path>/[^:\n]+):(?P<line>\d+):(?P<column>\d+): (?:warning|error): '
                     r'(?P<text>.*?)(?: \[(?P<check>[\w.,-]+)\])?$', re.M)

# Functions and members that keep a coroutine lambda until its coroutine has ended: its captures stay valid.
LAMBDA_OWNERS = {'spawn', 'run', 'run_on', 'run_on_cancellable', 'run_within', 'periodic', 'block_on', 'play', 'before_next',
                 'make_service_proxy_fetcher'}
LAMBDA_MEMBERS = re.compile(r'\.stream\s*=\s*$')
LAMBDA_CHECK = 'cppcoreguidelines-avoid-capturing-lambda-coroutines'


class Failed(Exception):
    """A reason why nothing can be checked, with the remedy; for a person."""


# ---- the files to check ----------------------------------------------------------------------------------------------

def git_lines(root, *arguments):
    """Returns the lines of git's output, or None if the command failed."""
    run = subprocess.run(('git', '-C', root, *arguments), capture_output=True, text=True, check=False)
    return run.stdout.split('\n')[:-1] if run.returncode == 0 else None


def find_base(root):
    """Returns the commit that changes are compared with, and its name."""
    head = git_lines(root, 'rev-parse', 'HEAD')
    for name in ('origin/main', 'main'):
        base = git_lines(root, 'merge-base', name, 'HEAD')
        if base and base != head:
            return base[0], name
    base = git_lines(root, 'rev-parse', '--verify', '--quiet', 'HEAD~1')
    return (base[0], 'HEAD~1') if base else (None, '')


def changed_files(root):
    """Returns the source files that differ from the base, and the base's name."""
    base, name = find_base(root)
    if base is None:
        raise Failed('there is no commit to compare with; name files, or use --all')
    changed = git_lines(root, 'diff', '--name-only', '--diff-filter=d', base) or []
    untracked = git_lines(root, 'ls-files', '--others', '--exclude-standard') or []
    return sorted({path for path in changed + untracked if path.endswith(('.cpp', '.hpp'))}), name


def files_under(root, paths):
    """Returns the source files among paths and below them."""
    files = set()
    for path in paths:
        full = os.path.abspath(path)
        if not os.path.exists(full):
            raise Failed(f"there is no file '{path}'")
        names = [full] if os.path.isfile(full) else [
            os.path.join(folder, name) for folder, _, names in os.walk(full) for name in names]
        files.update(os.path.relpath(name, root) for name in names if name.endswith(('.cpp', '.hpp')))
    return sorted(files)


# ---- the compile commands and the includes ---------------------------------------------------------------------------

def read_units(root, build):
    """Returns {source: its compile arguments for clang-tidy}, without generated sources."""
    path = os.path.join(build, 'compile_commands.json')
    if not os.path.exists(path):
        raise Failed(f"{path} is missing; './dev lint' makes it")
    with open(path, encoding='utf-8') as file:
        entries = json.load(file)
    units = {}
    for entry in entries:
        source = os.path.relpath(entry['file'], root)
        if not source.startswith(('..', 'build/')):
            units[source] = {**entry, 'command': shlex.join(without_compiled_headers(shlex.split(entry['command'])))}
    return units


def without_compiled_headers(arguments):
    """Replaces the precompiled header of a module by its text: the build may not have compiled it yet.

    Leaves out the headers that all targets share (cmake/module.cmake), so that a missing include of a file shows.
    """
    kept = []
    index = 0
    while index < len(arguments):
        if arguments[index:index + 2] == ['-Xclang', '-include-pch']:
            index += 4
        elif arguments[index:index + 2] == ['-Xclang', '-include']:
            header = arguments[index + 3]
            kept += [] if SHARED_HEADERS.search(header) else ['-include', header]
            index += 4
        elif arguments[index:index + 2] == ['-Xclang', '-fno-pch-timestamp']:
            index += 2
        elif arguments[index] in ('-Winvalid-pch', '-fpch-instantiate-templates'):
            index += 1
        else:
            kept.append(arguments[index])
            index += 1
    return kept


class Includes:
    """The project's own include graph, read from the #include "..." lines."""

    LINE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.M)

    def __init__(self, root):
        self.root = root
        self.direct = {}
        self.contents = {}

    def content(self, path):
        if path not in self.contents:
            try:
                with open(os.path.join(self.root, path), 'rb') as file:
                    self.contents[path] = file.read()
            except OSError:
                self.contents[path] = b''
        return self.contents[path]

    def includes_of(self, path):
        """Returns the project's headers that the file names. The include folders are src/ and the root."""
        if path not in self.direct:
            self.direct[path] = []
            for name in self.LINE.findall(self.content(path).decode(errors='replace')):
                candidates = (os.path.relpath(name, self.root) if os.path.isabs(name) else name, 'src/' + name,
                              os.path.join(os.path.dirname(path), name))
                header = next((c for c in candidates if os.path.isfile(os.path.join(self.root, c))), None)
                if header:
                    self.direct[path].append(header)
        return self.direct[path]

    def closure(self, paths):
        """Returns the paths and every project header that they include, directly or not."""
        seen, waiting = set(), list(paths)
        while waiting:
            path = waiting.pop()
            if path not in seen:
                seen.add(path)
                waiting += self.includes_of(path)
        return seen


def unit_roots(source, unit):
    """Returns the files that a unit begins with: its source and what the command line includes."""
    arguments = shlex.split(unit['command'])
    return [source] + [value for flag, value in zip(arguments, arguments[1:]) if flag == '-include']


def units_for(files, units, includes):
    """Returns the units through which the files are checked, and the files that no unit includes."""
    chosen, missed = set(), []
    for path in files:
        if path.endswith('.cpp'):
            if path in units:
                chosen.add(path)
            continue
        own = [path[:-4] + ending for ending in ('.cpp', '_test.cpp', '_live_test.cpp')]
        unit = next((source for source in own if source in units), None)
        if unit is None:
            module = os.path.dirname(path)
            users = [source for source in units if path in includes.closure([source])]
            unit = min(users, key=lambda source: (os.path.dirname(source) != module, len(includes.closure([source])), source),
                       default=None)
        if unit is None:
            missed.append(path)
        else:
            chosen.add(unit)
    return sorted(chosen), missed


# ---- running and the cache -------------------------------------------------------------------------------------------

class Linter:
    def __init__(self, root, units, includes, cache):
        self.root = root
        self.units = units
        self.includes = includes
        self.results = os.path.join(cache, 'results')
        self.database = os.path.join(cache, 'database')
        os.makedirs(self.results, exist_ok=True)
        os.makedirs(self.database, exist_ok=True)
        with open(os.path.join(self.database, 'compile_commands.json'), 'w', encoding='utf-8') as file:
            json.dump(list(units.values()), file)
        try:
            version = subprocess.run((PROGRAM, '--version'), capture_output=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise Failed(f"{PROGRAM} cannot run ({error}); './dev lint' installs it") from error
        with open(os.path.abspath(__file__), 'rb') as file:
            self.common = hashlib.sha256(version + includes.content('.clang-tidy') + file.read()).digest()

    def result_path(self, source):
        """Returns the path of the unit's cached result; its name hashes everything that the result depends on."""
        digest = hashlib.sha256(self.common)
        unit = self.units[source]
        digest.update(unit['command'].replace(self.root, '').encode())
        for path in sorted(self.includes.closure(unit_roots(source, unit))):
            digest.update(path.replace(self.root, '').encode() + b'\0' + self.includes.content(path) + b'\0')
        return os.path.join(self.results, digest.hexdigest() + '.json')

    def cached(self, source):
        """Returns the unit's cached findings, or None."""
        path = self.result_path(source)
        try:
            with open(path, encoding='utf-8') as file:
                findings = json.load(file)
            os.utime(path)
            return [tuple(finding) for finding in findings]
        except (OSError, ValueError):
            return None

    def check(self, source):
        """Runs clang-tidy on a unit and caches the findings: (path, line, column, check, text)."""
        try:
            run = subprocess.run((PROGRAM, '-p', self.database, '--quiet', os.path.join(self.root, source)), cwd=self.root,
                                 capture_output=True, text=True, errors='replace', timeout=FILE_TIMEOUT_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return [(source, 1, 1, 'timeout', f'clang-tidy did not end within {FILE_TIMEOUT_SECONDS} s')]
        findings = self.parse(run.stdout)
        if run.returncode != 0 and not findings:
            last = run.stderr.strip().split('\n')[-1]
            return [(source, 1, 1, 'clang-tidy', f'ended with status {run.returncode}: {last}')]
        path = self.result_path(source)
        with open(f'{path}.{os.getpid()}', 'w', encoding='utf-8') as file:
            json.dump(findings, file)
        os.replace(file.name, path)
        return findings

    def parse(self, output):
        findings = []
        for found in FINDING.finditer(output):
            path = os.path.relpath(found.group('path'), self.root)
            line, column = int(found.group('line')), int(found.group('column'))
            check = found.group('check') or 'clang-diagnostic'
            text = self.includes.content(path).decode(errors='replace')
            if check == LAMBDA_CHECK and is_owned_lambda(text, line, column):
                continue
            findings.append((path, line, column, check, found.group('text')))
        return findings

    def drop_old_results(self):
        limit = time.time() - CACHE_DAYS * 86400
        for entry in os.scandir(self.results):
            if entry.stat().st_mtime < limit:
                os.unlink(entry.path)


def is_owned_lambda(text, line, column):
    """Returns whether the receiver of the lambda at a position owns it."""
    lines = text.split('\n')
    before = '\n'.join(lines[max(0, line - 10):line - 1] + [lines[line - 1][:column - 1]])
    if LAMBDA_MEMBERS.search(before):
        return True
    depth = 0
    for position in range(len(before) - 1, -1, -1):
        if before[position] in ')]}':
            depth += 1
        elif before[position] in '([{':
            if depth == 0:
                name = re.search(r'(\w+)(?:<[^<>()]*>)?\s*$', before[:position])
                return before[position] == '(' and name is not None and name.group(1) in LAMBDA_OWNERS
            depth -= 1
        elif before[position] == ';' and depth == 0:
            return False
    return False


def run_all(linter, sources, jobs, progress):
    """Returns the findings of all units, each once, sorted."""
    findings = set()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        tasks = {pool.submit(linter.check, source): source for source in sources}
        try:
            for count, task in enumerate(concurrent.futures.as_completed(tasks), 1):
                findings.update(task.result())
                progress(count, len(sources), tasks[task])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return findings


def show_progress(count, total, source):
    if sys.stderr.isatty():
        print(f'\r\033[K[{count}/{total}] {source}', end='' if count < total else '\n', file=sys.stderr, flush=True)
    elif count == total or count % max(1, total // 10) == 0:
        print(f'lint: {count} of {total} files', file=sys.stderr, flush=True)


def print_findings(findings, includes):
    for path, line, column, check, text in sorted(findings):
        print(f'{path}:{line}:{column}: [{check}] {text}')
        lines = includes.content(path).decode(errors='replace').split('\n')
        if 0 < line <= len(lines) and lines[line - 1].strip():
            print(f'    {lines[line - 1].strip()}')


def parse(arguments):
    parser = argparse.ArgumentParser(prog='./dev lint', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('paths', nargs='*', metavar='PATH', help='check these files and folders')
    parser.add_argument('--all', action='store_true', help='check every file (some 6 s of CPU time each, unless cached)')
    parser.add_argument('--limit', type=int, metavar='N', help='check at most N files that are not cached; report the rest')
    parser.add_argument('-j', '--jobs', type=int, default=len(os.sched_getaffinity(0)), metavar='N',
                        help='programs at a time (default: %(default)s, the processors)')
    parser.add_argument('--check', action='store_true', help=argparse.SUPPRESS)  # ./dev: check the arguments
    options = parser.parse_args(arguments)
    if options.paths and options.all:
        parser.error('give either paths or --all')
    if options.jobs < 1 or options.limit is not None and options.limit < 0:
        parser.error('--jobs must be at least 1, --limit at least 0')
    return options


def lint(options, root, working_folder):
    """Returns the exit status."""
    units = read_units(root, os.path.join(root, 'build', 'dev'))
    includes = Includes(root)
    if options.all:
        sources, missed, scope = sorted(units), [], 'all files'
    else:
        if options.paths:
            files, scope = files_under(root, [os.path.join(working_folder, path) for path in options.paths]), 'the given paths'
        else:
            files, base = changed_files(root)
            scope = f'changes since {base}'
        sources, missed = units_for(files, units, includes)
    linter = Linter(root, units, includes, os.path.join(root, '.cache', 'lint'))
    findings = set()
    unknown = []
    for source in sources:
        cached = linter.cached(source)
        if cached is None:
            unknown.append(source)
        else:
            findings.update(cached)
    skipped = 0 if options.limit is None else max(0, len(unknown) - options.limit)
    unknown = unknown[:len(unknown) - skipped]
    findings |= run_all(linter, unknown, options.jobs, show_progress)
    linter.drop_old_results()
    print_findings(findings, includes)
    for path in missed:
        print(f'lint: {path} is not checked, no .cpp of the preset dev includes it', file=sys.stderr)
    if skipped:
        print(f"lint: {skipped} more files are not checked; './dev lint' checks them", file=sys.stderr)
    print(f'lint: {len(findings)} findings; {scope}: {len(sources) - skipped} files, {len(unknown)} of them checked now')
    return 1 if findings else 0


def main(arguments=None, root=ROOT):
    options = parse(arguments)
    if options.check:
        return 0
    try:
        return lint(options, root, os.environ.get('DEV_CALLED_FROM', os.getcwd()))
    except Failed as failure:
        print(f'lint: {failure}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == '__main__':
    sys.exit(main())
