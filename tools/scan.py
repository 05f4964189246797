#!/usr/bin/env python3
"""./dev scan: writes the bill of materials of the image and looks for known vulnerabilities of its packages.

Checks first that the packages are those of deploy/packages.txt. Then compares each source package with the data of Debian's security
tracker. Exit status: 0 no vulnerability with a published correction, 1 a correction exists for an installed package, or the list of
packages differs, 2 wrong arguments, 3 the tracker cannot be read: nothing is known about vulnerabilities.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sbom  # noqa: E402  (found through the path above)

TRACKER = 'https://security-tracker.debian.org/tracker/data/json'
RELEASE = 'bookworm'
TIMEOUT = 60  # seconds for the whole download of about 70 MB to begin


@dataclasses.dataclass(frozen=True, order=True)
class Vulnerability:
    package: str  # source package
    name: str  # CVE-…
    urgency: str
    correction: str  # the version that corrects it, or '' if there is none


def is_older(version, other):
    """Whether the Debian version is less than the other one (deb-version(7))."""
    return subprocess.run(['dpkg', '--compare-versions', version, 'lt', other], check=False).returncode == 0


def source_packages(bill):
    """Returns {source package: version} of the Debian components."""
    return {properties['debian:source']: properties['debian:source-version'] for component in bill['components']
            if (properties := {entry['name']: entry['value'] for entry in component.get('properties', [])})}


def vulnerabilities_of(sources, tracker):
    """Returns the vulnerabilities that the tracker ({source: {CVE: {releases: {bookworm: …}}}}) knows for the versions, sorted."""
    found = []
    for source, version in sources.items():
        for name, entry in tracker.get(source, {}).items():
            release = entry.get('releases', {}).get(RELEASE)
            if release is None or release.get('urgency') in ('unimportant', 'end-of-life'):
                continue
            correction = release.get('fixed_version', '')
            if correction == '0':  # the release was never affected
                continue
            if release['status'] == 'open' or (correction and is_older(version, correction)):
                found.append(Vulnerability(source, name, release.get('urgency', 'unknown'), correction))
    return sorted(found)


def read_tracker(place):
    """Reads the tracker's data from a URL or a file. Errors: OSError, ValueError."""
    if '://' not in place:
        with open(place, encoding='utf-8') as file:
            return json.load(file)
    with urllib.request.urlopen(place, timeout=TIMEOUT) as response:
        return json.load(response)


def report(found, sources):
    corrected = [entry for entry in found if entry.correction]
    for entry in found:
        installed = sources[entry.package]
        state = f'corrected in {entry.correction}' if entry.correction else 'no correction yet'
        print(f'{entry.package:<16} {installed:<24} {entry.name:<16} {entry.urgency:<16} {state}')
    print(f'{len(sources)} source packages, {len(found)} known vulnerabilities, {len(corrected)} with a correction'
          + (": install Debian's updates and build the image again" if corrected else ''))
    return 1 if corrected else 0


def main():
    parser = argparse.ArgumentParser(prog='./dev scan', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--program', default=os.path.join(sbom.ROOT, 'build/release/bin/dbaas'), help=argparse.SUPPRESS)
    parser.add_argument('--out', metavar='FILE', default=os.path.join(sbom.ROOT, 'build/sbom.cdx.json'),
                        help='the bill of materials; default: build/sbom.cdx.json')
    parser.add_argument('--tracker', metavar='URL|FILE', default=TRACKER, help=f"the tracker's data; default: {TRACKER}")
    parser.add_argument('--check', action='store_true', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.check:
        return 0
    try:
        bill = sbom.bill_of(options.program)
    except sbom.SbomError as error:
        print(f'scan.py: {error}', file=sys.stderr)
        return 1
    with open(options.out, 'w', encoding='utf-8') as file:
        json.dump(bill, file, indent=1)
    print(f'{len(bill["components"])} components: {options.out}')
    differences = sbom.pin_errors(bill)
    if differences:
        print('\n'.join(differences), file=sys.stderr)
        return 1
    try:
        tracker = read_tracker(options.tracker)
    except (OSError, ValueError) as error:
        print(f'scan.py: cannot read {options.tracker}: {error}. Nothing is known about vulnerabilities; '
              'run this where the tracker can be reached, or pass --tracker FILE', file=sys.stderr)
        return 3
    sources = source_packages(bill)
    return report(vulnerabilities_of(sources, tracker), sources)


if __name__ == '__main__':
    sys.exit(main())
