#!/usr/bin/env python3
"""Tests of scan.py and sbom.py: which vulnerabilities count, the exit status, and the list of packages."""

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sbom  # noqa: E402  (found through the path above)
import scan  # noqa: E402


def component(name, version, source):
    return {'name': name, 'version': version, 'purl': f'pkg:deb/debian/{name}@{version}',
            'properties': [{'name': 'debian:source', 'value': source}, {'name': 'debian:source-version', 'value': version}]}


BILL = {'components': [component('libssl3', '3.0.11-1', 'openssl'), component('zlib1g', '1:1.2.13', 'zlib'),
                       {'name': 'viewer', 'version': '1', 'purl': 'pkg:pypi/viewer@1'}]}


def entry(status, correction=None, urgency='medium'):
    release = {'status': status, 'urgency': urgency}
    if correction is not None:
        release['fixed_version'] = correction
    return {'releases': {'bookworm': release}}


def names_of(tracker):
    return [found.name for found in scan.vulnerabilities_of(scan.source_packages(BILL), tracker)]


class matching(unittest.TestCase):
    def test_a_correction_newer_than_the_package_counts(self):
        self.assertEqual(names_of({'openssl': {'CVE-1': entry('resolved', '3.0.11-1+deb12u1'), 'CVE-2': entry('resolved', '3.0.11-1')}}), ['CVE-1'])

    def test_versions_are_compared_as_debian_does(self):
        self.assertEqual(names_of({'zlib': {'CVE-1': entry('resolved', '1:1.2.2'), 'CVE-2': entry('resolved', '1:1.2.13.1')}}), ['CVE-2'])

    def test_open_ones_count_and_have_no_correction(self):
        found = scan.vulnerabilities_of(scan.source_packages(BILL), {'zlib': {'CVE-1': entry('open')}})
        self.assertEqual([(item.name, item.correction) for item in found], [('CVE-1', '')])

    def test_other_releases_packages_and_unimportant_ones_do_not_count(self):
        self.assertEqual(names_of({'zlib': {'CVE-1': {'releases': {'sid': {'status': 'open'}}}, 'CVE-2': entry('open', urgency='unimportant'),
                                            'CVE-3': entry('resolved', '0')},
                                   'curl': {'CVE-4': entry('open')}}), [])


class running(unittest.TestCase):
    def run_scan(self, tracker, pins=('libssl3', 'zlib1g', 'viewer')):
        """Runs main() with this data of the tracker (None: no file). Returns the exit status, standard output and errors."""
        output, errors = io.StringIO(), io.StringIO()
        with tempfile.TemporaryDirectory() as folder:
            place = os.path.join(folder, 'tracker.json')
            if tracker is not None:
                with open(place, 'w', encoding='utf-8') as file:
                    json.dump(tracker, file)
            arguments = ['scan.py', '--out', os.path.join(folder, 'bill.json'), '--tracker', place]
            with mock.patch.object(sys, 'argv', arguments), mock.patch.object(sbom, 'bill_of', lambda _: BILL), \
                    mock.patch.object(sbom, 'pinned_names', lambda: set(pins)), \
                    contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
                return scan.main(), output.getvalue(), errors.getvalue()

    def test_without_a_correction_the_status_is_0_and_open_ones_are_listed(self):
        status, output, _ = self.run_scan({'zlib': {'CVE-1': entry('open')}})
        self.assertEqual(status, 0)
        self.assertIn('CVE-1', output)
        self.assertIn('2 source packages, 1 known vulnerabilities, 0 with a correction', output)

    def test_a_published_correction_fails_and_is_named(self):
        status, output, _ = self.run_scan({'openssl': {'CVE-1': entry('resolved', '3.0.11-1+deb12u1')}})
        self.assertEqual(status, 1)
        self.assertIn('corrected in 3.0.11-1+deb12u1', output)

    def test_an_unreadable_tracker_is_not_a_clean_result(self):
        status, _, errors = self.run_scan(None)
        self.assertEqual(status, 3)
        self.assertIn('Nothing is known about vulnerabilities', errors)

    def test_a_package_that_is_not_pinned_fails(self):
        status, _, errors = self.run_scan({}, pins=('libssl3', 'viewer', 'libold'))
        self.assertEqual(status, 1)
        self.assertIn('zlib1g: in the image, but not in deploy/packages.txt', errors)
        self.assertIn('libold: in deploy/packages.txt, but not in the image', errors)


if __name__ == '__main__':
    unittest.main()
