"""Lists read rows by their keys with several calls at a time, and cost about as much as with one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.concurrent_reads import MAX_CONCURRENT_CALLS
from chalicelib.aws.dynamodb.table import BATCH_GET_KEYS, Table
from chalicelib.aws.dynamodb.writes import Key
from chalicelib.objects import lists
from chalicelib.objects.page_progress import PageProgress
from tests.objects.test_large_lists import all_takes
from tests.support.api import Api, ApiResponse
from tests.support.batch_reads import MAX_WAIT_SECONDS, before_reads, failing_reads
from tests.support.catalog import put_tally
from tests.support.faults import Fault, error_response, throttled
from tests.support.objects import create_object_bucket, objects
from tests.support.seeding import Traffic, hashed_id, seed_objects, traffic
from tests.support.slow_time import SlowTime
from tests.support.world import World

RARE = {"filters": {"take": 777}}
SHOW = {"X-Show-Cost": "true"}
Values = Callable[[int], dict[str, Any]]


def seeded(world: World, api: Api, count: int, values: Values = lambda number: {}) -> str:
    """Creates a bucket whose objects are read by their keys, and returns its id.

    The ids are not in the order of creation, and the statistics say that a query of all objects would cost more.
    """
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(count), lambda number: {"take": number, **values(number)}, id_of=hashed_id)
    put_tally(world, bucket, object_count=15_000)
    return bucket


def page(api: Api, bucket: str, **body: Any) -> ApiResponse:
    reply = api.post(f"{objects(bucket)}/list", body, headers=SHOW)
    assert reply.status == 200, reply.text
    return reply


@contextmanager
def one_call_at_a_time() -> Iterator[None]:
    """Lists read no rows ahead, so each read is one call."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PageProgress, "rows_needed", lambda _: 0)
        yield


def traffic_of(world: World, api: Api, bucket: str, **body: Any) -> tuple[list[int], Traffic]:
    """The `take` of every object of the page, and the calls that read it."""
    with traffic(world) as seen:
        rows = page(api, bucket, **body).json["results"]
    return [row["take"] for row in rows], seen


def test_calls_overlap_if_few_rows_match(world: World, api: Api) -> None:
    bucket = seeded(world, api, 1_000)
    request_thread = threading.current_thread()
    alone: list[int] = []
    together: list[int] = []
    # Each call in another thread waits until as many have begun as can run at a time.
    all_begun = threading.Barrier(MAX_CONCURRENT_CALLS)

    def begin(key_count: int) -> None:
        if threading.current_thread() is request_thread:
            alone.append(key_count)
            return
        all_begun.wait(MAX_WAIT_SECONDS)
        together.append(key_count)

    with before_reads(world.client, begin):
        found = page(api, bucket, **RARE).json["results"]

    assert [row["take"] for row in found] == [777]
    assert alone == [25, 100, 75]
    assert together == [BATCH_GET_KEYS] * 8


def test_the_cost_is_that_of_one_call_at_a_time(world: World, api: Api) -> None:
    bucket = seeded(world, api, 1_000)
    concurrent, seen = page(api, bucket, **RARE), traffic_of(world, api, bucket, **RARE)[1]
    with one_call_at_a_time():
        sequential = page(api, bucket, **RARE)

    assert concurrent.json["results"] == sequential.json["results"]
    assert concurrent.headers["X-Consumed-Capacity"] == sequential.headers["X-Consumed-Capacity"]
    assert f"round-trips={len(seen.calls)}," in concurrent.headers["X-Consumed-Capacity"]


def every(modulus: int) -> Values:
    return lambda number: {"found": number % modulus == 0}


@pytest.mark.parametrize("values", [every(1), every(3), every(10), every(40)])
@pytest.mark.parametrize("limit", [1, 20, 200, 1_000])
def test_no_more_rows_are_read_than_with_one_call_at_a_time(world: World, api: Api, values: Values, limit: int) -> None:
    bucket = seeded(world, api, 1_000, values)
    body = {"filters": {"found": True}, "limit": limit}
    found, seen = traffic_of(world, api, bucket, **body)
    with one_call_at_a_time():
        expected, sequential = traffic_of(world, api, bucket, **body)

    assert found == expected
    assert seen.rows_read <= sequential.rows_read


@pytest.mark.parametrize("unlike", [25, 90, 100, 130, 600])
def test_rows_that_match_unlike_those_before_cost_at_most_one_call(world: World, api: Api, unlike: int) -> None:
    bucket = seeded(world, api, 1_000, lambda number: {"found": number >= unlike})
    body = {"filters": {"found": True}, "limit": 200}
    found, seen = traffic_of(world, api, bucket, **body)
    with one_call_at_a_time():
        expected, sequential = traffic_of(world, api, bucket, **body)

    assert found == expected
    assert seen.rows_read <= sequential.rows_read + (MAX_CONCURRENT_CALLS - 1) * BATCH_GET_KEYS


