"""The one real cluster of a run, and what the command line asks for."""

import glob
import json
import os
import sys
import tarfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(ROOT, 'tests')]

from cluster import RealCluster  # noqa: E402

how = None  # the command line


def definitions():
    """The KubeDB definitions: our own, or the archive's of --crds."""
    if not how.crds:
        found = []
        for path in sorted(glob.glob(os.path.join(ROOT, 'devcluster/crds/*.json'))):
            with open(path, encoding='utf-8') as file:
                found.append(json.load(file))
        return found
    with tarfile.open(how.crds) as archive:
        texts = {os.path.basename(each.name): archive.extractfile(each).read() for each in archive if each.isfile()}
    wanted = {os.path.basename(path)[:-len('.json')] for path in glob.glob(os.path.join(ROOT, 'devcluster/crds/*.json'))}
    missing = wanted - {name.rsplit('.', 1)[0] for name in texts}
    if missing:
        raise SystemExit(f"{how.crds}: there is no definition of {', '.join(sorted(missing))}")
    return [text for name, text in sorted(texts.items()) if b'kind: CustomResourceDefinition' in text]


class Shared:
    """One real cluster for all tests, started by the first."""
    cluster = None

    @classmethod
    def get(cls):
        if cls.cluster is None:
            begun = time.monotonic()
            cls.cluster = RealCluster(how.programs)
            cls.cluster.start()
            version = cls.cluster.ask('GET', '/version').json['gitVersion']
            count = cls.cluster.apply_definitions(definitions())
            for name in ('dbaas-system', 'conformance'):
                cls.cluster.ask('POST', '/api/v1/namespaces', {'metadata': {'name': name}})
            print(f'kube-apiserver {version} with {count} definitions after {time.monotonic() - begun:.1f} s', flush=True)
        return cls.cluster
