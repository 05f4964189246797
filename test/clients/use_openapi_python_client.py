"""Manages a database with the client of openapi-python-client. The argument is the URL of the platform."""

import sys

from dbaas_client import Client, models
from dbaas_client.api.databases import create_database, delete_database, get_database, get_database_metrics_history
from dbaas_client.api.databases import list_databases, patch_database
from dbaas_client.api.engines import list_engines


def patch_what_was_read(client, database_id, change):
    """Reads the database and patches this revision. Reads it again if it has changed, as it does while it is created."""
    for _ in range(20):
        response = get_database.sync_detailed(database_id, client=client)
        assert response.parsed.name == 'by-python', response
        patched = patch_database.sync(database_id, client=client, body=change, if_match=response.headers['ETag'])
        if not isinstance(patched, models.Problem) or patched.status != 412:
            return patched
    raise AssertionError('the database changed between each read and its patch')


def main(base):
    client = Client(base_url=base)
    wanted = models.CreateDatabase(project='default', name='by-python', engine=models.EngineName.REDIS, size=models.SizePreset.MICRO,
                                   storage=models.StorageRequest(size='1Gi', class_=None), deletion_protection=False)
    accepted = create_database.sync(client=client, body=wanted, idempotency_key='by-python')
    assert isinstance(accepted, models.Accepted), accepted
    assert accepted.operation.kind == models.OperationKind.CREATE, accepted
    database_id = accepted.database.id

    change = models.PatchDatabase(labels=models.LabelChanges.from_dict({'tier': 'gold'}),
                                  size=models.SizeObjectChange(cpu='500m', memory='1Gi'))
    patched = patch_what_was_read(client, database_id, change)
    assert isinstance(patched, models.Accepted), patched
    database = get_database.sync(database_id, client=client)
    assert database.labels.to_dict() == {'tier': 'gold'} and database.size.cpu == '500m', database

    engines = list_engines.sync(client=client)
    assert any(engine.topologies.shards is None for engine in engines.items), engines
    assert list_databases.sync(client=client, engine='redis').total > 0
    history = get_database_metrics_history.sync(database_id, client=client, metric=models.MetricName.UP)
    assert isinstance(history, models.MetricsHistory), history
    assert isinstance(delete_database.sync(database_id, client=client, if_match='*'), models.Accepted)
    unknown = patch_database.sync('db-unknown', client=client, body=models.PatchDatabase(paused=True))
    assert isinstance(unknown, models.Problem) and unknown.status == 404, unknown


if __name__ == '__main__':
    main(sys.argv[1])
