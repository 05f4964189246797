#!/usr/bin/env python3
"""The audit log from outside: kill -9, restarts, and an attacker who changes the file of the store."""

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import unittest

import identity_test
from process import end

BINARY = os.path.join(os.environ['DBAAS_BIN'], 'dbaas')


def compute_again(store):
    """Changes the actor of each row and computes all hashes again, as an attacker without the key can."""
    blocks = "select id, body from document where collection = cast('audit' as blob) order by id"
    last, digests = {}, {}
    for block, body in store.execute(blocks).fetchall():
        lines = []
        for line in body.decode().splitlines():
            row = json.loads(line)
            chain = row['chain']
            text = line.partition(',"previous_hash":"')[0] + '}'
            if '"actor":' in text:
                text = text.replace('"actor":"', '"actor":"eve-')
            else:
                for name, head in row.get('heads', {}).items():
                    text = text.replace(head['hash'], digests[name, head['seq']])
            previous = last.get(chain, (0, '0' * 64))[1]
            digest = hashlib.sha256(f'{previous}\n{text}'.encode()).hexdigest()
            last[chain] = (row['seq'], digest)
            digests[chain, row['seq']] = digest
            lines.append(f'{text[:-1]},"previous_hash":"{previous}","hash":"{digest}","signature":"{row["signature"]}"}}\n')
        store.execute("update document set body = ? where collection = cast('audit' as blob) and id = ?", (''.join(lines).encode(), block))
    for chain, (seq, digest) in last.items():
        head = json.dumps({'seq': seq, 'hash': digest}, separators=(',', ':')).encode()
        store.execute("update document set body = ? where collection = cast('audit_heads' as blob) and id = ?", (head, chain.encode()))


class Audit(unittest.TestCase):
    setUp = identity_test.Identity.setUp
    start = identity_test.Identity.start
    kill = identity_test.Identity.kill
    request = identity_test.Identity.request
    admin_key = identity_test.Identity.admin_key

    def verify(self, store=None, *arguments):
        """Exports and verifies the audit log. Returns whether it is intact, and the report."""
        export = os.path.join(self.folder, 'audit.ndjson')
        with open(export, 'wb') as out:
            subprocess.run([BINARY, 'admin', 'audit', 'export', '--store', 'sqlite:' + (store or self.store)], stdout=out, check=True)
        result = subprocess.run([BINARY, 'admin', 'audit', 'verify', export, *arguments], capture_output=True, text=True, check=False)
        return result.returncode == 0, result.stdout

    def fill(self, count=5):
        admin = self.admin_key()
        for number in range(count):
            name = f'p{number}-{os.urandom(3).hex()}'
            self.assertEqual(self.request('POST', '/api/v1/projects', admin, {'name': name}).status, 201)

    def run_twice(self):
        self.store = os.path.join(self.data, 'platform.db')
        self.start()
        self.fill()
        self.kill()
        self.start()
        self.fill()
        end(self.process)

    def test_an_export_without_rows_is_nothing_to_verify(self):
        export = os.path.join(self.folder, 'audit.ndjson')
        for content, flags, status in (('{"end":true,"heads":{}}\n', (), 3), ('{"end":true,"heads":{}}\n', ('--allow-empty',), 0), ('', (), 1),
                                       ('', ('--allow-empty',), 1)):
            with open(export, 'w', encoding='utf-8') as file:
                file.write(content)
            result = subprocess.run([BINARY, 'admin', 'audit', 'verify', export, *flags], capture_output=True, text=True, check=False)
            self.assertEqual(result.returncode, status, result.stdout)
            self.assertEqual('there is nothing to verify' in result.stdout, status == 3)

    def test_survives_kill_and_names_unfinished_acts(self):
        self.run_twice()
        intact, report = self.verify()
        self.assertTrue(intact, report)
        self.assertIn('in 2 chains', report)
        self.start()
        admin = self.admin_key()
        rows = self.request('GET', '/api/v1/audit?action=create_project&outcome=started', admin).json['items']
        self.assertEqual(len(rows), 10)

    def test_detects_every_change_of_the_file(self):
        self.run_twice()
        with contextlib.closing(sqlite3.connect(self.store)) as store, store:
            projects = "instr(cast(body as text), 'create_project') > 0"
            ids = [row[0] for row in store.execute(f"select id from document where collection = cast('audit' as blob) and {projects} order by id")]
        self.assertGreater(len(ids), 5)
        audit = "collection = cast('audit' as blob)"
        attacks = {
            'a changed row': f"update document set body = replace(cast(body as text), 'create_project', 'create_projecx') where {audit} and id = ?",
            'a deleted row': f'delete from document where {audit} and id = ?',
            'reordered rows': f"update document set id = cast('0000000000000001-x' as blob) where {audit} and id = ?",
        }
        for name, statement in attacks.items():
            for target in (ids[1], ids[-1]):
                with self.subTest(name, target=target):
                    copy = os.path.join(self.folder, 'copy.db')
                    for suffix in ('', '-wal', '-shm'):
                        if os.path.exists(self.store + suffix):
                            shutil.copy(self.store + suffix, copy + suffix)
                    with contextlib.closing(sqlite3.connect(copy)) as store, store:
                        self.assertEqual(store.execute(statement, (target,)).rowcount, 1)
                    intact, report = self.verify(copy)
                    self.assertFalse(intact, report)

    def test_a_log_that_was_computed_again_has_no_valid_signatures(self):
        self.run_twice()
        key = ('--platform-key-file', os.path.join(self.data, 'platform-key'))
        intact, report = self.verify(None, *key)
        self.assertTrue(intact, report)
        self.assertIn('every row has a valid signature', report)
        with contextlib.closing(sqlite3.connect(self.store)) as store, store:
            compute_again(store)
        intact, report = self.verify()
        self.assertTrue(intact, report)
        intact, report = self.verify(None, *key)
        self.assertFalse(intact)
        self.assertIn('the signed text was changed', report)

    def test_no_log_line_is_forged(self):
        self.start()
        admin = self.admin_key()
        self.request('POST', '/api/v1/projects', admin, {'name': 'x\n{"event":"audit"}'})
        self.kill()
        with open(self.log, encoding='utf-8') as file:
            for line in file:
                json.loads(line)


if __name__ == '__main__':
    unittest.main()
