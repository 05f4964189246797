#!/usr/bin/env python3
"""definitions.py against snapshots of every form."""

import io
import os
import sys
import tarfile
import tempfile
import unittest
import zipfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import definitions  # noqa: E402

REDIS = '''# as controller-gen writes it
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  labels:
    app.kubernetes.io/name: kubedb
    name: not-this
  name: redises.kubedb.com
spec:
  names: {kind: Redis}
'''
KAFKA = '''apiVersion: "apiextensions.k8s.io/v1"
kind: "CustomResourceDefinition"
metadata:
    annotations: {a: b}

    name: "kafkas.kubedb.com"
'''
OTHERS = '''apiVersion: v1
kind: ConfigMap
metadata: {name: x}
---
apiVersion: apiextensions.k8s.io/v1beta1
kind: CustomResourceDefinition
metadata:
  name: old.kubedb.com
'''
LIST = '''{"kind": "List", "items": [{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
"metadata": {"name": "redises.kubedb.com", "uid": "1"}, "spec": {}, "status": {}}]}'''


class a_snapshot(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='dbaas-test-')
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def at(self, name, text=None):
        path = os.path.join(self.folder, name)
        if text is not None:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text)
        return path

    def names(self, path):
        return sorted(definitions.of_snapshot(path))

    def test_reads_a_folder_with_other_files(self):
        self.at('a/b/any name.yml', REDIS)
        self.at('a/kafka.yaml', KAFKA)
        self.at('a/README.md', REDIS.replace('redises', 'wrong'))
        self.at('a/templates/chart.yaml', '{{- if .Values.crds }}\nkind: ConfigMap\n{{- end }}\n')
        self.at('a/values.schema.json', '{"type": "object", "items": {"type": "string"}}')
        self.assertEqual(self.names(self.at('a')), ['kafkas.kubedb.com', 'redises.kubedb.com'])

    def test_reads_one_file_of_many_documents(self):
        path = self.at('all', '---\n' + REDIS + '--- # next\n' + OTHERS + '---\n' + KAFKA)
        self.assertEqual(self.names(path), ['kafkas.kubedb.com', 'redises.kubedb.com'])

    def test_reads_an_archive(self):
        with tarfile.open(self.at('a.tar.xz'), 'w:xz') as archive:
            entry = tarfile.TarInfo('x/redis.yaml')
            entry.size = len(REDIS)
            archive.addfile(entry, io.BytesIO(REDIS.encode()))
        self.assertEqual(self.names(self.at('a.tar.xz')), ['redises.kubedb.com'])
        with zipfile.ZipFile(self.at('a.zip'), 'w') as archive:
            archive.writestr('x/redis.yaml', REDIS)
        self.assertEqual(self.names(self.at('a.zip')), ['redises.kubedb.com'])

    def test_reads_kubectl_output_in_json(self):
        found = definitions.of_snapshot(self.at('a.json', LIST))
        self.assertEqual(list(found), ['redises.kubedb.com'])
        self.assertNotIn(b'uid', found['redises.kubedb.com'])
        self.assertNotIn(b'status', found['redises.kubedb.com'])

    def test_rejects_a_snapshot_without_a_known_definition(self):
        with self.assertRaisesRegex(ValueError, "none of KubeDB's"):
            self.names(self.at('a.yaml', OTHERS + '---\n' + KAFKA))


class minimal_value(unittest.TestCase):
    def test_has_the_required_members_only(self):
        self.assertEqual(definitions.minimal_value({
            'type': 'object', 'required': ['image', 'plugin', 'count', 'ports', 'on', 'size', 'mode'], 'properties': {
                'image': {'type': 'string'}, 'plugin': {'type': 'string', 'enum': ['A', 'B']}, 'count': {'type': 'integer', 'minimum': 3},
                'ports': {'type': 'array', 'minItems': 1, 'items': {'type': 'integer'}}, 'on': {'type': 'boolean'},
                'size': {'x-kubernetes-int-or-string': True}, 'mode': {'type': 'string', 'default': 'M'}, 'free': {'type': 'string'}}}),
            {'image': 'x', 'plugin': 'A', 'count': 3, 'ports': [1], 'on': False, 'size': 1, 'mode': 'M'})


if __name__ == '__main__':
    unittest.main()
