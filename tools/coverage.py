#!/usr/bin/env python3
"""Measures which lines of src/ and devcluster/ the unit and contract tests run.

Prints a table per module and a total, and writes the table and annotated sources to build/coverage/report. With MODULE it
runs the tests of these modules alone, and reports what they cover of these modules. './dev coverage' builds the tests
with the preset coverage first.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, 'build', 'coverage')
REPORT = os.path.join(BUILD, 'report')
PROFILES = os.path.join(BUILD, 'profiles')
LABELS = 'unit|contract'
PROGRAMS = ['dbaas', 'dbaas-devcluster']  # a contract test starts them


class Failed(Exception):
    """A reason why nothing can be measured, for a person."""


# ---- the tests -------------------------------------------------------------------------------------------------------

def read_tests():
    """Returns the names of the compiled tests and of the other tests that run the compiled programs."""
    listing = subprocess.run(('ctest', '--test-dir', BUILD, '--show-only=json-v1', '-L', LABELS), capture_output=True, text=True,
                             check=True).stdout
    compiled, scripts = [], []
    for test in json.loads(listing)['tests']:
        command = test.get('command')  # missing until the test is built
        if command is None or command[0].startswith(BUILD):
            compiled.append(test['name'])
        elif any(item['name'] == 'ENVIRONMENT' and 'DBAAS_BIN' in str(item['value']) for item in test.get('properties', [])):
            scripts.append(test['name'])
    return compiled, scripts


def choose_tests(modules):
    """Returns (build targets, test names) for the modules, or for all of them."""
    compiled, scripts = read_tests()
    if not modules:
        return compiled + PROGRAMS, compiled + scripts
    names = [os.path.basename(module.rstrip('/')) + '_test' for module in modules]
    for module, name in zip(modules, names):
        if name not in compiled:
            raise Failed(f"there is no module '{module}' with tests; the modules are: "
                         + ' '.join(sorted(test[:-5] for test in compiled)))
    return names, names


def run_tests(names):
    """Runs the tests with a fresh set of profiles. Returns the exit status of ctest."""
    shutil.rmtree(PROFILES, ignore_errors=True)
    os.makedirs(PROFILES)
    env = {**os.environ, 'LLVM_PROFILE_FILE': os.path.join(PROFILES, '%m-%p.profraw')}
    return subprocess.run(('ctest', '--test-dir', BUILD, '--output-on-failure', '--no-tests=error', '-L', LABELS,
                           '-R', '^(' + '|'.join(names) + ')$', '-j', str(2 * len(os.sched_getaffinity(0)))),
                          env=env, check=False).returncode


def find_binaries(targets):
    """Returns the paths of the built targets."""
    wanted = set(targets)
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(BUILD) for name in names
                  if name in wanted and os.access(os.path.join(folder, name), os.X_OK))


# ---- the report ------------------------------------------------------------------------------------------------------

def module_of(path):
    """Returns src/NAME or devcluster/NAME, or None for a file that is not measured."""
    parts = path.split('/')
    if len(parts) < 3 or parts[0] not in ('src', 'devcluster') or path.endswith('_test.cpp'):
        return None
    return '/'.join(parts[:2])


def count_lines(export, root):
    """Returns {module: [files, lines, covered lines]} from the JSON of llvm-cov."""
    counts = {}
    for file in export['data'][0]['files']:
        module = module_of(os.path.relpath(file['filename'], root))
        if module is not None:
            row = counts.setdefault(module, [0, 0, 0])
            row[0] += 1
            row[1] += file['summary']['lines']['count']
            row[2] += file['summary']['lines']['covered']
    return counts


def format_table(counts):
    rows = sorted(counts.items()) + [('total', [sum(column) for column in zip(*counts.values())] or [0, 0, 0])]
    lines = [f"{'module':<24} {'files':>6} {'lines':>8} {'covered':>8} {'percent':>8}"]
    for name, (files, total, covered) in rows:
        percent = 100 * covered / total if total else 0
        lines.append(f'{name:<24} {files:>6} {total:>8} {covered:>8} {percent:>7.1f}%')
    return '\n'.join(lines)


def llvm(program, *arguments, **options):
    return subprocess.run((program, *arguments), check=True, **options)


def report(targets, modules):
    profiles = [entry.path for entry in os.scandir(PROFILES)]
    if not profiles:
        raise Failed('no test wrote a profile')
    data = os.path.join(BUILD, 'merged.profdata')
    with open(os.path.join(BUILD, 'profiles.txt'), 'w', encoding='utf-8') as file:
        file.write('\n'.join(profiles) + '\n')
    llvm('llvm-profdata-19', 'merge', '-sparse', '-f', file.name, '-o', data)
    binaries = find_binaries(targets)
    arguments = [binaries[0], *(word for path in binaries[1:] for word in ('-object', path)), '-instr-profile', data]
    output = llvm('llvm-cov-19', 'export', '-summary-only', *arguments, capture_output=True, text=True).stdout
    counts = count_lines(json.loads(output), ROOT)
    if modules:
        names = {os.path.basename(module.rstrip('/')) for module in modules}
        counts = {module: row for module, row in counts.items() if module.split('/')[1] in names}
    shutil.rmtree(REPORT, ignore_errors=True)
    os.makedirs(REPORT)
    sources = [os.path.join(ROOT, module) for module in counts]
    llvm('llvm-cov-19', 'show', '-format=html', '-output-dir', REPORT, '-ignore-filename-regex', '_test\\.cpp$',
         *arguments, *sources, capture_output=True)
    table = format_table(counts)
    for name, text in (('table.txt', table + '\n'), ('table.json', json.dumps(counts, indent=1) + '\n')):
        with open(os.path.join(REPORT, name), 'w', encoding='utf-8') as file:
            file.write(text)
    print(table)
    print(f'annotated sources: {os.path.relpath(REPORT, ROOT)}/index.html')


def main(arguments=None):
    parser = argparse.ArgumentParser(prog='./dev coverage', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('modules', nargs='*', metavar='MODULE',
                        help='a module with tests, such as base or src/base (default: all)')
    parser.add_argument('--check', action='store_true', help=argparse.SUPPRESS)  # ./dev: check the arguments
    parser.add_argument('--targets', action='store_true', help=argparse.SUPPRESS)  # ./dev: print what to build
    options = parser.parse_args(arguments)
    if options.check:
        return 0
    try:
        targets, names = choose_tests(options.modules)
        if options.targets:
            print(' '.join(targets))
            return 0
        status = run_tests(names)
        report(targets, options.modules)
        return 1 if status else 0
    except (Failed, subprocess.CalledProcessError, OSError) as error:
        print(f'coverage: {error}', file=sys.stderr)
        return 2


if __name__ == '__main__':
    sys.exit(main())
