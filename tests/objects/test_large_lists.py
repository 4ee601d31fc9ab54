"""Lists that would take too long or become too large end early, or are rejected with an alternative."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Key
from chalicelib.blobs.blob import Blob
from chalicelib.http.operation import REQUEST_TIME_LIMIT_SECONDS
from chalicelib.objects import lists
from tests.support.api import Api, ApiResponse
from tests.support.catalog import put_tally
from tests.support.client_events import handling
from tests.support.engine import new_s3_client
from tests.support.objects import create_object_bucket, objects
from tests.support.seeding import hashed_id, seed_objects, traffic
from tests.support.slow_time import SlowTime, slow_calls
from tests.support.world import World, new_world

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.local.moto.backends import Backends
    from tests.support.engine import Tables

LARGE = "x" * 290_000
MAX_LAMBDA_RESPONSE_BYTES = 6_000_000


@contextmanager
def counting_rows(world: World) -> Iterator[list[int]]:
    """The number of rows in each BatchGetItem response."""
    counts: list[int] = []

    def count(parsed: dict[str, Any], **_: Any) -> None:
        counts.extend(map(len, parsed["Responses"].values()))

    with handling(world.client, "after-call.dynamodb.BatchGetItem", count):
        yield counts


def list_objects(api: Api, bucket: str, **body: Any) -> ApiResponse:
    return api.post(f"{objects(bucket)}/list", body)


def all_takes(api: Api, bucket: str, **body: Any) -> list[int]:
    """The `take` of every object that is returned when following the cursors."""
    rows: list[int] = []
    cursor = None
    while True:
        reply = list_objects(api, bucket, **body, cursor=cursor)
        assert reply.status == 200, reply.text
        rows += [row["take"] for row in reply.json["results"]]
        cursor = reply.json["pagination"]["next_cursor"]
        if cursor is None:
            return rows


@pytest.mark.parametrize("body", [{}, {"filters": {"NOT": {"take": -1}}}], ids=["plain", "filtered"])
def test_a_page_of_a_slow_database_ends_early_with_a_cursor(
    time: SlowTime, world: World, api: Api, body: dict[str, Any]
) -> None:
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(1200), lambda number: {"take": number})

    with slow_calls(world, time, 3.0):
        first = list_objects(api, bucket, limit=1000, **body).json

    assert time.now < REQUEST_TIME_LIMIT_SECONDS + 3
    assert 0 < len(first["results"]) < 1000
    assert first["pagination"]["next_cursor"] is not None
    assert all_takes(api, bucket, limit=1000, **body) == list(range(1200))


@dataclass(frozen=True)
class NeedsAll:
    """A list that must read all objects, and the DynamoDB operation that reads them."""

    body: dict[str, Any]
    parameter: str
    code: str
    reads: str
    seconds: float


SORTED = NeedsAll({"sort": {"field": "take"}}, "sort", "sort_too_large", "Query", 4.0)
COUNTED = NeedsAll({"filters": {"take": 1}, "include_total": True}, "include_total", "walk_too_long", "Query", 4.0)
SKIPPED = replace(COUNTED, body={"filters": {"take": 1}, "offset": 1}, parameter="offset")
NEEDS_ALL = pytest.mark.parametrize("needs", [SORTED, COUNTED, SKIPPED], ids=["sorted", "counted", "skipped"])
ROW_COUNT = 28


def create_large_rows(world: World, api: Api) -> str:
    """Creates a bucket with more rows than one read returns and with current statistics, and returns its id."""
    bucket = create_object_bucket(api)
    for start in range(0, ROW_COUNT, 14):
        rows = [{"take": take, "essay": LARGE} for take in range(start, start + 14)]
        assert api.post(f"{objects(bucket)}/batch", {"objects": rows}).json["succeeded_count"] == 14
    world.pump()
    return bucket


@NEEDS_ALL
def test_a_list_that_reads_all_of_a_small_bucket_is_a_503_after_the_time_limit(
    time: SlowTime, world: World, api: Api, needs: NeedsAll
) -> None:
    bucket = create_large_rows(world, api)
    with slow_calls(world, time, needs.seconds, each=needs.reads):
        rejected = list_objects(api, bucket, **needs.body)
    assert (rejected.status, rejected.error["code"], rejected.headers["Retry-After"]) == (503, None, "1")
    assert needs.parameter in rejected.error["details"]["parameters"]
    assert time.now <= REQUEST_TIME_LIMIT_SECONDS + needs.seconds
    assert list_objects(api, bucket, **needs.body).status == 200


@NEEDS_ALL
@pytest.mark.parametrize(
    ("name", "limit"), [("MAX_SCANNED_ROWS", ROW_COUNT - 1), ("MAX_SCANNED_BYTES", (ROW_COUNT - 1) * len(LARGE))]
)
def test_a_list_that_reads_all_of_a_large_bucket_is_rejected_for_its_size_also_after_the_time_limit(
    *, time: SlowTime, world: World, api: Api, monkeypatch: pytest.MonkeyPatch, needs: NeedsAll, name: str, limit: int
) -> None:
    monkeypatch.setattr(lists, name, limit)
    bucket = create_large_rows(world, api)
    with slow_calls(world, time, needs.seconds, each=needs.reads):
        rejected = list_objects(api, bucket, **needs.body)
    assert (rejected.status, rejected.error["code"]) == (400, needs.code)
    assert needs.parameter in rejected.error["details"]["parameters"]
    assert time.now <= REQUEST_TIME_LIMIT_SECONDS + needs.seconds


@NEEDS_ALL
def test_rows_of_the_last_read_are_returned_after_the_time_limit(
    time: SlowTime, world: World, api: Api, needs: NeedsAll
) -> None:
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(3), lambda number: {"take": number})
    with slow_calls(world, time, 5.0):
        found = list_objects(api, bucket, **needs.body)
    assert found.status == 200, found.text


@pytest.mark.parametrize("body", [{}, {"filters": {"take": 1}}, {"offset": 5_000}])
def test_reading_deleted_rows_of_an_index_ends_at_the_time_limit(
    time: SlowTime, world: World, api: Api, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]
) -> None:
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(2_200), lambda number: {"take": number}, id_of=hashed_id)
    monkeypatch.setattr(Table, "get_many", as_if_deleted(Table.get_many))
    with slow_calls(world, time, 4.0):
        rejected = list_objects(api, bucket, limit=10, **body)
    assert (rejected.status, rejected.headers["Retry-After"]) == (503, "1")
    assert time.now < REQUEST_TIME_LIMIT_SECONDS + 4


def as_if_deleted(read: Callable[..., list[Item]]) -> Callable[..., list[Item]]:
    """A `get_many` that returns nothing, as if all rows had just been deleted."""

    def get_many(table: Table, keys: Iterable[Key]) -> list[Item]:
        read(table, keys)
        return []

    return get_many


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"sort": {"field": "take"}}, "sort_too_large"),
        ({"filters": {"take": 1}, "include_total": True}, "walk_too_long"),
    ],
)
def test_a_scan_is_limited_in_bytes_too(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any], code: str
) -> None:
    monkeypatch.setattr(lists, "MAX_SCANNED_BYTES", 1_000_000)
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(5), lambda number: {"take": number, "essay": LARGE})

    rejected = list_objects(api, bucket, **body)

    assert (rejected.status, rejected.error["code"]) == (400, code)
    assert rejected.error["details"]["max_bytes"] == 1_000_000


def test_a_page_of_large_rows_reads_little_more_than_it_returns(world: World, api: Api) -> None:
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(90), lambda number: {"take": number, "essay": LARGE}, id_of=hashed_id)

    with counting_rows(world) as row_counts:
        first = list_objects(api, bucket, limit=50).json

    assert len(first["results"]) <= sum(row_counts) <= 5 * len(first["results"])
    # Objects of the same time are in the order of their ids.
    assert sorted(all_takes(api, bucket, limit=50)) == list(range(90))


def new_blob(number: int, bucket: str) -> Blob:
    key = f"blobs/{bucket}/obj_{number:026}/blob_{number:016}"
    return Blob(
        f"blob_{number:016}",
        "poster",
        "image",
        f"s3://films/{key}",
        key=key,
        filename="grey.png",
        size_bytes=67,
        mime_type="image/png",
        hash="sha256:" + "0" * 64,
        sha256="0" * 64,
    )


def test_download_urls_make_pages_shorter_and_never_too_large(
    client: DynamoDBClient,
    tables: Tables,
    backends: Backends | None,
    blob_bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t" * 1500)
    world = new_world(client, tables, new_s3_client(backends), blob_bucket)
    api = world.api()
    bucket = create_object_bucket(api)
    files = [new_blob(number, bucket) for number in range(50)]
    seed_objects(world, bucket, range(60), lambda number: {"take": number}, lambda _: files)

    body = {"limit": 1000, "return_presigned_urls": True}
    first = list_objects(api, bucket, **body)

    assert all("X-Amz-Security-Token" in blob["presigned_url"] for blob in first.json["results"][0]["blobs"])
    # Lambda returns the body as a JSON string.
    assert len(json.dumps(first.text)) < MAX_LAMBDA_RESPONSE_BYTES
    assert all_takes(api, bucket, **body) == list(range(60))
    assert len(list_objects(api, bucket, limit=1000).json["results"]) == 60


@pytest.mark.parametrize("body", [{"limit": 1_000}, {"limit": 1_000, "filters": {"NOT": {"take": -1}}}])
@pytest.mark.parametrize("id_of", [hashed_id, lambda number: f"obj_{number:026}"])
def test_rows_that_become_large_are_not_read_in_vain(
    world: World, api: Api, body: dict[str, Any], id_of: Callable[[int], str]
) -> None:
    bucket = create_object_bucket(api)
    values = lambda number: {"take": number, "essay": LARGE if number >= 30 else ""}  # noqa: E731
    seed_objects(world, bucket, range(120), values, id_of=id_of)

    with traffic(world) as seen:
        first = list_objects(api, bucket, **body).json

    assert 30 <= len(first["results"]) < 120
    assert seen.rows_read <= 2 * 130 + 100
    assert sorted(all_takes(api, bucket, **body)) == list(range(120))


@pytest.mark.parametrize("id_of", [hashed_id, lambda number: f"obj_{number:026}"])
def test_a_filtered_page_keeps_its_first_rows_if_time_ends_while_others_are_read(
    time: SlowTime, world: World, api: Api, id_of: Callable[[int], str]
) -> None:
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(1_000), lambda number: {"take": number, "essay": "x" * 2_000}, id_of=id_of)
    put_tally(world, bucket, object_count=1_000)

    with slow_calls(world, time, 2.5):
        first = list_objects(api, bucket, limit=1_000, filters={"take": -1})

    assert first.status == 200, first.text
    assert first.json["pagination"]["next_cursor"] is not None
