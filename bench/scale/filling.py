"""Writes many buckets, objects and namespaces directly into the tables, with the rows that the stores would write.

Statistics and numbers of buckets are those of the written rows, so that lists, totals and `admin stats verify` agree.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, cast

from bench.scale.world import STARTED, Json, Place, World
from bench.scenario import BODY, OBJECT
from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import Item, encode
from chalicelib.aws.dynamodb.expressions import UpdateExpression, exists
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.write_requests import WRITE_ID, new_token
from chalicelib.aws.dynamodb.writes import Put, Step, Update
from chalicelib.buckets.bucket import new_bucket
from chalicelib.buckets.settings import BucketSettings
from chalicelib.buckets.store import BucketStore
from chalicelib.core.clock import format_timestamp
from chalicelib.core.ids import Ids
from chalicelib.namespaces.models import CreateNamespaceRequest
from chalicelib.namespaces.store import NamespaceStore
from chalicelib.namespaces.update import new_namespace
from chalicelib.objects.store import ObjectStore
from chalicelib.objects.stored_object import StoredObject
from chalicelib.stats.checkpoints import Checkpoint
from chalicelib.stats.stream_records import Contribution, object_contribution, tally_contribution
from chalicelib.stats.tally_row import EMPTY_ROW, to_item
from chalicelib.stats.verify import count_members

# One bucket or object in a thousand is the one that a rare filter matches, and one bucket in ten has the word `abc`.
# One bucket in ten has an object. The others have had one, and so have a tally without objects.
RARE, WORD, WITH_OBJECT = (1000, 7), (10, 0), (10, 5)
LARGE_SCHEMA_FIELDS = 440
WRITERS = 4
ROWS_PER_TASK = 500
# The tallies of a stage have the checkpoints of some shards.
CHECKPOINTS = {"shardId-00000001767225600000-5a1f3c2e": Checkpoint("0" * 21 + "1" * 19, "2026-01-01T00:00:00.000Z")}
Members = list[tuple[str, Contribution]]


class Recorder:
    """Stands in for a table: keeps the rows that a store puts. Changes of other rows are the caller's."""

    def __init__(self) -> None:
        self._rows: list[Item] = []

    def transact(self, steps: Sequence[Step], *, before: Sequence[tuple[Table, Step]] = ()) -> None:
        """Keeps the rows of a transaction."""
        self._rows += [dict(step.item) for step in steps if isinstance(step, Put)]

    def write(self, step: Step) -> None:
        """Keeps the row of a single write."""
        self.transact([step])

    def take(self) -> list[Item]:
        """Returns the kept rows, and forgets them."""
        rows, self._rows = self._rows, []
        return rows


@dataclass
class Clock:
    """A clock that moves on by two milliseconds with each reading, so that ids are in the order of creation."""

    now: datetime = STARTED

    def __call__(self) -> datetime:
        """Returns the next time."""
        self.now += timedelta(milliseconds=2)
        return self.now


