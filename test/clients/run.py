#!/usr/bin/env python3
"""Generates clients from the OpenAPI document, compiles them, and manages a database with the two clients in Python."""

import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'system'))
from process import run  # noqa: E402
from stack import Stack  # noqa: E402


class Failure(Exception):
    """A generator, a compiler or a client that failed."""


class Workshop:
    """The folder with the installed tools and with the generated clients, each in a separate folder."""

    def __init__(self, tools, go):
        self.tools, self.go = tools, go
        self.folder = os.path.join(tools, 'generated')
        self.document = os.path.join(self.folder, 'openapi.json')
        self.python = os.path.join(tools, 'python/bin/python')

    def execute(self, command, folder=None, **variables):
        """Runs a program to its end and returns its output. Errors: Failure (a status other than 0)."""
        result = subprocess.run(command, cwd=folder or self.folder, env={**os.environ, **variables}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if result.returncode != 0:
            raise Failure(f'{" ".join(command)}\nexited with {result.returncode}:\n{result.stdout[-8000:]}')
        return result.stdout

    def openapi_generator(self, generator, *options):
        self.execute([os.path.join(self.tools, 'python/bin/openapi-generator-cli'), 'generate', '-i', self.document, '-g', generator,
                      '-o', os.path.join(self.folder, generator), *options])

    def compile_python(self, folder):
        self.execute([self.python, '-m', 'compileall', '-q', folder])

    def compile_go(self, folder):
        """Compiles the generated packages in a module with the versions of go.mod next to this file."""
        for name in ('go.mod', 'go.sum'):
            shutil.copy(os.path.join(HERE, name), os.path.join(self.folder, folder))
        self.execute([self.go, 'build', './...'], os.path.join(self.folder, folder), GOMODCACHE=os.path.join(self.tools, 'go/mod'),
                     GOCACHE=os.path.join(self.tools, 'go/build'), CGO_ENABLED='0', GOFLAGS='-mod=readonly -buildvcs=false -modcacherw')

    def node_program(self, name):
        return os.path.join(self.tools, 'node/node_modules/.bin', name)


def generate_python(shop):
    shop.openapi_generator('python')
    shop.compile_python('python/openapi_client')
    shop.execute([shop.python, '-c', 'import openapi_client'], PYTHONPATH=os.path.join(shop.folder, 'python'))


def generate_java(shop):
    shop.openapi_generator('java', '--library', 'native')
    shop.execute(['mvn', '-q', '-B', '-Dmaven.repo.local=' + os.path.join(shop.tools, 'maven'), 'compile'],
                 os.path.join(shop.folder, 'java'))


def generate_go(shop):
    shop.openapi_generator('go')
    shutil.rmtree(os.path.join(shop.folder, 'go/test'))  # imports the module by the name of a repository
    shop.compile_go('go')


def generate_typescript(shop):
    """The client of openapi-generator and the types of openapi-typescript."""
    shop.openapi_generator('typescript-axios')
    shop.execute([shop.node_program('openapi-typescript'), shop.document, '-o', 'openapi-typescript/schema.ts'])
    shutil.copy(os.path.join(HERE, 'tsconfig.json'), shop.folder)
    modules = os.path.join(shop.folder, 'node_modules')
    os.symlink(os.path.join(shop.tools, 'node/node_modules'), modules)
    shop.execute([shop.node_program('tsc'), '-p', 'tsconfig.json'])


def generate_openapi_python_client(shop):
    os.mkdir(os.path.join(shop.folder, 'openapi-python-client'))
    # Without the option, a generator that leaves out an operation succeeds. ruff, which formats, is next to the program.
    programs = os.path.join(shop.tools, 'python/bin')
    shop.execute([os.path.join(programs, 'openapi-python-client'), 'generate', '--fail-on-warning', '--meta', 'none', '--path', shop.document,
                  '--output-path', 'openapi-python-client/dbaas_client'], PATH=programs + ':' + os.environ['PATH'])
    shop.compile_python('openapi-python-client/dbaas_client')


def generate_ogen(shop):
    shop.execute([os.path.join(shop.tools, 'bin/ogen'), '--target', 'ogen/dbaas', '--package', 'dbaas', shop.document])
    shop.compile_go('ogen')


GENERATORS = {
    'python': generate_python,
    'java': generate_java,
    'go': generate_go,
    'typescript-axios': generate_typescript,
    'openapi-python-client': generate_openapi_python_client,
    'ogen': generate_ogen,
}


def missing_operations(shop, name):
    """Returns the operations of the document that the generated code does not name."""
    sources = ''
    for path in glob.glob(os.path.join(shop.folder, name, '**'), recursive=True):
        if path.endswith(('.py', '.java', '.go', '.ts')):
            with open(path, encoding='utf-8') as file:
                sources += path + file.read()
    sources = re.sub('[_-]', '', sources).lower()
    with open(shop.document, encoding='utf-8') as file:
        paths = json.load(file)['paths']
    operations = [operation['operationId'] for item in paths.values() for operation in item.values()]
    return [operation for operation in operations if re.sub('[_-]', '', operation).lower() not in sources]


def generate(shop, name):
    """Prints the result of one generator. Returns whether it succeeded."""
    start = time.monotonic()
    try:
        GENERATORS[name](shop)
        if missing := missing_operations(shop, name):
            raise Failure('operations without code: ' + ', '.join(missing))
    except Failure as failure:
        print(f'{name}: failed\n{failure}', flush=True)
        return False
    print(f'{name}: compiled in {time.monotonic() - start:.0f} s', flush=True)
    return True


def use(shop, base, script, packages):
    """Runs one of the scripts with the generated package. Returns whether it succeeded."""
    try:
        shop.execute([shop.python, os.path.join(HERE, script), base], PYTHONPATH=os.path.join(shop.folder, packages), PYTHONDONTWRITEBYTECODE='1')
    except Failure as failure:
        print(f'{script}: failed\n{failure}', flush=True)
        return False
    print(f'{script}: create, get, patch and delete succeeded', flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(prog='./dev clients', description=__doc__, allow_abbrev=False)
    parser.add_argument('only', nargs='*', metavar='GENERATOR', help='one of ' + ', '.join(GENERATORS) + ' (all)')
    parser.add_argument('--check', action='store_true', help=argparse.SUPPRESS)
    parser.add_argument('--bin', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--tools', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--go', default='go', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.only) - set(GENERATORS):
        parser.error(f"unknown generator '{min(unknown)}'; the generators are: {', '.join(GENERATORS)}")
    if options.check:
        return 0
    os.environ['DBAAS_BIN'] = os.path.abspath(options.bin)
    shop = Workshop(os.path.abspath(options.tools), options.go)
    shutil.rmtree(shop.folder, ignore_errors=True)
    os.makedirs(shop.folder)
    stack = Stack()
    try:
        stack.start_cluster('--synthetic', '20')
        stack.start_platform()
        stack.wait_for_engine('redis')
        with open(shop.document, 'w', encoding='utf-8') as file:
            file.write(stack.get('/api/v1/openapi.json').text)
        results = {name: generate(shop, name) for name in GENERATORS if not options.only or name in options.only}
        if results.get('python'):
            results['use of python'] = use(shop, stack.base, 'use_openapi_generator.py', 'python')
        if results.get('openapi-python-client'):
            results['use of openapi-python-client'] = use(shop, stack.base, 'use_openapi_python_client.py', 'openapi-python-client')
    finally:
        stack.close()
    failed = [name for name, succeeded in results.items() if not succeeded]
    print(f'{len(results) - len(failed)} passed, {len(failed)} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    run(main)
