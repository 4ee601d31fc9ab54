"""Writes many buckets or objects directly into the tables, and records the calls that reach the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import encode
from chalicelib.aws.dynamodb.expressions import UpdateExpression, exists
from chalicelib.aws.dynamodb.writes import Update
from chalicelib.blobs.blob import Blob
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.settings import BucketSettings
from chalicelib.buckets.store import items_of
from chalicelib.core.clock import format_timestamp
from chalicelib.core.ids import Ids
from chalicelib.objects import stored_object
from chalicelib.objects.stored_object import StoredObject
from tests.support.catalog import catalog, partition_of
from tests.support.client_events import handling, rows_read
from tests.support.engine import write_rows
from tests.support.world import SCHEMA, World

START = datetime(2025, 1, 1, tzinfo=UTC).timestamp()


def seed_buckets(
    world: World, numbers: range, settings: Callable[[int], dict[str, Any]] = lambda number: {}
) -> list[str]:
    """Writes buckets `b000000` and so on, created a second apart, and returns their ids. The bucket count is updated.

    The rows that reserve their names are not written, so the buckets cannot be read by name.
    """
    partition = partition_of(world)
    made = [_bucket(number, settings(number)) for number in numbers]
    write_rows(
        world.client, world.tables.catalog, [encode(item) for bucket in made for item in items_of(partition, bucket)]
    )
    catalog(world).write(
        Update(keys.totals(partition), UpdateExpression(add={"bucket_count": len(made)}), exists("pk"))
    )
    return [bucket.bucket_id for bucket in made]


def seed_objects(
    world: World,
    bucket_id: str,
    numbers: range,
    values: Callable[[int], dict[str, Any]] = lambda number: {},
    blobs: Callable[[int], Iterable[Blob]] = lambda number: (),
    *,
    id_of: Callable[[int], str] = lambda number: f"obj_{number:026}",
) -> list[str]:
    """Writes objects, created two per second, and returns their ids in this order. Statistics do not count them.

    The ids are in the order of creation, as those of objects without an identity, unless `id_of` returns others.
    """
    partition = partition_of(world)
    made = [
        replace(_object(partition, bucket_id, number, values(number), tuple(blobs(number))), object_id=id_of(number))
        for number in numbers
    ]
    write_rows(world.client, world.tables.objects, [encode(stored_object.to_item(stored)) for stored in made])
    return [stored.object_id for stored in made]


def hashed_id(number: int) -> str:
    """The id of an object that has an identity: its order is not that of creation."""
    return f"obj_{sha256(str(number).encode()).hexdigest()[:26]}"


def _bucket(number: int, settings: dict[str, Any]) -> Bucket:
    created = datetime.fromtimestamp(START + number, UTC)
    return Bucket(
        bucket_id=Ids(lambda: created, lambda bits: number % 2**bits).timed("bkt"),
        name=f"b{number:06}",
        status="ACTIVE",
        is_locked=False,
        revision=1,
        schema_version=1,
        created_at=format_timestamp(created),
        updated_at=format_timestamp(created),
        settings=BucketSettings(**{"schema": SCHEMA, **settings}),
    )


def _object(
    partition: str, bucket_id: str, number: int, values: dict[str, Any], blobs: tuple[Blob, ...]
) -> StoredObject:
    timestamp = format_timestamp(datetime.fromtimestamp(START + number // 2, UTC))
    return StoredObject(
        partition=partition,
        bucket_id=bucket_id,
        object_id="",
        values=values,
        blobs=blobs,
        created_at=timestamp,
        updated_at=timestamp,
        schema_version=1,
        epoch=0,
    )


@dataclass
class Traffic:
    """The names of the calls that reached the engine, in order, and the rows that each of them read."""

    calls: list[str] = field(default_factory=list)
    row_counts: list[int] = field(default_factory=list)

    @property
    def rows_read(self) -> int:
        """The number of rows that all calls read."""
        return sum(self.row_counts)


@contextmanager
def traffic(world: World) -> Iterator[Traffic]:
    """Records the calls of the clients of a test inside the block."""
    seen = Traffic()

    def after(model: Any, parsed: dict[str, Any], **_: Any) -> None:
        seen.calls.append(model.name)
        # Several threads make calls. They can append to a list, but not add to a number.
        seen.row_counts.append(rows_read(parsed))

    with handling(world.client, "after-call", after), handling(world.s3, "after-call", after):
        yield seen
