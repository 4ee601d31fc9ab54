"""Lists that would take too long or grow too large end early, or say what to ask for instead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.foundation.operations import PATIENCE_SECONDS
from chalicelib.objects import lists
from chalicelib.objects.blob import Blob
from tests.support.api import Api, Reply
from tests.support.engine import new_s3_client
from tests.support.objects import a_bucket_of_objects, objects
from tests.support.seeding import seed_objects
from tests.support.slow_time import SlowTime
from tests.support.world import World, new_world

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.local.backends import Backends
    from tests.support.engine import Tables

LARGE = "x" * 290_000
LAMBDA_ANSWER = 6_000_000


@pytest.fixture
def slow(time: SlowTime, world: World) -> Iterator[SlowTime]:
    """A database that answers every call, and takes a second for it."""

    def pass_on(**_: Any) -> None:
        time.now += 1.0

    world.client.meta.events.register("after-call.dynamodb", pass_on)
    yield time
    world.client.meta.events.unregister("after-call.dynamodb", pass_on)


@contextmanager
def hydrating(world: World) -> Iterator[list[int]]:
    """How many rows each read of whole rows by their keys gives."""
    counts: list[int] = []

    def count(parsed: dict[str, Any], **_: Any) -> None:
        counts.extend(map(len, parsed["Responses"].values()))

    world.client.meta.events.register("after-call.dynamodb.BatchGetItem", count)
    yield counts
    world.client.meta.events.unregister("after-call.dynamodb.BatchGetItem", count)


def ask(api: Api, bucket: str, **body: Any) -> Reply:
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
    bucket = a_bucket_of_objects(api)
    seed_objects(world, bucket, range(1200), lambda number: {"take": number})
    started = slow.now

    first = ask(api, bucket, limit=1000, **body).json

    assert slow.now - started < PATIENCE_SECONDS + 2
    assert 0 < len(first["results"]) < 1000
    assert first["pagination"]["next_cursor"] is not None
    assert walked(api, bucket, limit=1000, **body) == list(range(1200))


@pytest.mark.parametrize(
    ("body", "code", "parameter"),
    [
        ({"sort": {"field": "take"}}, "sort_too_large", "sort"),
        ({"filters": {"take": 1}, "include_total": True}, "walk_too_long", "include_total"),
        ({"filters": {"take": 1}, "offset": 1}, "walk_too_long", "offset"),
    ],
)
def test_what_cannot_end_early_is_refused_in_time_and_says_what_to_leave_out(
    slow: SlowTime, world: World, api: Api, body: dict[str, Any], code: str, parameter: str
) -> None:
    bucket = a_bucket_of_objects(api)
    seed_objects(world, bucket, range(60), lambda number: {"take": number, "essay": LARGE})
    started = slow.now

    refused = ask(api, bucket, **body)

    assert (refused.status, refused.error["code"]) == (400, code)
    assert parameter in refused.error["details"]["parameters"]
    assert slow.now - started < PATIENCE_SECONDS + 2


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
    bucket = a_bucket_of_objects(api)
    seed_objects(world, bucket, range(5), lambda number: {"take": number, "essay": LARGE})

    refused = ask(api, bucket, **body)

    assert (refused.status, refused.error["code"]) == (400, code)
    assert refused.error["details"]["max_bytes"] == 1_000_000


def test_a_page_of_large_rows_reads_little_more_than_it_gives_out(world: World, api: Api) -> None:
    bucket = a_bucket_of_objects(api)
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
    bucket = a_bucket_of_objects(api)
    files = [a_file(number, bucket) for number in range(50)]
    seed_objects(world, bucket, range(60), lambda number: {"take": number}, lambda _: files)

    body = {"limit": 1000, "return_presigned_urls": True}
    first = ask(api, bucket, **body)

    assert all("X-Amz-Security-Token" in blob["presigned_url"] for blob in first.json["results"][0]["blobs"])
    # As Lambda hands it over: a text in JSON.
    assert len(json.dumps(first.text)) < LAMBDA_ANSWER
    assert walked(api, bucket, **body) == list(range(60))
    assert len(ask(api, bucket, limit=1000).json["results"]) == 60
