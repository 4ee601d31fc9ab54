"""Stream records of rows, made by a test."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import encode
from chalicelib.batches.batch import Batch
from chalicelib.batches.batch import to_item as batch_item
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.objects.stored_object import StoredObject
from chalicelib.objects.stored_object import to_item as object_item

Row = dict[str, Any]
TIME = "2026-01-01T00:00:00.000Z"
SECONDS = 1_767_225_600  # the same time
PARTITION = keys.partition("int_1", "ns_1")
BUCKET = "bkt_1"
STREAMS = {
    "objects": "arn:aws:dynamodb:eu-central-1:123456789012:table/objects/stream/2026-01-01T00:00:00.000",
    "catalog": "arn:aws:dynamodb:eu-central-1:123456789012:table/catalog/stream/2026-01-01T00:00:00.000",
}
_numbers = itertools.count(1)


def record(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns the record of a change of a row from `old` to `new`."""
    row = new or old or {}
    table, names = ("catalog", ("pk", "sk")) if "pk" in row else ("objects", ("bucket_id", "object_id"))
    images = {name: encode(image) for name, image in (("OldImage", old), ("NewImage", new)) if image is not None}
    number = next(_numbers)
    change = {"Keys": encode({name: row[name] for name in names}), "SequenceNumber": f"{number:021}"}
    return {
        "eventID": f"{number:032x}",
        "eventSourceARN": STREAMS[table],
        "dynamodb": {**change, "ApproximateCreationDateTime": SECONDS, **images},
    }


def object_row(**more: Any) -> Row:
    """Returns the row of an object."""
    stored = StoredObject(
        partition=PARTITION,
        bucket_id=BUCKET,
        object_id="obj_1",
        values={"title": "secret title"},
        blobs=(),
        created_at=TIME,
        updated_at=TIME,
        schema_version=1,
        epoch=0,
    )
    return {**object_item(stored), **more}


def bucket_row(**more: Any) -> Row:
    """Returns the row of a bucket."""
    row: Row = {**keys.bucket(PARTITION, BUCKET), "bucket_id": BUCKET, "bucket_name": "reels", "status": "ACTIVE"}
    row |= {"is_locked": False, "revision": 1, "schema_version": 1, "created_at": TIME, "updated_at": TIME}
    return {**row, "settings": '{"source_adapter":{"webhook_secret":"secret text"}}', **more}


def batch_row(status: TaskStatusEnum, **more: Any) -> Row:
    """Returns the row of a batch."""
    batch = Batch("int_1", "ns_1", BUCKET, "btch_1", TIME, TIME, status, epoch=1, ended_at=TIME, started_at=TIME)
    return {**batch_item(batch), **more}


def delivery_row(state: str, **more: Any) -> Row:
    """Returns the row of a delivery to a source adapter."""
    row = {**keys.delivery(keys.deliveries(PARTITION, BUCKET), "dlv_1"), "state": state, "attempt": 1}
    return {**row, "adapter_type": "mux", "event_type": "video.ready", "reason": "mapping_failed", **more}
