"""Hooks for Schemathesis: unique idempotency keys, and the codes with which the API may reject a well-formed request."""

import json
import re
import uuid

import schemathesis

# Codes of rules that a schema cannot express: rules of an engine, versions of the cluster, existing objects. Any other rejection of a
# request that fits its schema is an error of the schema or of the platform.
DOMAIN_CODES = {
    'bad_name',  # ends like a part of a database
    'reserved',  # the subject of an administrator
    'guessable',  # a password
    'credential',  # an API key in a text
    'bad_network',  # of an API key
    'reserved_label', 'too_many', 'unsupported', 'out_of_range', 'must_be_odd', 'immutable', 'cannot_shrink', 'ambiguous',
    'unknown_role',  # of a node group, or of a member of a project
    'repeated',  # of a node group
    'unreadable_project',  # a role without projects.read
    'too_many_points',  # of a range and a step
    'conflict',  # of two members of one object
    'not_grantable',  # a permission that no role in a project can have
    'no_windows',  # of the first schedule of a database
    'always_off',  # windows that cover the whole week
    'engine_not_installed', 'version_not_found', 'version_deprecated', 'not_found',
}
NAME = re.compile('[a-z]([-a-z0-9]{0,38}[a-z0-9])?')  # as the schema has it
IF_MATCH = re.compile(r'\*|(W/)?"[!#-~]*"')  # as the schema has it
# Parameters that only the platform or its clock can validate.
JUDGED_LATER = ('cursor: ', 'from: ', 'to: ', 'step: ')


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Removes the security scheme: the platform has the mode local, in which no request needs a credential."""
    raw_schema['components'].pop('securitySchemes', None)
    for operations in raw_schema['paths'].values():
        for operation in operations.values():
            operation.pop('security', None)
            # A revision that was not written is a 503 after 2 s; min_revision_test covers the header.
            operation['parameters'] = [entry for entry in operation.get('parameters', []) if entry['name'] != 'X-Min-Revision']


@schemathesis.hook
def map_headers(context, headers):
    """Makes each key unique, since the platform rejects a key that repeats with another request."""
    key = (headers or {}).get('Idempotency-Key')
    if isinstance(key, str) and 0 < len(key) <= 60:
        headers['Idempotency-Key'] = key + uuid.uuid4().hex
    return headers


@schemathesis.hook
def map_body(context, body):
    """Replaces generated names with existing ones, so that requests pass the first checks."""
    if context.operation.path == '/api/v1/databases' and isinstance(body, dict):
        # A name that does not fit its schema stays, since the request tests that.
        if isinstance(body.get('project'), str) and NAME.fullmatch(body['project']):
            body['project'] = 'default'
        if isinstance(body.get('version'), str):
            del body['version']
    return body


@schemathesis.hook
def map_query(context, query):
    """Removes `dry_run`, since the object in the response to a dry run does not exist."""
    if query and context.operation.method.upper() == 'POST':
        query.pop('dry_run', None)
    return query


@schemathesis.check
def errors_are_explained(ctx, response, case):
    """Checks that every error response is a problem document, with a code that no schema can express if the request is well-formed."""
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
    # Schemathesis does not apply the pattern of a header to each value that it calls valid.
    if not IF_MATCH.fullmatch((case.headers or {}).get('If-Match', '*')):
        return
    if response.status_code == 422:
        codes = {error['code'] for error in problem['errors']}
        assert codes <= DOMAIN_CODES, f'{codes - DOMAIN_CODES} of a request that fits its schema: {problem}'
    if response.status_code == 400:
        assert problem['detail'].startswith(JUDGED_LATER), f'{problem["detail"]} of a request that fits its schema'
