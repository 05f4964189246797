#!/usr/bin/env python3
"""Serves one list of Postgres objects and one watch of changes to them on 127.0.0.1, from prepared bytes.

Arguments: objects, events, seed. Prints its port. Each connection receives the same bytes for every request. The server ends when
its standard input ends. Objects have 3 to 6 KB and include the managed fields that an API server sends.
"""

import json
import os
import random
import socket
import sys
import threading
import urllib.parse


def managed_fields(random_source, manager, operation, paths):
    fields = {}
    for path in paths:
        node = fields
        for step in path.split('.'):
            node = node.setdefault('f:' + step, {})
    return {'manager': manager, 'operation': operation, 'apiVersion': 'kubedb.com/v1', 'fieldsType': 'FieldsV1',
            'time': f'2026-01-{random_source.randrange(1, 28):02}T10:{random_source.randrange(60):02}:00Z', 'fieldsV1': fields}


def condition(kind, generation, text):
    return {'type': kind, 'status': 'True', 'reason': kind + 'Succeeded', 'observedGeneration': generation,
            'lastTransitionTime': '2026-01-05T10:24:42Z', 'message': text}


def postgres(number, random_source):
    name, project = f'orders-{number}', f'dbaas-team-{number % 50}'
    resources = {'requests': {'cpu': '500m', 'memory': '1Gi'}, 'limits': {'memory': '1Gi'}}
    labels = {'app.kubernetes.io/managed-by': 'kubedb-dbaas', 'dbaas/database': f'db-{number:012}', 'dbaas/project': f'team-{number % 50}'}
    spec_paths = ['spec.version', 'spec.replicas', 'spec.storage.resources.requests.storage', 'spec.storage.accessModes',
                  'spec.podTemplate.spec.containers', 'spec.monitor.agent', 'spec.monitor.prometheus.exporter.port',
                  'spec.deletionPolicy', 'spec.authSecret.name', 'spec.healthChecker.periodSeconds', 'spec.sslMode',
                  'metadata.labels.dbaas/database', 'metadata.labels.dbaas/project', 'spec.leaderElection.period']
    return {
        'apiVersion': 'kubedb.com/v1', 'kind': 'Postgres',
        'metadata': {
            'name': name, 'namespace': project, 'uid': f'{random_source.getrandbits(128):032x}', 'resourceVersion': '@@VERSION@@',
            'generation': 3, 'creationTimestamp': '2026-01-05T10:20:00Z', 'labels': labels, 'finalizers': ['kubedb.com'],
            'annotations': {f'team.example.com/note-{each}': 'what people write there, ' * random_source.randrange(1, 12)
                            for each in range(random_source.randrange(1, 5))},
            'managedFields': [managed_fields(random_source, 'kubedb-dbaas', 'Apply', spec_paths),
                              managed_fields(random_source, 'kubedb-provisioner', 'Update',
                                             ['status.conditions', 'status.phase', 'status.observedGeneration', 'metadata.finalizers'])]},
        'spec': {
            'version': '17.4', 'replicas': 1, 'storageType': 'Durable', 'deletionPolicy': 'WipeOut', 'sslMode': 'disable',
            'clientAuthMode': 'md5', 'standbyMode': 'Hot', 'streamingMode': 'Asynchronous',
            'storage': {'accessModes': ['ReadWriteOnce'], 'storageClassName': 'standard', 'resources': {'requests': {'storage': '10Gi'}}},
            'authSecret': {'name': name + '-auth', 'kind': 'Secret'},
            'monitor': {'agent': 'prometheus.io', 'prometheus': {'exporter': {'port': 56790, 'resources': resources}}},
            'healthChecker': {'failureThreshold': 1, 'periodSeconds': 10, 'timeoutSeconds': 10},
            'leaderElection': {'electionTick': 10, 'heartbeatTick': 1, 'maximumLagBeforeFailover': 67108864, 'period': '300ms'},
            'podTemplate': {'controller': {}, 'metadata': {}, 'spec': {
                'containers': [{'name': each, 'resources': resources,
                                'securityContext': {'allowPrivilegeEscalation': False, 'capabilities': {'drop': ['ALL']},
                                                    'runAsGroup': 70, 'runAsNonRoot': True, 'runAsUser': 70,
                                                    'seccompProfile': {'type': 'RuntimeDefault'}}} for each in ('postgres', 'exporter')],
                'podPlacementPolicy': {'name': 'default'}, 'securityContext': {'fsGroup': 70}, 'serviceAccountName': name}}},
        'status': {
            'phase': '@@PHASE@@', 'observedGeneration': 3,
            'conditions': [condition('ProvisioningStarted', 1, f'The KubeDB operator has started the provisioning of {name}'),
                           condition('ReplicaReady', 3, 'All replicas are ready'),
                           condition('AcceptingConnection', 3, f'The Postgres: {project}/{name} is accepting client requests.'),
                           condition('Ready', 3, f'The Postgres: {project}/{name} is ready.'),
                           condition('Provisioned', 3, f'The Postgres: {project}/{name} is successfully provisioned.')]}}


class Content:
    def __init__(self, objects, events, seed):
        random_source = random.Random(seed)
        templates = [json.dumps(postgres(number, random_source), separators=(',', ':')) for number in range(objects)]
        templates = [text.replace('%', '%%').replace('@@VERSION@@', '%d').replace('@@PHASE@@', '%s').encode() for text in templates]
        self.items = [template % (number + 1, b'Ready') for number, template in enumerate(templates)]
        self.version = objects
        parts = []
        for number in range(events):
            index = random_source.randrange(objects)
            phase = (b'Ready', b'Critical', b'NotReady')[number % 3]
            line = b'{"type":"MODIFIED","object":' + templates[index] % (objects + 1 + number, phase) + b'}\n'
            parts.append(b'%x\r\n%b\r\n' % (len(line), line))
        self.watch = b''.join(parts)

    def page(self, query):
        start = int(query.get('continue', ['0'])[0])
        limit = int(query.get('limit', ['0'])[0]) or len(self.items)
        end = min(len(self.items), start + limit)
        following = b'"continue":"%d",' % end if end < len(self.items) else b''
        return (b'{"apiVersion":"kubedb.com/v1","kind":"PostgresList","metadata":{%b"resourceVersion":"%d"},"items":[%b]}'
                % (following, self.version, b','.join(self.items[start:end])))


def serve(connection, content):
    try:
        for line in connection.makefile('rb'):
            if not line.startswith(b'GET '):
                continue
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(line.split()[1].decode()).query)
            if 'watch' not in query:
                body = content.page(query)
                connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b'
                                   % (len(body), body))
                continue
            connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n')
            connection.sendall(content.watch)  # the watch stays open
    except OSError:
        pass  # the client closed the connection


def main():
    objects, events, seed = (int(each) for each in sys.argv[1:4])
    content = Content(objects, events, seed)
    listening = socket.create_server(('127.0.0.1', 0))

    def accept():
        while True:
            connection, _ = listening.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(connection, content), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sizes = [len(each) for each in content.items]
    print(json.dumps({'port': listening.getsockname()[1], 'object_bytes': sum(sizes) / len(sizes), 'min': min(sizes),
                      'max': max(sizes)}), flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == '__main__':
    main()
