"""Manages a database with the client of openapi-generator. The argument is the URL of the platform."""

import sys

import openapi_client as api


def patch_what_was_read(databases, database_id, change):
    """Reads the database and patches this revision. Reads it again if it has changed, as it does while it is created."""
    for _ in range(20):
        response = databases.get_database_with_http_info(database_id)
        assert response.data.name == 'by-generator', response.data
        try:
            return databases.patch_database(database_id, change, if_match=response.headers['ETag'])
        except api.ApiException as error:
            assert error.status == 412, error
    raise AssertionError('the database changed between each read and its patch')


def main(base):
    client = api.ApiClient(api.Configuration(host=base))
    databases = api.DatabasesApi(client)
    wanted = api.CreateDatabase(project='default', name='by-generator', engine='redis', size=api.SizeRequest('micro'),
                                storage=api.StorageRequest(size='1Gi', var_class=None), deletion_protection=False)
    accepted = databases.create_database(wanted, idempotency_key='by-generator')
    database_id = accepted.database.id
    assert accepted.operation.kind == api.OperationKind.CREATE, accepted

    change = api.PatchDatabase(labels={'tier': 'gold'}, size=api.SizeChange(api.SizeObjectChange(cpu='500m', memory='1Gi')))
    patch_what_was_read(databases, database_id, change)
    database = databases.get_database(database_id)
    assert database.labels == {'tier': 'gold'} and database.size.cpu == '500m', database

    engines = api.EnginesApi(client).list_engines()
    assert any(engine.topologies.shards is None for engine in engines.items), engines
    assert databases.list_databases(engine='redis', status=list(api.StatusPhase)).total > 0
    databases.get_database_metrics_history(database_id, metric=api.MetricName.UP)
    databases.delete_database(database_id, if_match='*')
    try:
        databases.patch_database('db-unknown', api.PatchDatabase(paused=True))
    except api.ApiException as error:
        assert error.status == 404, error
    else:
        raise AssertionError('a patch of an unknown database succeeded')


if __name__ == '__main__':
    main(sys.argv[1])
