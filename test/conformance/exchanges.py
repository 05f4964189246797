"""Requests to which the real API server and the local cluster must return the same response, reduced to the parts that clients rely on."""

import json
import time

# Exchanges that differ, with the reason. The test also fails if a listed exchange no longer differs.
DIFFERENCES = {
    'a bad label': 'the local cluster does not check the syntax of labels; the platform does before it writes any',
    'a watch from before the beginning': 'the local cluster keeps more history; its 410 needs a fault switch or many changes',
    'another finalizer on what is going': 'the same response, but the real server names the cause once per finalizer',
    'create with another kind': 'details.kind is the kind of the body there, the kind of the path here',
    'delete with another uid': 'details.kind is the kind there, the plural here',
    'put without a version': 'details.kind is the plural there, the kind here',
}

REDIS = '/apis/kubedb.com/v1/namespaces/exchange/redises'
MERGE, JSON_PATCH = 'application/merge-patch+json', 'application/json-patch+json'


def redis(name, **spec):
    return {'apiVersion': 'kubedb.com/v1', 'kind': 'Redis', 'metadata': {'name': name, 'namespace': 'exchange'},
            'spec': {'version': '7.0.15', **spec}}


def gist(response):
    """Returns the HTTP status and, for a Kubernetes Status, its reason, outcome, object and causes."""
    try:
        body = response.json
    except ValueError:
        return {'status': response.status, 'text': response.text.strip()[:80]}
    found = {'status': response.status}
    if isinstance(body, dict) and body.get('kind') == 'Status':
        details = body.get('details') or {}
        found.update(reason=body.get('reason'), outcome=body.get('status'), about=(details.get('name'), details.get('kind')),
                     causes=sorted((each.get('reason'), each.get('field')) for each in details.get('causes') or []))
    return found