@dataclass
class Filler:
    """Fills the tables of a world. Ids and times of buckets and objects are the same in each run."""

    world: World
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self._ids = Ids(self.clock, random.Random(1).getrandbits)
        self._recorder = Recorder()
        table = cast(Table, self._recorder)
        self._namespaces, self._buckets, self._objects = NamespaceStore(table), BucketStore(table), ObjectStore(table)

    def new_namespace(self, place: Place, name: str) -> Place:
        """Creates a namespace in the organization of a place."""
        new = CreateNamespaceRequest(namespace_name=name)
        found = self.world.services.namespaces.create(place.organization, new)
        return replace(place, namespace_id=found.namespace_id)

    def fill_with_namespaces(self, place: Place, count: int) -> None:
        """Writes namespaces without buckets into an organization."""
        rows = (row for number in range(count) for row in self._namespace(place.organization, number))
        self._write(self.world.catalog, rows)
        self._increment(keys.organization(place.organization), "namespace_count", count)

    def fill_with_buckets(self, place: Place, count: int, settings: Callable[[int], BucketSettings]) -> list[str]:
        """Writes buckets into a namespace without buckets, and returns their ids."""
        partition = place.partition
        members: Members = []
        objects: list[Item] = []

        def rows() -> Iterator[Item]:
            for number in range(count):
                yield from self._bucket(partition, number, settings(number), members, objects)
            yield {**keys.namespace_tally(partition), **self._tally(members)}

        self._write(self.world.catalog, rows())
        self._write(self.world.objects, objects)
        self._increment(keys.totals(partition), "bucket_count", count)
        return [bucket_id for bucket_id, _ in members]

    def fill_with_objects(self, place: Place, bucket_id: str, count: int) -> None:
        """Writes objects into an empty bucket, which is the only one of its namespace, and counts them."""
        members: Members = []

        def rows() -> Iterator[Item]:
            for number in range(count):
                row = self._object(place.partition, bucket_id, number)
                members.append(_of_object(row))
                yield row

        self._write(self.world.objects, rows())
        tally = {**keys.bucket_tally(place.partition, bucket_id), **self._tally(members)}
        total = {**keys.namespace_tally(place.partition), **self._tally([_of_tally(bucket_id, tally)])}
        self.world.catalog.put_many([tally, total])

    def _namespace(self, organization: str, number: int) -> list[Item]:
        new = CreateNamespaceRequest(namespace_name=f"archive {number:06}", description="Film posters")
        now = self.clock()
        namespace = new_namespace(new, self._ids.timed("ns"), now)
        self._namespaces.add(organization, namespace, int(now.timestamp()))
        return self._recorder.take()

    def _bucket(
        self, partition: str, number: int, settings: BucketSettings, members: Members, objects: list[Item]
    ) -> Iterator[Item]:
        """Yields the catalog rows of a bucket. Its tally is added to `members`, and its object to `objects`."""
        bucket_id, now = self._ids.timed("bkt"), format_timestamp(self.clock())
        own = [self._object(partition, bucket_id, number)] if _is_one_of(WITH_OBJECT, number) else []
        bucket = replace(new_bucket(bucket_id, bucket_name(number), settings, now), in_use=bool(own))
        self._buckets.add(partition, bucket)
        yield from self._recorder.take()
        tally = {**keys.bucket_tally(partition, bucket_id), **self._tally(map(_of_object, own), last_upload_at=now)}
        members.append(_of_tally(bucket_id, tally))
        objects += own
        yield tally

    def _object(self, partition: str, bucket_id: str, number: int) -> Item:
        now = format_timestamp(self.clock())
        rare = {"rare": "yes"} if _is_one_of(RARE, number) else {}
        values = {**OBJECT, **rare, "film_id": f"tt{number:07}"}
        del values["blobs"]
        object_id = self._ids.random("obj", 26)
        self._objects.add(StoredObject(partition, bucket_id, object_id, values, (), now, now, 1, 0, mark="0" * 12))
        return self._recorder.take()[0]

    def _tally(self, members: Iterable[tuple[str, Contribution]], *, last_upload_at: str | None = None) -> Item:
        row = count_members(members).tally(replace(EMPTY_ROW, last_upload_at=last_upload_at))
        now = format_timestamp(self.clock())
        return to_item(replace(row, checkpoints=CHECKPOINTS, stats_updated_at=now, revision=1))

    def _increment(self, key: Mapping[str, str], name: str, count: int) -> None:
        self.world.catalog.write(Update(key, UpdateExpression(add={name: count}), exists("pk")))

    def _write(self, table: Table, rows: Iterable[Item]) -> None:
        """Writes rows with several threads. The rows are made in the thread of the caller."""
        remaining = ({**row, WRITE_ID: new_token()} for row in rows)
        pending: list[Future[None]] = []
        with ThreadPoolExecutor(WRITERS) as threads:
            while some := list(islice(remaining, ROWS_PER_TASK)):
                pending.append(threads.submit(table.put_many, some))
                if len(pending) > 2 * WRITERS:
                    pending.pop(0).result()
            for written in pending:
                written.result()


def bucket_name(number: int) -> str:
    """Returns the name of a bucket."""
    return f"poster {number:06}"


def small_settings(number: int) -> BucketSettings:
    """Returns the settings of a bucket of less than a kilobyte."""
    metadata: Json = {"team": "archive", "cost_centre": 4711, **({"rare": "yes"} if _is_one_of(RARE, number) else {})}
    description = "The abc of films" if _is_one_of(WORD, number) else "Film posters with their metadata"
    schema, unique_key = cast(Json, BODY["bucket_schema"]), cast(Any, BODY["unique_key"])
    return BucketSettings(schema, description=description, unique_key=unique_key, metadata=metadata)


def large_settings(number: int) -> BucketSettings:
    """Returns settings with a schema of 50 KB."""
    properties = {f"field_{n:04}": {"type": "text", "description": "x" * 70} for n in range(LARGE_SCHEMA_FIELDS)}
    return BucketSettings({"properties": properties}, metadata={"team": "archive", "number": number})


def _is_one_of(share: tuple[int, int], number: int) -> bool:
    """Returns whether a number has this remainder (the second one) when it is divided by the first one."""
    divisor, remainder = share
    return number % divisor == remainder


def _of_object(row: Item) -> tuple[str, Contribution]:
    contribution = object_contribution(encode(row))
    assert contribution is not None
    return row["object_id"], contribution


def _of_tally(bucket_id: str, tally: Item) -> tuple[str, Contribution]:
    contribution = tally_contribution(encode(tally))
    assert contribution is not None
    return bucket_id, contribution
