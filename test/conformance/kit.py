"""The production kit: k8s/, deploy/overlays and charts/ against the real API server, and with the real program."""

import copy
import json
import os
import re
import signal
import subprocess
import tempfile
import unittest

import shared
from shared import ROOT, Shared
from stack import Stack, wait_until

CHART = os.path.join(ROOT, 'charts/kubedb-dbaas')
# Kustomize's folders -> the values of the chart that render the same objects.
VARIANTS = {'k8s': ['image.tag=latest'],
            'k8s k8s/monitoring': ['image.tag=latest', 'monitoring.enabled=true'],
            'k8s k8s/gateway': ['image.tag=latest', 'httpRoute.enabled=true'],
            'deploy/overlays/traces': ['image.tag=latest', 'config.OTEL_EXPORTER_OTLP_ENDPOINT=https://collector.example.com:443',
                                       'traces.headersSecret.name=dbaas-traces'],
            'deploy/overlays/production': ['ingress.enabled=true'],
            'deploy/overlays/sqlite': ['image.tag=latest', 'store.type=sqlite']}
# The differences between both renderings: the chart's own labels and annotations. Helm does not render the namespace.
CHART_KEYS = {'helm.sh/chart', 'helm.sh/resource-policy', 'checksum/config', 'app.kubernetes.io/managed-by', 'app.kubernetes.io/version'}
REJECTED_VALUES = {
    'no such value': ['replicas=3'], 'no such value in a part': ['image.registry=example.com'], 'an unknown store': ['store.type=postgres'],
    'no number': ['autoscaling.minReplicas=three'], 'out of range': ['autoscaling.cpuUtilization=0'], 'no quantity': ['resources.limits.memory=2 gigabytes'],
    'an unknown level': ['config.LOG_LEVEL=loud'], 'an unknown policy': ['image.pullPolicy=Sometimes'], 'a tag with a space': ['image.tag=a b'],
    'no label': ['nodeSelector.zone=1'], 'a port that does not exist': ['service.port=65536'], 'no client': ['networkPolicy.clientNamespaces=none'],
    'a secret in the ConfigMap': ['config.MONGODB_URL=mongodb://a:b@c'], 'a name of a Secret with a blank': ['traces.headersSecret.name=a b'],
    'headers in the values': ['traces.headers=a=b'], 'a grace period that is too short': ['terminationGracePeriodSeconds=50'],
}
OPERATOR_KINDS = (('ServiceMonitor', 'servicemonitors'), ('PrometheusRule', 'prometheusrules'))
PATHS = {}  # (apiVersion, kind) -> result of resource_of()
LOOPS_TIMEOUT = 10  # seconds; loops_timeout of src/main/serve.cpp


def tool(name, *words, **options):
    return subprocess.run([os.path.join(shared.how.programs, name), *words], capture_output=True, text=True, check=False, timeout=120,
                          env={'PATH': os.environ['PATH'], 'HOME': tempfile.gettempdir()}, **options)


def objects(text):
    """Returns the objects of a YAML stream. Raises AssertionError for a stream with duplicate keys."""
    parsed = tool('objects', input=text)
    assert parsed.returncode == 0, parsed.stderr
    return json.loads(parsed.stdout)


def rendered(command, *words):
    done = tool(command, *words)
    assert done.returncode == 0, done.stderr
    return objects(done.stdout)


def kustomized(folders):
    return [entry for folder in folders.split() for entry in rendered('kustomize', 'build', os.path.join(ROOT, folder))]


def helm_words(values):
    return ['--namespace', 'dbaas-system', '--kube-version', '1.34.0', *(word for value in values for word in ('--set', value))]


def charted(values):
    return rendered('helm', 'template', 'dbaas', CHART, '--skip-tests', *helm_words(values))


def key_of(entry):
    return entry['apiVersion'], entry['kind'], entry['metadata']['name']


