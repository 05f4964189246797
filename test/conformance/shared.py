"""The one real cluster of a run, and the options of the command line."""

import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, 'test', 'system')]

import definitions  # noqa: E402
from cluster import RealCluster  # noqa: E402

how = None  # the options of the command line; run.py sets it


class Shared:
    """Holds one real cluster for all tests; the first test starts it."""
    cluster = None

    @classmethod
    def get(cls):
        if cls.cluster is None:
            begun = time.monotonic()
            cluster = RealCluster(how.programs)
            try:
                cluster.start()
                version = cluster.ask('GET', '/version').json['gitVersion']
                count = cluster.apply_definitions(definitions.given(how.crds), definitions.own())
                for name in ('dbaas-system', 'conformance'):
                    cluster.ask('POST', '/api/v1/namespaces', {'metadata': {'name': name}})
            except BaseException:
                cluster.close()
                raise
            cls.cluster = cluster
            print(f'kube-apiserver {version} with {count} definitions after {time.monotonic() - begun:.1f} s', flush=True)
        return cls.cluster

    @classmethod
    def make_version(cls, kind, name):
        """Creates an engine version in the catalogue, with the members that its definition requires. Returns the response."""
        group, version, plural = 'catalog.kubedb.com', 'v1alpha1', kind.lower() + 's'
        served = cls.cluster.definition(f'{plural}.{group}')['spec']['versions']
        schema = next(each for each in served if each['name'] == version)['schema']['openAPIV3Schema']
        spec = definitions.minimal_value(schema['properties']['spec'])
        return cls.cluster.ask('POST', f'/apis/{group}/{version}/{plural}', {
            'apiVersion': f'{group}/{version}', 'kind': kind, 'metadata': {'name': name}, 'spec': {**spec, 'version': name}})
