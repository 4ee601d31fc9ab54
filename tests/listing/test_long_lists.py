"""Lists that must read all rows end within the time limit of the request, however many rows there are."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.buckets import candidates
from chalicelib.http.operation import REQUEST_TIME_LIMIT_SECONDS
from chalicelib.listing import walks
from tests.support.api import Api
from tests.support.seeding import seed_buckets, traffic
from tests.support.slow_time import SlowTime, slow_calls
from tests.support.world import World

SECONDS_OF_A_CALL = 3.0


# The bodies of lists of buckets that read all of them, or many keys of the index of names. The tests create the buckets
# once for all lists, because that takes most of their time.
LISTS: dict[str, dict[str, Any]] = {
    "filter": {"filters": {"metadata.rank": 7}},
    "filter on the settings": {"filters": {"bucket_schema.properties.x.type": "string"}},
    "search": {"search": "b000"},
    "search without a match": {"search": "in no bucket"},
    "prefix": {"filters": {"field": "bucket_name", "operator": "starts_with", "value": "b0"}},
    "by name": {"filters": {"metadata.rank": 7}, "sort": {"field": "bucket_name"}},
    "search by name": {"search": "b000", "sort": {"field": "bucket_name"}},
    "sort": {"sort": {"field": "metadata.rank"}},
}


def seed_many(world: World) -> None:
    """Writes buckets of 1.9 KB, so that one read returns about 250 of them."""
    seed_buckets(world, range(1_500), lambda number: {"description": "x" * 1_700, "metadata": {"rank": number}})


def test_a_list_ends_at_the_time_limit(time: SlowTime, world: World, api: Api) -> None:
    seed_many(world)
    for name, body in LISTS.items():
        started = time.now
        with slow_calls(world, time, SECONDS_OF_A_CALL):
            reply = api.post("/v1/buckets/list", body)
        # One more call may say whether the list is long.
        assert time.now - started <= REQUEST_TIME_LIMIT_SECONDS + 2 * SECONDS_OF_A_CALL, name
        assert reply.status in (200, 400, 503), (name, reply.text)


def test_a_long_list_is_a_400_that_says_what_to_narrow(
    time: SlowTime, world: World, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walks, "MIN_ROWS_OF_LONG_LIST", 100)
    seed_many(world)
    for name, body in LISTS.items():
        started = time.now
        with slow_calls(world, time, SECONDS_OF_A_CALL, each="Query"):
            reply = api.post("/v1/buckets/list", body)
        # One more call may say whether the list is long.
        assert time.now - started <= REQUEST_TIME_LIMIT_SECONDS + 2 * SECONDS_OF_A_CALL, name
        if reply.status != 200:
            assert (reply.status, reply.error["code"]) == (400, "walk_too_long"), (name, reply.text)
            assert reply.error["details"]["parameters"] == ["filters", "search", "sort"], name


def test_a_list_of_more_buckets_than_a_request_may_read_is_rejected_after_its_first_reads(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "MAX_WALKED_BUCKETS", 1_400)
    monkeypatch.setattr(candidates, "UNCHECKED_BUCKETS", 100)
    monkeypatch.setattr(candidates, "MAX_SORTED_ROWS", 1_400)
    seed_many(world)
    expected: dict[str, Any] = dict.fromkeys(LISTS, (400, "walk_too_long"))
    expected["sort"] = (400, "sort_too_large")
    expected["search without a match"] = (200, 0)  # no row of the index matches, so no bucket is read
    found: dict[str, Any] = {}
    for name, body in LISTS.items():
        with traffic(world) as seen:
            reply = api.post("/v1/buckets/list", body)
        found[name] = reply.status, reply.json["total_count"] if reply.status == 200 else reply.error["code"]
        assert reply.status == 200 or seen.rows_read < 1_200, name
    assert found == expected


def test_a_list_by_id_or_by_a_rare_text_is_never_too_long(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "MAX_WALKED_BUCKETS", 10)
    monkeypatch.setattr(candidates, "UNCHECKED_BUCKETS", 5)
    [first, *_] = seed_buckets(world, range(60))
    bodies: list[dict[str, Any]] = [
        {"filters": {"bucket_id": first}},
        {"filters": {"bucket_name": "b000000"}},
        {"filters": {"field": "bucket_name", "operator": "starts_with", "value": "b00000"}},
        {"search": "b000000"},
        {},
        {"sort": {"field": "bucket_name"}},
    ]
    assert [api.post("/v1/buckets/list", body).status for body in bodies] == [200] * len(bodies)


def test_namespaces_and_tasks_end_at_the_time_limit(
    time: SlowTime, world: World, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walks, "MIN_ROWS_OF_LONG_LIST", 1)
    for number in range(60):
        assert api.post("/v1/namespaces", {"namespace_name": f"n{number:03}"}).status == 200
    with slow_calls(world, time, 6.0):
        reply = api.post("/v1/namespaces/list", {"filters": {"namespace_name": "n001"}})
    assert time.now < REQUEST_TIME_LIMIT_SECONDS + 12.0
    assert (reply.status, reply.error["code"]) == (400, "walk_too_long")


@pytest.mark.parametrize(
    "body", [{}, {"sort": {"field": "bucket_name"}}, {"search": "bkt_", "sort": {"field": "bucket_name"}}]
)
def test_reading_the_buckets_of_a_page_ends_at_the_time_limit(
    time: SlowTime, world: World, api: Api, body: dict[str, Any]
) -> None:
    seed_buckets(world, range(400), lambda number: {"description": f"{number} " + "x" * 2_100})
    with slow_calls(world, time, 4.0, each="BatchGetItem"):
        reply = api.post("/v1/buckets/list", {"limit": 400, **body})
    assert reply.status in (200, 503), reply.text
    assert time.now < REQUEST_TIME_LIMIT_SECONDS + 4.0