def comparable(entries):
    """Returns the objects by name, without the keys that belong to the chart."""
    found = {}
    for entry in copy.deepcopy(entries):
        for metadata in (entry['metadata'], entry.get('spec', {}).get('template', {}).get('metadata', {})):
            for part in ('labels', 'annotations'):
                kept = {name: value for name, value in metadata.pop(part, {}).items() if name not in CHART_KEYS}
                if kept:
                    metadata[part] = kept
        assert key_of(entry) not in found, key_of(entry)
        found[key_of(entry)] = entry
    # The kit's RBAC objects have no labels, the chart's have.
    for entry in found.values():
        if entry['apiVersion'].startswith('rbac.') or entry['kind'] == 'ServiceAccount':
            entry['metadata'].pop('labels', None)
    return found


def only(entries, kind):
    return next(entry for entry in entries if entry['kind'] == kind)


def further_definitions():
    """Returns the definition of HTTPRoute, and definitions that accept any content: those of the Prometheus Operator are not available."""
    schema = {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}
    with open(os.path.join(shared.how.programs, 'httproutes.yaml'), 'rb') as file:
        route = {'httproutes.gateway.networking.k8s.io': file.read()}
    return route | {f'{plural}.monitoring.coreos.com': json.dumps({
        'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition', 'metadata': {'name': f'{plural}.monitoring.coreos.com'},
        'spec': {'group': 'monitoring.coreos.com', 'scope': 'Namespaced', 'names': {'kind': kind, 'plural': plural},
                 'versions': [{'name': 'v1', 'served': True, 'storage': True, 'schema': {'openAPIV3Schema': schema}}]}}).encode()
        for kind, plural in OPERATOR_KINDS}


def resource_of(real, version, kind):
    """Returns the path of the group and version, the plural, and whether objects have a namespace."""
    if (version, kind) not in PATHS:
        prefix = f'/api/{version}' if '/' not in version else f'/apis/{version}'
        for resource in real.ask('GET', prefix).json['resources']:
            if '/' not in resource['name']:
                PATHS[version, resource['kind']] = (prefix, resource['name'], resource['namespaced'])
    return PATHS[version, kind]


def apply(real, entry, query=''):
    """Applies the object with strict validation on the server. Returns the response."""
    prefix, plural, is_namespaced = resource_of(real, entry['apiVersion'], entry['kind'])
    metadata = entry['metadata']
    assert is_namespaced == ('namespace' in metadata), key_of(entry)
    place = f"/namespaces/{metadata['namespace']}" if is_namespaced else ''
    response = real.ask('PATCH', f"{prefix}{place}/{plural}/{metadata['name']}?fieldManager=kit&fieldValidation=Strict&{query}",
                        json.dumps(entry).encode(), media='application/apply-patch+yaml')
    assert response.status in (200, 201), f'{key_of(entry)}: {response.text}'
    assert response.headers.get('Warning') is None, key_of(entry)
    return response


