"""What schemathesis is told of this API: keys that do not repeat by chance, and which refusals of a well-formed request are right."""

import json
import re
import uuid

import schemathesis

# What a schema cannot say: rules of an engine, what the cluster offers, what is there already. Anything else that is refused in a
# request that fits its schema is a fault of the schema, or of us.
DOMAIN_CODES = {
    'bad_name',  # ends like a part of a database
    'reserved_label', 'too_many', 'unsupported', 'out_of_range', 'must_be_odd', 'immutable', 'cannot_shrink', 'ambiguous',
    'engine_not_installed', 'version_not_found', 'version_deprecated', 'not_found',
}
NAME = re.compile('[a-z]([-a-z0-9]{0,38}[a-z0-9])?')  # as the schema has it
# Positions and intervals, which only their giver or the clock can judge.
JUDGED_LATER = ('cursor: ', 'from: ', 'to: ', 'step: ')


@schemathesis.hook
def map_headers(context, headers):
    """A key that comes again with another request is refused, rightly: make each its own."""
    key = (headers or {}).get('Idempotency-Key')
    if isinstance(key, str) and 0 < len(key) <= 60:
        headers['Idempotency-Key'] = key + uuid.uuid4().hex
    return headers


@schemathesis.hook
def map_body(context, body):
    """Names of what is there, in the place of made-up ones: what comes behind them is asked for as well."""
    if context.operation.path == '/api/v1/databases' and isinstance(body, dict):
        # Only in the place of a name that fits: what was made not to must not be mended.
        if isinstance(body.get('project'), str) and NAME.fullmatch(body['project']):
            body['project'] = 'default'
        if isinstance(body.get('version'), str):
            del body['version']
    return body


@schemathesis.hook
def map_query(context, query):
    """A dry run of a creation answers with what would be; nobody shall look for it."""
    if query and context.operation.method.upper() == 'POST':
        query.pop('dry_run', None)
    return query


@schemathesis.check
def refusals_are_explained(ctx, response, case):
    """Every refusal is a problem document; that of a well-formed request has a reason that no schema could tell."""
    if response.status_code < 400 or case.method.upper() == 'HEAD' or not case.path.startswith('/api/'):
        return
    problem = json.loads(response.content)
    assert problem['status'] == response.status_code, problem
    assert problem['request_id'] and problem['detail'], problem
    if response.status_code == 422 and problem['code'] == 'validation_failed':
        assert problem['errors'], problem
    mode = case.meta.generation.mode if case.meta else None
    if mode is None or not mode.is_positive:
        return
    if response.status_code == 422:
        codes = {each['code'] for each in problem['errors']}
        assert codes <= DOMAIN_CODES, f'{codes - DOMAIN_CODES} of a request that fits its schema: {problem}'
    if response.status_code == 400:
        assert problem['detail'].startswith(JUDGED_LATER), f'{problem["detail"]} of a request that fits its schema'