def run_exchanges(ask):
    """Returns exchange name -> the compared parts. `ask(method, path, body, media=, accept=)` sends a request to one server."""
    seen = {}

    def note(name, response, pick=None):
        found = gist(response)
        if pick and response.status < 400:
            found['picked'] = pick(response.json)
        seen[name] = found
        return response

    ask('POST', '/api/v1/namespaces', {'metadata': {'name': 'exchange'}})
    meta = lambda body: body['metadata']  # noqa: E731

    note('create', ask('POST', REDIS, redis('one', replicas=1, mode='Standalone')),
         lambda body: (meta(body)['generation'], body['spec']['version'], body['spec'].get('healthChecker'), 'status' in body))
    note('create again', ask('POST', REDIS, redis('one')))
    note('create with a bad name', ask('POST', REDIS, redis('Bad_Name')))
    note('create with a name that KubeDB rejects', ask('POST', REDIS, redis('7-seas')))
    note('create with a name of 64 characters', ask('POST', REDIS, redis('a' * 64)))
    note('create with a bad name and bad values', ask('POST', REDIS, redis('Bad_Name', replicas='x')))
    note('create with a bad name and an unknown member, strictly', ask('POST', REDIS + '?fieldValidation=Strict', redis('Bad_Name', nope=1)))
    note('create without a name', ask('POST', REDIS, {**redis('two'), 'metadata': {}, 'spec': {}}))
    note('create without a name in a namespace that does not exist', ask('POST', REDIS.replace('exchange', 'nowhere'), {
        **redis('two'), 'metadata': {}}))
    note('create without a required member', ask('POST', REDIS, {**redis('two'), 'spec': {}}))
    note('create with bad values', ask('POST', REDIS, redis('two', replicas='x', storageType='Floppy')))
    note('create with an unknown member, strictly', ask('POST', REDIS + '?fieldValidation=Strict', redis('two', nope=1)))
    note('create with an unknown member', ask('POST', REDIS + '?dryRun=All', redis('two', nope=1)), lambda body: 'nope' in body['spec'])
    note('create dry', ask('POST', REDIS + '?dryRun=All', redis('dry')), lambda body: meta(body)['name'])
    note('a dry one is not there', ask('GET', REDIS + '/dry'))
    note('create with a broken body', ask('POST', REDIS, b'{"apiVersion":'))
    note('create with another kind', ask('POST', REDIS, {**redis('two'), 'kind': 'Postgres'}))
    note('create in a namespace that is not there', ask('POST', REDIS.replace('exchange', 'nowhere'), {
        **redis('two'), 'metadata': {'name': 'two', 'namespace': 'nowhere'}}))
    note('create of a version that is not served', ask('POST', REDIS.replace('v1/', 'v9/', 1), redis('two')))
    note('create with another media type', ask('POST', REDIS, b'x', media='text/plain'))

    note('get', ask('GET', REDIS + '/one'), lambda body: (body['kind'], body['apiVersion']))
    note('get what is not there', ask('GET', REDIS + '/none'))
    note('get of a path that is not there', ask('GET', '/apis/nothing.example/v1'))

    note('status by merge patch', ask('PATCH', REDIS + '/one/status', {'status': {'phase': 'Ready'}, 'spec': {'replicas': 3}}, media=MERGE),
         lambda body: (meta(body)['generation'], body['status']['phase'], body['spec']['replicas']))
    note('status with a bad phase', ask('PATCH', REDIS + '/one/status', {'status': {'phase': 'Fine'}}, media=MERGE))
    note('spec by merge patch', ask('PATCH', REDIS + '/one', {'spec': {'replicas': 2}, 'status': {'phase': 'NotReady'}}, media=MERGE),
         lambda body: (meta(body)['generation'], body['status']['phase'], body['spec']['replicas']))
    before = ask('GET', REDIS + '/one').json
    note('a patch that changes nothing', ask('PATCH', REDIS + '/one', {'spec': {'replicas': 2}}, media=MERGE),
         lambda body: meta(body)['resourceVersion'] == meta(before)['resourceVersion'])
    note('JSON patch', ask('PATCH', REDIS + '/one', [{'op': 'add', 'path': '/metadata/labels', 'value': {'a': 'b'}}], media=JSON_PATCH),
         lambda body: meta(body)['labels'])
    note('JSON patch whose test fails', ask('PATCH', REDIS + '/one', [{'op': 'test', 'path': '/spec/version', 'value': 'x'}], media=JSON_PATCH))
    note('strategic merge patch', ask('PATCH', REDIS + '/one', {}, media='application/strategic-merge-patch+json'))
    note('merge patch of an old version', ask('PATCH', REDIS + '/one', {'metadata': {'resourceVersion': '1'}, 'spec': {'replicas': 4}}, media=MERGE))
    note('put without a version', ask('PUT', REDIS + '/one', redis('one')))
    note('put of an old version', ask('PUT', REDIS + '/one', {**redis('one'), 'metadata': {'name': 'one', 'namespace': 'exchange', 'resourceVersion': '1'}}))
    note('a bad label', ask('PATCH', REDIS + '/one', {'metadata': {'labels': {'a b': 'c'}}}, media=MERGE))

    for number in range(5):
        ask('POST', REDIS, {**redis(f'page-{number}'), 'metadata': {'name': f'page-{number}', 'labels': {'odd': str(number % 2)}}})
    page = note('first page', ask('GET', REDIS + '?limit=4'), lambda body: ([meta(each)['name'] for each in body['items']],
                                                                           meta(body).get('remainingItemCount')))
    note('last page', ask('GET', REDIS + '?limit=4&continue=' + meta(page.json)['continue']),
         lambda body: ([meta(each)['name'] for each in body['items']], meta(body).get('continue', ''), body['kind']))
    note('bad continue', ask('GET', REDIS + '?limit=4&continue=garbage'))
    for selector in ('labelSelector=odd%3D1', 'labelSelector=odd', 'labelSelector=!odd', 'labelSelector=odd%20notin%20(1)',
                     'fieldSelector=metadata.name%3Dpage-1', 'fieldSelector=spec.version%3D7', 'labelSelector=%3D%3D'):
        note('list by ' + selector, ask('GET', f'{REDIS}?{selector}'), lambda body: sorted(meta(each)['name'] for each in body['items']))
    note('a version of the future', ask('GET', REDIS + '?resourceVersion=99999999&resourceVersionMatch=NotOlderThan'))
    note('a table', ask('GET', REDIS + '?limit=1', accept='application/json;as=Table;v=v1;g=meta.k8s.io'),
         lambda body: (body['kind'], [each['name'] for each in body['columnDefinitions']]))
    note('metadata only', ask('GET', REDIS, accept='application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'),
         lambda body: (body['kind'], all('spec' not in each for each in body['items'])))

    seen['a watch with initial events'] = watched(ask, 'allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan')
    note('initial events without their match', ask('GET', REDIS + '?watch=true&sendInitialEvents=true&timeoutSeconds=1'))
    version = meta(ask('GET', REDIS + '?limit=1').json)['resourceVersion']
    ask('PATCH', REDIS + '/page-1', {'metadata': {'labels': {'odd': '0'}}}, media=MERGE)
    ask('DELETE', REDIS + '/page-2')
    seen['a watch from a version'] = watched(ask, 'resourceVersion=' + version)
    seen['a watch by label, as one leaves it'] = watched(ask, 'labelSelector=odd%3D1&resourceVersion=' + version)

    note('delete with another uid', ask('DELETE', REDIS + '/page-3', {'preconditions': {'uid': 'another'}}))
    note('delete', ask('DELETE', REDIS + '/page-3'))
    note('delete again', ask('DELETE', REDIS + '/page-3'))
    ask('PATCH', REDIS + '/one', {'metadata': {'finalizers': ['example.com/kept']}}, media=MERGE)
    note('delete with a finalizer', ask('DELETE', REDIS + '/one'), lambda body: ('deletionTimestamp' in meta(body), meta(body)['finalizers']))
    note('another finalizer on what is going', ask('PATCH', REDIS + '/one', {'metadata': {'finalizers': ['example.com/kept', 'example.com/more']}}, media=MERGE))
    note('the last finalizer', ask('PATCH', REDIS + '/one', {'metadata': {'finalizers': None}}, media=MERGE))
    first = json.loads(ask('GET', REDIS + '?watch=true&timeoutSeconds=2&resourceVersion=1', timeout=30).text.splitlines()[0])
    seen['a watch from before the beginning'] = {'type': first['type'], 'code': first['object'].get('code')}
    note('a continuation that is none', ask('GET', REDIS + '?limit=1&continue=x'))
    note('an unknown field in a strict patch',
         ask('PATCH', REDIS + '/one?fieldValidation=Strict', {'spec': {'nonsense': 1}}, media=MERGE))
    note('discovery in one response', ask('GET', '/apis', accept='application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'),
         lambda body: (body['kind'], sorted(version['version'] for each in body['items'] if each['metadata']['name'] == 'kubedb.com'
                                            for version in each['versions'])))
    note('is gone', ask('GET', REDIS + '/one'))

    lease = '/apis/coordination.k8s.io/v1/namespaces/exchange/leases'
    made = note('a lease', ask('POST', lease, {'metadata': {'name': 'l'}, 'spec': {'holderIdentity': 'a', 'leaseDurationSeconds': 15}}),
                lambda body: body['spec']['holderIdentity'])
    if made.status == 201:
        note('a lease renewed', ask('PUT', lease + '/l', {**made.json, 'spec': {'holderIdentity': 'b'}}), lambda body: body['spec']['holderIdentity'])
        note('a lease renewed from an old version', ask('PUT', lease + '/l', made.json))
    secrets = '/api/v1/namespaces/exchange/secrets'
    note('a secret', ask('POST', secrets, {'metadata': {'name': 's'}, 'stringData': {'a': 'hi'}}), lambda body: (body['data'], body['type']))
    note('a secret that is not base64', ask('POST', secrets, {'metadata': {'name': 't'}, 'data': {'a': '%'}}))
    note('discovery of a group', ask('GET', '/apis/kubedb.com'), lambda body: (body['kind'], body['preferredVersion']['version']))
    note('discovery of kinds', ask('GET', '/apis/kubedb.com/v1'),
         lambda body: sorted((each['name'], each['kind']) for each in body['resources'] if each['name'].startswith('redises')))
    return json.loads(json.dumps(seen))


def watched(ask, query, seconds=2):
    """Watches for `seconds`. Returns the type and name of each event; for a bookmark its annotations."""
    begun = time.monotonic()
    response = ask('GET', f'{REDIS}?watch=true&timeoutSeconds={seconds}&{query}', timeout=30)
    events = []
    for line in response.text.splitlines():
        event = json.loads(line)
        about = event['object'].get('metadata', {})
        if event['type'] != 'BOOKMARK':
            events.append((event['type'], about.get('name')))
        elif about.get('annotations'):
            events.append((event['type'], about['annotations']))
    return {'status': response.status, 'events': events, 'ended before the deadline': time.monotonic() - begun < seconds + 3}