@pytest.mark.parametrize("body", [{}, {"select": ["take"]}], ids=["entire", "selected"])
@pytest.mark.parametrize(
    ("limits", "modulus"), [({"MAX_FILTERED_BYTES": 800_000}, 100), ({}, 1)], ids=["bytes read", "bytes of the page"]
)
def test_a_page_that_ends_early_for_its_size_reads_no_more_rows(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch, *, body: Any, limits: dict[str, int], modulus: int
) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(lists, name, value)
    size = 3_000 if limits else 11_000
    bucket = seeded(world, api, 1_000, lambda number: {"found": number % modulus == 0, "essay": "x" * size})
    body = {"filters": {"found": True}, "limit": 1_000, **body}
    found, seen = traffic_of(world, api, bucket, **body)
    with one_call_at_a_time():
        expected, sequential = traffic_of(world, api, bucket, **body)

    assert found == expected
    assert seen.rows_read <= sequential.rows_read


def test_rows_that_match_at_random_places_cost_little_more(world: World, api: Api) -> None:
    matching = {number for number in range(1_000) if int(hashed_id(number)[-2:], 16) < 26}
    bucket = seeded(world, api, 1_000, lambda number: {"found": number in matching})
    read = wanted = 0
    for limit in range(1, 60, 7):
        body = {"filters": {"found": True}, "limit": limit}
        found, seen = traffic_of(world, api, bucket, **body)
        with one_call_at_a_time():
            expected, sequential = traffic_of(world, api, bucket, **body)
        assert found == expected
        read, wanted = read + seen.rows_read, wanted + sequential.rows_read
    assert read <= 1.1 * wanted


def test_rows_that_become_large_are_read_with_at_most_one_call_more(world: World, api: Api) -> None:
    essay = "x" * 60_000
    # The first reads have 25 and 100 rows.
    bucket = seeded(world, api, 400, lambda number: {"essay": essay if number >= 125 else ""})
    seen = traffic_of(world, api, bucket, **RARE)[1]
    with one_call_at_a_time():
        sequential = traffic_of(world, api, bucket, **RARE)[1]
    assert seen.rows_read <= sequential.rows_read + BATCH_GET_KEYS


def test_a_page_without_a_filter_is_read_with_several_calls_at_a_time(world: World, api: Api) -> None:
    bucket = seeded(world, api, 500)
    request_thread = threading.current_thread()
    threads: list[bool] = []
    with before_reads(world.client, lambda _: threads.append(threading.current_thread() is request_thread)):
        found = page(api, bucket, limit=400).json["results"]
    assert len(found) == 400
    assert threads == [True, True, False, False, True]


def test_rows_that_do_not_exist_any_more_are_left_out(world: World, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = seeded(world, api, 1_000)
    read = Table.get_many

    def get_many(table: Table, keys: Iterable[Key]) -> list[Item]:
        return [row for row in read(table, keys) if exists(row["object_id"])]

    def exists(object_id: str) -> bool:
        return int(object_id[-1], 16) % 3 > 0

    monkeypatch.setattr(Table, "get_many", get_many)
    body = {"filters": {"NOT": {"take": 500}}, "limit": 1_000}
    found = all_takes(api, bucket, **body)
    with one_call_at_a_time():
        assert found == all_takes(api, bucket, **body)
    assert sorted(found) == [number for number in range(1_000) if exists(hashed_id(number)) and number != 500]


@pytest.mark.parametrize("fault", [throttled, error_response("AccessDeniedException")])
def test_a_fault_of_one_of_several_calls_is_that_of_a_single_call(time: SlowTime, world: World, fault: Fault) -> None:
    api = world.api()
    # The second call of the last read has 75 keys.
    bucket = seeded(world, api, 500)
    before = {*threading.enumerate()}
    with failing_reads(world.client, 75, fault):
        failed = api.post(f"{objects(bucket)}/list", RARE)
        time.now = 0.0
        with one_call_at_a_time():
            expected = api.post(f"{objects(bucket)}/list", RARE)

    assert [failed.error[name] for name in ("type", "code", "message")] == [
        expected.error[name] for name in ("type", "code", "message")
    ]
    assert failed.status == expected.status == (503 if fault is throttled else 500)
    assert failed.headers.get("Retry-After") == expected.headers.get("Retry-After")
    assert {*threading.enumerate()} <= before
    assert page(api, bucket, filters={"take": 499}).json["results"][0]["take"] == 499
