"""Evaluating rows ends at the time limit of the request, also if all rows were read before."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.http.operation import REQUEST_TIME_LIMIT_SECONDS
from chalicelib.listing.filters.tree import Filter
from tests.support.api import Api, ApiResponse
from tests.support.objects import create_object_bucket, objects
from tests.support.seeding import seed_objects
from tests.support.slow_time import SlowTime
from tests.support.world import World, bucket_body

ROW_COUNT = 10
SECONDS_PER_ROW = 3.0
EVERY_TITLE = {"field": "title", "operator": "regex", "value": "."}


@pytest.fixture
def slow_filter(time: SlowTime, monkeypatch: pytest.MonkeyPatch) -> SlowTime:
    """Evaluating a filter takes some seconds for each row."""
    matches = Filter.matches

    def slow_matches(self: Filter, row: Any) -> bool:
        time.now += SECONDS_PER_ROW
        return matches(self, row)

    monkeypatch.setattr(Filter, "matches", slow_matches)
    return time


def titles(reply: ApiResponse) -> list[str]:
    assert reply.status == 200, reply.text
    return [row["title"] for row in reply.json["results"]]


def test_a_filtered_page_of_objects_ends_early_and_its_cursor_continues(
    slow_filter: SlowTime, world: World, api: Api
) -> None:
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(ROW_COUNT), lambda number: {"title": str(number)})
    found: list[str] = []
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        slow_filter.now = 0.0
        reply = api.post(f"{objects(bucket)}/list", {"filters": EVERY_TITLE, "cursor": cursor})
        assert slow_filter.now <= REQUEST_TIME_LIMIT_SECONDS + SECONDS_PER_ROW
        found += titles(reply)
        cursor, pages = reply.json["pagination"]["next_cursor"], pages + 1
    assert found == [str(number) for number in range(ROW_COUNT)]
    assert pages == 3


@pytest.mark.parametrize("body", [{"include_total": True}, {"offset": 1}, {"sort": {"field": "title"}}])
def test_a_list_that_evaluates_all_objects_is_a_503_after_the_time_limit(
    slow_filter: SlowTime, world: World, api: Api, body: dict[str, Any]
) -> None:
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(ROW_COUNT), lambda number: {"title": str(number)})
    late = api.post(f"{objects(bucket)}/list", {"filters": EVERY_TITLE, **body})
    assert (late.status, late.headers["Retry-After"]) == (503, "1")
    assert slow_filter.now <= REQUEST_TIME_LIMIT_SECONDS + SECONDS_PER_ROW


@pytest.mark.parametrize("sort", [{"field": "created_at"}, {"field": "bucket_name"}, {"field": "updated_at"}])
def test_a_list_of_buckets_is_a_503_after_the_time_limit(slow_filter: SlowTime, api: Api, sort: dict[str, str]) -> None:
    for number in range(6):
        assert api.post("/v1/buckets", bucket_body(f"films{number}")).status == 200
    late = api.post("/v1/buckets/list", {"filters": {"metadata.a": 1}, "sort": sort})
    assert (late.status, late.headers["Retry-After"]) == (503, "1")
    assert slow_filter.now <= REQUEST_TIME_LIMIT_SECONDS + SECONDS_PER_ROW


def test_a_list_of_namespaces_is_a_503_after_the_time_limit(slow_filter: SlowTime, api: Api) -> None:
    for number in range(6):
        assert api.post("/v1/namespaces", {"namespace_name": f"films{number}"}).status == 200
    late = api.post("/v1/namespaces/list", {"filters": {"description": "a"}})
    assert (late.status, late.headers["Retry-After"]) == (503, "1")
    assert slow_filter.now <= REQUEST_TIME_LIMIT_SECONDS + SECONDS_PER_ROW


def test_a_list_of_tasks_is_a_503_after_the_time_limit(slow_filter: SlowTime, api: Api) -> None:
    for number in range(6):
        bucket = api.post("/v1/buckets", bucket_body(f"films{number}")).json["bucket_id"]
        assert api.call("DELETE", f"/v1/buckets/{bucket}").status == 200
    slow_filter.now = 0.0
    late = api.post("/v1/tasks/list", {"filters": {"error_message": "a"}})
    assert (late.status, late.headers["Retry-After"]) == (503, "1")
    assert slow_filter.now <= REQUEST_TIME_LIMIT_SECONDS + SECONDS_PER_ROW
