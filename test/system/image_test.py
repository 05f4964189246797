#!/usr/bin/env python3
"""The image: its root file system with the program of this build, started without rights; and the Dockerfile with buildah."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from process import end, spawn
from serve_test import KUBECONFIG
from stack import request, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(os.environ.get('DBAAS_BIN', ''), 'dbaas')
SIZE_MAX = 80 * 2**20  # of the root file system with a program of the preset dev


def run(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=300, **options)


def unavailable(*words):
    """Returns why this machine cannot run the command, or None."""
    try:
        done = run(*words)
    except FileNotFoundError:
        return f'{words[0]} is not installed'
    return None if done.returncode == 0 else f"'{' '.join(words)}' fails here: {done.stderr.strip()[-200:]}"


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix='dbaas-image-')
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        os.chmod(cls.folder, 0o755)
        cls.image = os.path.join(cls.folder, 'image')
        cls.build_root(cls.image)

    @classmethod
    def build_root(cls, target):
        done = run(os.path.join(ROOT, 'deploy/image_root.sh'), PROGRAM, target)
        assert done.returncode == 0, done.stderr

    def test_the_root_holds_the_program_and_its_libraries_alone(self):
        files = [os.path.join(folder, name) for folder, _, names in os.walk(self.image) for name in names]
        self.assertLess(sum(os.lstat(path).st_size for path in files), SIZE_MAX)
        programs = [path for path in files if '/bin/' in path]
        self.assertEqual(programs, [os.path.join(self.image, 'usr/bin/dbaas')])
        self.assertEqual([path for path in files if os.lstat(path).st_mode & 0o6000], [], 'set-uid files')

    def test_two_builds_have_the_same_content(self):
        again = os.path.join(self.folder, 'again')
        self.build_root(again)
        digests = {run('sh', '-c', 'tar --sort=name -c . | sha256sum', cwd=path).stdout for path in (self.image, again)}
        self.assertEqual(len(digests), 1)

    def test_the_bill_of_materials_covers_every_library_and_the_pinned_packages_alone(self):
        done = run(sys.executable, os.path.join(ROOT, 'tools/sbom.py'), PROGRAM)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, run(sys.executable, os.path.join(ROOT, 'tools/sbom.py'), PROGRAM).stdout)
        bill = json.loads(done.stdout)
        self.assertEqual((bill['bomFormat'], bill['specVersion']), ('CycloneDX', '1.5'))
        with open(os.path.join(ROOT, 'deploy/packages.txt'), encoding='utf-8') as file:
            pins = {line.strip() for line in file if not line.startswith('#')}
        names = {component['name'] for component in bill['components']}
        # A build without the viewer of /docs has no package of it.
        self.assertEqual(names | {'drf-spectacular-sidecar'}, pins)
        references = [component['bom-ref'] for component in bill['components']]
        self.assertEqual(bill['dependencies'], [{'ref': 'kubedb-dbaas', 'dependsOn': references}])

    def test_the_program_serves_on_a_read_only_root_without_rights(self):
        reason = unavailable('unshare', '--mount', 'true')
        if reason:
            self.skipTest(reason)
        image = os.path.join(self.folder, 'started')
        self.build_root(image)
        with open(os.path.join(image, 'etc/kubeconfig'), 'w', encoding='utf-8') as file:
            file.write(KUBECONFIG)
        script = ('mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && mount -t tmpfs -o uid=65532,gid=65532 tmpfs "$1/var/lib/dbaas" '
                  '&& exec setpriv --no-new-privs chroot --userspec=65532:65532 "$1" /usr/bin/dbaas serve --listen 127.0.0.1:0 '
                  '--kubeconfig /etc/kubeconfig --data-dir /var/lib/dbaas --log-format json')
        log = os.path.join(self.folder, 'log')
        with open(log, 'wb') as out:
            process = spawn(['unshare', '--mount', 'sh', '-c', script, 'sh', image], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                            env={'PATH': os.environ['PATH']})
        self.addCleanup(end, process)

        def address():
            with open(log, encoding='utf-8') as file:
                text = file.read()
            self.assertIsNone(process.poll(), text)
            found = re.search(r'"event":"serving","address":"([^"]+)"', text)
            return found and found.group(1)
        base = wait_until(address, 30, 'the program in the image')
        self.assertEqual(request('GET', base + '/health/live').status, 200)
        with open(f'/proc/{process.pid}/status', encoding='utf-8') as file:
            status = dict(line.rstrip('\n').split(':\t', 1) for line in file)
        self.assertEqual(set(status['Uid'].split()), {'65532'})
        self.assertEqual(int(status['CapEff'], 16), 0)
        self.assertEqual(status['NoNewPrivs'], '1')
        self.assertNotEqual(run('touch', os.path.join(f'/proc/{process.pid}/root', 'etc/file')).returncode, 0, 'the root is writable')
        process.terminate()
        self.assertEqual(process.wait(60), 0)

    def test_buildah_builds_the_last_stage_of_the_dockerfile(self):
        """Replaces the stage that compiles, which downloads packages and takes minutes, by the program of this build."""
        storage = ['buildah', '--root', os.path.join(self.folder, 'storage'), '--runroot', os.path.join(self.folder, 'run'), '--storage-driver', 'vfs']
        reason = unavailable('buildah', '--version') or unavailable(*storage, 'from', 'scratch')
        if reason:
            self.skipTest(reason)
        with open(os.path.join(ROOT, 'Dockerfile'), encoding='utf-8') as file:
            first, last = file.read().split('\nFROM scratch\n')
        self.assertIn('deploy/image_root.sh build/release/bin/dbaas /image', first)
        context = os.path.join(self.folder, 'context')
        os.mkdir(context)
        shutil.copytree(self.image, os.path.join(context, 'image'), symlinks=True)
        with open(os.path.join(context, 'Dockerfile'), 'w', encoding='utf-8') as file:
            file.write(f'FROM scratch AS build\nCOPY image /image\nFROM scratch\n{last}')
        built = run(*storage, 'bud', '--isolation', 'chroot', '--tag', 'dbaas-test', context)
        self.assertEqual(built.returncode, 0, built.stderr)
        config = json.loads(run(*storage, 'inspect', '--type', 'image', 'dbaas-test').stdout)['OCIv1']['config']
        self.assertEqual((config['User'], config['Entrypoint'], config['Cmd'], list(config['ExposedPorts'])),
                         ('65532:65532', ['/usr/bin/dbaas'], ['serve'], ['8000/tcp']))
        self.assertEqual(config['Labels']['org.opencontainers.image.title'], 'kubedb-dbaas')
        container = run(*storage, 'from', 'dbaas-test').stdout.strip()
        ran = run(*storage, 'run', '--isolation', 'chroot', container, '--', '/usr/bin/dbaas', 'version')
        self.assertEqual((ran.returncode, ran.stdout.split()[:1]), (0, ['dbaas']), ran.stderr)


if __name__ == '__main__':
    unittest.main(verbosity=2)