class Kit(unittest.TestCase):
    """Renders the kit with Kustomize and Helm, and applies both to the real API server."""
    maxDiff = None

    def test_kustomize_and_helm_render_the_same_objects(self):
        for folder, values in VARIANTS.items():
            with self.subTest(folder):
                expected = comparable(kustomized(folder))
                expected.pop(('v1', 'Namespace', 'dbaas-system'))
                actual = comparable(charted(values))
                self.assertEqual(sorted(expected), sorted(actual))
                for key, entry in expected.items():
                    self.assertEqual(entry, actual[key], key)

    def test_the_chart_grants_token_reviews_only_on_demand(self):
        with open(os.path.join(ROOT, 'k8s/token-review.yaml'), encoding='utf-8') as file:
            expected = comparable(objects(file.read()))
        actual = comparable(charted(['kubernetesTokens.enabled=true']))
        for key, entry in expected.items():
            self.assertEqual(entry, actual[key], key)
        options = next(entry['data'] for key, entry in actual.items() if key[1] == 'ConfigMap' and 'DBAAS_AUTH' in entry.get('data', {}))
        self.assertEqual(options['DBAAS_KUBERNETES_TOKENS'], 'true')
        self.assertFalse(set(expected) & set(comparable(charted([]))))

    def test_the_chart_names_no_other_namespace_than_its_own(self):
        entries = rendered('helm', 'template', 'dbaas', CHART, '--namespace', 'apps', '--kube-version', '1.34.0', '--set', 'monitoring.enabled=true',
                           '--set', 'ingress.enabled=true', '--set', 'httpRoute.enabled=true', '--set', 'kubernetesTokens.enabled=true')
        for entry in entries:
            self.assertNotIn('dbaas-system', json.dumps(entry), key_of(entry))

    def test_the_chart_passes_lint_and_rejects_bad_values(self):
        lint = tool('helm', 'lint', '--strict', CHART)
        self.assertEqual(lint.returncode, 0, lint.stdout + lint.stderr)
        for reason, values in REJECTED_VALUES.items():
            with self.subTest(reason):
                done = tool('helm', 'template', 'dbaas', CHART, *helm_words(values))
                self.assertNotEqual(done.returncode, 0, values)
                self.assertRegex(done.stderr, "don't meet the specifications|terminationGracePeriodSeconds must exceed", values)

    def test_every_object_can_be_applied_twice(self):
        real = Shared.get()
        real.apply_definitions(further_definitions(), ())
        for folder, values in VARIANTS.items():
            for renderer, entries in (('kustomize', kustomized(folder)), ('helm', charted(values))):
                with self.subTest(f'{folder} by {renderer}'):
                    for entry in entries:
                        apply(real, entry, 'dryRun=All&force=true')
                    first = [self.own_part(apply(real, entry, 'force=true').json) for entry in entries]
                    for entry, expected in zip(entries, first):
                        repeated = apply(real, entry)
                        self.assertEqual((repeated.status, self.own_part(repeated.json)), (200, expected), key_of(entry))

    def test_images_txt_has_the_images_of_the_manifests(self):
        named = set()
        for folder, _, names in os.walk(os.path.join(ROOT, 'k8s')):
            for name in names:
                with open(os.path.join(folder, name), encoding='utf-8') as file:
                    named.update(re.findall(r'^ *image: *(\S+)', file.read(), re.M))
        with open(os.path.join(ROOT, 'k8s/images.txt'), encoding='utf-8') as file:
            listed = {line for line in file.read().splitlines() if line and not line.startswith('#')}
        self.assertEqual(listed, named)

    def test_requests_of_the_platform_have_their_own_priority_level(self):
        """The API server names the FlowSchema of each request in its response."""
        real = Shared.get()
        entries = kustomized('k8s')
        for entry in entries:
            apply(real, entry, 'force=true')
        schema = apply(real, only(entries, 'FlowSchema'), 'force=true').json['metadata']['uid']
        issued = real.ask('POST', '/api/v1/namespaces/dbaas-system/serviceaccounts/dbaas/token',
                          {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenRequest', 'spec': {}}).json['status']['token']

        def schema_of_a_request(token):
            return real.ask('GET', '/api/v1/namespaces/default', token=token).headers.get('X-Kubernetes-PF-FlowSchema-UID')
        wait_until(lambda: schema_of_a_request(issued) == schema, 30, 'the FlowSchema of the platform')
        self.assertNotEqual(schema_of_a_request('plain'), schema)

    def test_files_outside_of_the_kustomization_are_valid(self):
        real = Shared.get()
        for name in ('mongodb.yaml', 'redis.yaml', 'secrets.example.yaml', 'backup.yaml', 'token-review.yaml'):
            with open(os.path.join(ROOT, 'k8s', name), encoding='utf-8') as file:
                for entry in objects(file.read()):
                    apply(real, entry, 'dryRun=All&force=true')

    def test_pods_pass_the_pod_security_level_restricted(self):
        real = Shared.get()
        for entry in kustomized('k8s')[:1] + [only(kustomized('k8s'), 'ServiceAccount')]:
            apply(real, entry, 'force=true')
        with open(os.path.join(ROOT, 'k8s/backup.yaml'), encoding='utf-8') as file:
            templates = [only(objects(file.read()), 'CronJob')['spec']['jobTemplate']['spec']['template']]
        templates += [only(kustomized(folder), 'Deployment')['spec']['template'] for folder in VARIANTS]
        for template in templates:
            pod = {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'probe', 'namespace': 'dbaas-system'}, 'spec': template['spec']}
            pods = '/api/v1/namespaces/dbaas-system/pods?dryRun=All&fieldValidation=Strict'
            admitted = real.ask('POST', pods, pod)
            self.assertEqual(admitted.status, 201, admitted.text)
            pod['spec']['containers'][0].pop('securityContext')
            rejected = real.ask('POST', pods, pod)
            self.assertEqual(rejected.status, 403, rejected.text)
            self.assertIn('violates PodSecurity \\"restricted', rejected.text)

    def test_the_pod_of_helm_test_is_admitted_asks_the_service_and_is_not_a_backend_of_it(self):
        real = Shared.get()
        for entry in kustomized('k8s')[:1]:
            apply(real, entry, 'force=true')
        entries = rendered('helm', 'template', 'dbaas', CHART, *helm_words(['image.tag=latest']))
        pod, service = only(entries, 'Pod'), only(entries, 'Service')
        admitted = real.ask('POST', '/api/v1/namespaces/dbaas-system/pods?dryRun=All&fieldValidation=Strict', pod)
        self.assertEqual(admitted.status, 201, admitted.text)
        self.assertFalse(service['spec']['selector'].items() <= pod['metadata']['labels'].items())
        words = pod['spec']['containers'][0]['args']
        self.assertEqual(words[words.index('--url') + 1], f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}")
        # Nothing listens there: the arguments are valid, and the failure is the missing response.
        words[words.index('--url') + 1] = 'http://127.0.0.1:9'
        asked = subprocess.run([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), *words], capture_output=True, text=True, check=False)
        self.assertEqual(asked.returncode, 3, asked.stderr)

    def test_the_program_accepts_the_options_and_serves_the_probes(self):
        real = Shared.get()
        for folder in VARIANTS:
            entries = kustomized(folder)
            pod = only(entries, 'Deployment')['spec']['template']['spec']
            options = only(entries, 'ConfigMap')['data']
            self.assertGreater(pod['terminationGracePeriodSeconds'],
                               int(options['DBAAS_DRAIN_DELAY']) + int(options['DBAAS_SHUTDOWN_GRACE']) + LOOPS_TIMEOUT)
            with tempfile.TemporaryDirectory() as folder:
                mounts = {mount['name']: mount['mountPath'] for mount in pod['containers'][0]['volumeMounts']}
                files = sorted(name for name in options if name.endswith('_FILE'))
                self.assertEqual(files, ['DBAAS_ADMIN_KEY_FILE', 'MONGODB_URL_FILE', 'PLATFORM_KEY_FILE', 'REDIS_URL_FILE'] if 'secrets' in mounts else [])
                for name in files:
                    path, key = options[name].rsplit('/', 1)
                    self.assertEqual(path, mounts['secrets'])
                    options[name] = os.path.join(folder, key)
                    with open(options[name], 'w', encoding='utf-8') as file:
                        value = only(self.secret_example(), 'Secret')['stringData'][key]
                        file.write('ab' * 32 if key == 'platform-key' else value)
                self.assertEqual(options.get('DBAAS_DATA_DIR'), mounts.get('data'))
                checked = subprocess.run([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'config', '--check'], env=options,
                                         capture_output=True, text=True, check=False)
            self.assertEqual(checked.returncode, 0, checked.stderr)
            self.assertNotIn('note:', checked.stdout, 'an option of the ConfigMap is not in use')
        # `options` and `pod` are those of the variant with SQLite; start_platform() sets the address and the folder by flags.
        stack = Stack(real.kubeconfig('client'))
        self.addCleanup(stack.close)
        stack.start_platform(**{**options, 'DBAAS_DRAIN_DELAY': '1'})
        for name in ('startupProbe', 'livenessProbe', 'readinessProbe'):
            self.assertEqual(stack.get(pod['containers'][0][name]['httpGet']['path']).status, 200, name)
        self.assertRegex(stack.log_tail('platform.log', 1000), re.compile(r'"environment":"production"'))
        stack.platform.send_signal(signal.SIGTERM)
        self.assertEqual(stack.platform.wait(30), 0)

    # ---- help --------------------------------------------------------------------------------

    @staticmethod
    def secret_example():
        with open(os.path.join(ROOT, 'k8s/secrets.example.yaml'), encoding='utf-8') as file:
            return objects(file.read())

    @staticmethod
    def own_part(entry):
        """Returns the object without the parts that controllers write at any time."""
        written = {'resourceVersion', 'managedFields', 'finalizers'}
        return {**entry, 'status': None, 'metadata': {name: value for name, value in entry['metadata'].items() if name not in written}}
