"""Lists that would take too long or grow too large end early, or say what to ask for instead."""

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
from chalicelib.http.operation import PATIENCE_SECONDS
from chalicelib.objects import lists
from tests.support.api import Api, ApiResponse
from tests.support.engine import new_s3_client
from tests.support.objects import create_object_bucket, objects
from tests.support.seeding import seed_objects
from tests.support.slow_time import SlowTime
from tests.support.world import World, new_world

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.local.moto.backends import Backends
    from tests.support.engine import Tables

LARGE = "x" * 290_000
LAMBDA_ANSWER = 6_000_000


@contextmanager
def passing(world: World, time: SlowTime, seconds: float, *, each: str = "") -> Iterator[None]:
    """A database that answers every call, and takes so long for each, or for each of one operation."""
    event = f"after-call.dynamodb.{each}".rstrip(".")

    def pass_on(**_: Any) -> None:
        time.now += seconds

    world.client.meta.events.register(event, pass_on)
    yield
    world.client.meta.events.unregister(event, pass_on)


@pytest.fixture
def slow(time: SlowTime, world: World) -> Iterator[SlowTime]:
    """A database that takes a second for every call."""
    with passing(world, time, 1.0):
        yield time


@contextmanager
def hydrating(world: World) -> Iterator[list[int]]:
    """How many rows each read of whole rows by their keys gives."""
    counts: list[int] = []

    def count(parsed: dict[str, Any], **_: Any) -> None:
        counts.extend(map(len, parsed["Responses"].values()))

    world.client.meta.events.register("after-call.dynamodb.BatchGetItem", count)
    yield counts
    world.client.meta.events.unregister("after-call.dynamodb.BatchGetItem", count)


def ask(api: Api, bucket: str, **body: Any) -> ApiResponse:
    return api.post(f"{objects(bucket)}/list", body)


def walked(api: Api, bucket: str, **body: Any) -> list[int]:
    """The numbers of the rows that a walk by cursor gives."""
    rows: list[int] = []
    cursor = None
    while True:
        reply = ask(api, bucket, **body, cursor=cursor)
        assert reply.status == 200, reply.text
        rows += [row["take"] for row in reply.json["results"]]
        cursor = reply.json["pagination"]["next_cursor"]
        if cursor is None:
            return rows


@pytest.mark.parametrize("body", [{}, {"filters": {"NOT": {"take": -1}}}], ids=["plain", "filtered"])
def test_a_page_of_a_slow_database_ends_early_with_a_cursor(
    slow: SlowTime, world: World, api: Api, body: dict[str, Any]
) -> None:
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(1200), lambda number: {"take": number})
    started = slow.now

    first = ask(api, bucket, limit=1000, **body).json

    assert slow.now - started < PATIENCE_SECONDS + 2
    assert 0 < len(first["results"]) < 1000
    assert first["pagination"]["next_cursor"] is not None
    assert walked(api, bucket, limit=1000, **body) == list(range(1200))


@dataclass(frozen=True)
class NeedsAll:
    """A list that has to see all objects, and the operation that reads them, of which one request has few."""

    body: dict[str, Any]
    parameter: str
    code: str
    reads: str
    seconds: float


SORTED = NeedsAll({"sort": {"field": "take"}}, "sort", "sort_too_large", "Query", 4.0)
COUNTED = NeedsAll(
    {"filters": {"take": 1}, "include_total": True}, "include_total", "walk_too_long", "BatchGetItem", 10.0
)
SKIPPED = replace(COUNTED, body={"filters": {"take": 1}, "offset": 1}, parameter="offset")
NEEDS_ALL = pytest.mark.parametrize("needs", [SORTED, COUNTED, SKIPPED], ids=["sorted", "counted", "skipped"])
MANY = 28


def a_bucket_of_many(world: World, api: Api) -> str:
    """A bucket of more than is read at once, which its statistics know of."""
    bucket = create_object_bucket(api)
    for start in range(0, MANY, 14):
        rows = [{"take": take, "essay": LARGE} for take in range(start, start + 14)]
        assert api.post(f"{objects(bucket)}/batch", {"objects": rows}).json["succeeded_count"] == 14
    world.pump()
    return bucket


