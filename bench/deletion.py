"""How fast a large bucket goes, and what that costs: 200 001 objects, every tenth with a file.

The engine is moto in this process, so the seconds say how this code and moto do; the writes are those of DynamoDB.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from typing import Any

from bench.scenario import TABLES

OBJECTS = 200_001
WITH_FILE = 10
DEATHS = 20
FEW_FILES = 1_000


class Died(BaseException):
    """The worker is gone; nothing in it notices."""


def measure() -> dict[str, float]:
    """Objects per second, and calls and row writes per object, over a deletion whose worker dies twenty times."""
    from chalicelib.clients import dynamodb_client, s3_client
    from chalicelib.foundation.keys import partition
    from chalicelib.local.backends import Backends
    from chalicelib.local.rows import rows_of
    from chalicelib.local.tables import create_tables
    from chalicelib.settings import Settings
    from chalicelib.wiring import build, build_workers

    settings = Settings(catalog_table=TABLES["BUCKETS_CATALOG_TABLE"], objects_table=TABLES["BUCKETS_OBJECTS_TABLE"])
    client, s3, backends = dynamodb_client(settings), s3_client(settings), Backends()
    backends.attach(client)
    backends.attach(s3)
    create_tables(client, catalog=settings.catalog_table, objects=settings.objects_table)
    s3.create_bucket(Bucket=settings.blob_bucket)
    services = build(settings, client, lambda: s3)
    organization, namespace_id, bucket_id = _a_bucket(services)
    _fill(backends.account, settings.objects_table, partition(organization, namespace_id), bucket_id)
    for number in range(FEW_FILES):
        s3.put_object(Bucket=settings.blob_bucket, Key=f"blobs/{bucket_id}/obj_{number}/blob", Body=b"x")
    bucket = services.deletions.delete_bucket(organization, namespace_id, bucket_id)
    task = services.tasks.get(organization, str(bucket.deletion_task))
    worker = build_workers(services.namespaces, services.objects)[task.task_type]()
    counted = _counting(client, s3)
    deaths = set(random.Random(0).sample(range(1, OBJECTS // 25), DEATHS))
    started, died = time.perf_counter(), 0
    while True:
        try:
            with _dying(client, counted, deaths):
                done = worker.run(task).done
        except Died:
            died += 1
            continue
        if done:
            break
    seconds = time.perf_counter() - started
    assert not list(rows_of(backends.account, settings.objects_table)), "a row is left"
    assert not s3.list_objects_v2(Bucket=settings.blob_bucket).get("Contents"), "a file is left"
    return {
        "objects_a_second": OBJECTS / seconds,
        "row_writes_an_object": counted["rows"] / OBJECTS,
        "calls_a_thousand_objects": 1000 * counted["calls"] / OBJECTS,
        "deaths": died,
    }


def _a_bucket(services: Any) -> tuple[str, str, str]:
    from chalicelib.buckets.models import BucketCreateRequest
    from chalicelib.foundation.keys import partition
    from chalicelib.namespaces.models import CreateNamespaceRequest

    organization = services.access.create_organization("bench").organization_id
    namespace = services.namespaces.create(organization, CreateNamespaceRequest(namespace_name="bench"))
    new = BucketCreateRequest.model_validate(
        {"bucket_name": "large", "bucket_schema": {"properties": {}}}, strict=False
    )
    bucket = services.buckets.create(partition(organization, namespace.namespace_id), new)
    return organization, namespace.namespace_id, bucket.bucket_id


def _fill(account: str, table: str, place: str, bucket_id: str) -> None:
    from chalicelib.foundation.items import encode
    from chalicelib.local.rows import put_row
    from chalicelib.objects.stored_object import StoredObject, to_item

    now = "2026-01-01T00:00:00.000Z"
    for number in range(OBJECTS):
        stored = StoredObject(place, bucket_id, f"obj_{number:026}", {"n": number}, (), now, now, 1, 0)
        put_row(account, table, encode(to_item(stored)))


def _counting(*clients: Any) -> Counter[str]:
    counted: Counter[str] = Counter()

    def before(params: dict[str, Any], model: Any, **_: Any) -> None:
        counted["calls"] += 1
        if model.name == "BatchWriteItem":
            counted["rows"] += sum(map(len, params["RequestItems"].values()))
        elif model.name in ("PutItem", "UpdateItem", "DeleteItem"):
            counted["rows"] += 1
        elif model.name == "TransactWriteItems":
            counted["rows"] += 2 * len(params["TransactItems"])

    for client in clients:
        client.meta.events.register("provide-client-params", before)
    return counted


class _dying:
    """Ends the worker at the planned calls, each once."""

    def __init__(self, client: Any, counted: Counter[str], deaths: set[int]) -> None:
        self._events, self._counted, self._deaths = client.meta.events, counted, deaths

    def __enter__(self) -> None:
        self._events.register("before-call.dynamodb", self._die)

    def __exit__(self, *_: object) -> None:
        self._events.unregister("before-call.dynamodb", self._die)

    def _die(self, **_: Any) -> None:
        if self._counted["calls"] in self._deaths:
            self._deaths.discard(self._counted["calls"])
            raise Died


if __name__ == "__main__":
    print(json.dumps(measure()), file=sys.stderr)
