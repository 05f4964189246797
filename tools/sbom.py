#!/usr/bin/env python3
"""Writes the software bill of materials of the image as CycloneDX 1.5 JSON (https://cyclonedx.org/docs/1.5/json).

The components are the Debian packages of the libraries that the program loads, the packages whose headers are compiled into it,
and the viewer of /docs. The output of two runs over the same program and packages is equal.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import urllib.parse
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMPILED_PACKAGES = ('libboost1.81-dev', 'libcli11-dev')
CERTIFICATES = 'ca-certificates'  # its file is copied into the image
PINS = os.path.join(ROOT, 'deploy/packages.txt')
NAMESPACE = uuid.UUID('0e2a7f5c-52f1-4b8e-9a35-2b6f9b1f6f0d')  # of the serial numbers


class SbomError(Exception):
    """A bill of materials cannot be written; the text names the reason."""


def output_of(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise SbomError(f'{command[0]} is missing: the bill of materials needs Debian') from error
    if done.returncode != 0:
        raise SbomError(f"'{' '.join(command)}' failed: {done.stderr.strip()}")
    return done.stdout


def loaded_libraries(program):
    """Returns the real paths of the libraries that the loader maps, with the loader itself."""
    text = output_of('ldd', program)
    if 'not found' in text:
        raise SbomError(f'{program} misses libraries:\n{text}')
    return sorted({os.path.realpath(path) for path in re.findall(r'(/\S+) \(0x', text)})


def owning_package(path):
    """Returns the package that installed the file. Debian 12 installs some files below / and the loader reports /usr, or the reverse."""
    variants = [path, path.removeprefix('/usr')] if path.startswith('/usr/') else [path, '/usr' + path]
    for variant in variants:
        done = subprocess.run(['dpkg-query', '-S', variant], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.split(': ')[0].split(',')[0].split(':')[0]
    raise SbomError(f'no package owns {path}')


def package_component(name):
    fields = '${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n'
    package, version, architecture, source, source_version = output_of('dpkg-query', '-W', '-f', fields, name).splitlines()[0].split('\t')
    purl = f'pkg:deb/debian/{package}@{urllib.parse.quote(version, safe="")}?arch={architecture}&distro=debian-12'
    return {'type': 'library', 'bom-ref': purl, 'name': package, 'version': version, 'purl': purl,
            'properties': [{'name': 'debian:source', 'value': source}, {'name': 'debian:source-version', 'value': source_version}]}


def viewer_component():
    with open(os.path.join(ROOT, 'cmake/viewer.txt'), encoding='utf-8') as file:
        pin = re.search(r'^([\w.-]+)==(\S+)', file.read(), re.MULTILINE)
    purl = f'pkg:pypi/{pin[1]}@{pin[2]}'
    return {'type': 'library', 'bom-ref': purl, 'name': pin[1], 'version': pin[2], 'purl': purl}


def digest_of(path):
    with open(path, 'rb') as file:
        return hashlib.sha256(file.read()).hexdigest()


def bill_of(program):
    """Returns the document for the program. Errors: SbomError."""
    names = {owning_package(path) for path in loaded_libraries(program)} | {*COMPILED_PACKAGES, CERTIFICATES}
    components = [package_component(name) for name in sorted(names)]
    version = output_of(program, 'version')
    if 'Swagger UI' in version:
        components.append(viewer_component())
    digest = digest_of(program)
    identity = json.dumps([digest, [component['purl'] for component in components]])
    return {'bomFormat': 'CycloneDX', 'specVersion': '1.5', 'serialNumber': f'urn:uuid:{uuid.uuid5(NAMESPACE, identity)}', 'version': 1,
            'metadata': {'component': {'type': 'application', 'bom-ref': 'kubedb-dbaas', 'name': 'kubedb-dbaas',
                                       'version': version.split()[1], 'hashes': [{'alg': 'SHA-256', 'content': digest}]}},
            'components': components,
            'dependencies': [{'ref': 'kubedb-dbaas', 'dependsOn': [component['bom-ref'] for component in components]}]}


def pinned_names():
    with open(PINS, encoding='utf-8') as file:
        return {line.strip() for line in file if line.strip() and not line.startswith('#')}


def pin_errors(bill):
    """Compares the names of the components with packages.txt. Returns one line per difference."""
    names = {component['name'] for component in bill['components']}
    return [f'{name}: in the image, but not in deploy/packages.txt' for name in sorted(names - pinned_names())] + \
           [f'{name}: in deploy/packages.txt, but not in the image' for name in sorted(pinned_names() - names)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('program', help='the program in the image, for example build/release/bin/dbaas')
    parser.add_argument('--out', metavar='FILE', help='default: standard output')
    options = parser.parse_args()
    try:
        text = json.dumps(bill_of(options.program), indent=1) + '\n'
    except SbomError as error:
        print(f'sbom.py: {error}', file=sys.stderr)
        return 1
    if options.out:
        with open(options.out, 'w', encoding='utf-8') as file:
            file.write(text)
    else:
        sys.stdout.write(text)
    return 0


if __name__ == '__main__':
    sys.exit(main())