@NEEDS_ALL
def test_what_needs_all_of_a_bucket_that_fits_is_busy_where_time_runs_out(
    time: SlowTime, world: World, api: Api, needs: NeedsAll
) -> None:
    bucket = a_bucket_of_many(world, api)
    with passing(world, time, needs.seconds, each=needs.reads):
        busy = ask(api, bucket, **needs.body)
    assert (busy.status, busy.error["code"], busy.headers["Retry-After"]) == (503, None, "1")
    assert needs.parameter in busy.error["details"]["parameters"]
    assert time.now <= PATIENCE_SECONDS + needs.seconds
    assert ask(api, bucket, **needs.body).status == 200


@NEEDS_ALL
@pytest.mark.parametrize(("bound", "most"), [("MAX_WALKED", MANY - 1), ("MAX_WALKED_BYTES", (MANY - 1) * len(LARGE))])
def test_a_bucket_that_would_not_fit_is_refused_for_its_size_also_where_time_runs_out(
    *, time: SlowTime, world: World, api: Api, monkeypatch: pytest.MonkeyPatch, needs: NeedsAll, bound: str, most: int
) -> None:
    monkeypatch.setattr(lists, bound, most)
    bucket = a_bucket_of_many(world, api)
    with passing(world, time, needs.seconds, each=needs.reads):
        refused = ask(api, bucket, **needs.body)
    assert (refused.status, refused.error["code"]) == (400, needs.code)
    assert needs.parameter in refused.error["details"]["parameters"]
    assert time.now <= PATIENCE_SECONDS + needs.seconds


@NEEDS_ALL
def test_rows_that_came_with_the_last_page_are_not_late(
    time: SlowTime, world: World, api: Api, needs: NeedsAll
) -> None:
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(3), lambda number: {"take": number})
    with passing(world, time, 5.0):
        found = ask(api, bucket, **needs.body)
    assert found.status == 200, found.text


@pytest.mark.parametrize(
    "body", [{}, {"filters": {"take": 1}}, {"filters": {"take": 1}, "include_total": True}, {"offset": 5_000}]
)
def test_rows_that_an_index_names_and_that_are_gone_take_no_more_than_the_time_of_a_request(
    time: SlowTime, world: World, api: Api, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]
) -> None:
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(2_200), lambda number: {"take": number})
    monkeypatch.setattr(Table, "get_many", gone(Table.get_many))
    with passing(world, time, 4.0):
        busy = ask(api, bucket, limit=10, **body)
    assert (busy.status, busy.headers["Retry-After"]) == (503, "1")
    assert time.now < PATIENCE_SECONDS + 4


def gone(read: Callable[..., list[Item]]) -> Callable[..., list[Item]]:
    """Reads by keys, in a table whose rows have just been removed."""

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
def test_a_walk_is_bounded_in_bytes_too(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any], code: str
) -> None:
    monkeypatch.setattr(lists, "MAX_WALKED_BYTES", 1_000_000)
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(5), lambda number: {"take": number, "essay": LARGE})

    refused = ask(api, bucket, **body)

    assert (refused.status, refused.error["code"]) == (400, code)
    assert refused.error["details"]["max_bytes"] == 1_000_000


def test_a_page_of_large_rows_reads_little_more_than_it_gives_out(world: World, api: Api) -> None:
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(90), lambda number: {"take": number, "essay": LARGE})

    with hydrating(world) as hydrated:
        first = ask(api, bucket, limit=50).json

    assert len(first["results"]) <= sum(hydrated) <= 5 * len(first["results"])
    assert walked(api, bucket, limit=50) == list(range(90))


def a_file(number: int, bucket: str) -> Blob:
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
    files = [a_file(number, bucket) for number in range(50)]
    seed_objects(world, bucket, range(60), lambda number: {"take": number}, lambda _: files)

    body = {"limit": 1000, "return_presigned_urls": True}
    first = ask(api, bucket, **body)

    assert all("X-Amz-Security-Token" in blob["presigned_url"] for blob in first.json["results"][0]["blobs"])
    # As Lambda hands it over: a text in JSON.
    assert len(json.dumps(first.text)) < LAMBDA_ANSWER
    assert walked(api, bucket, **body) == list(range(60))
    assert len(ask(api, bucket, limit=1000).json["results"]) == 60
