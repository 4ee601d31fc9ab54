"""What an operation on objects costs, counted: calls to the engine, and the units it reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.costs import CostMeter, measure_costs
from tests.support.objects import create_keyed_bucket, create_object_bucket, created, objects, text
from tests.support.world import World

PLAIN = {"title": "M", "take": 1}


@pytest.fixture
def meter(world: World, api: Api) -> Iterator[CostMeter]:
    """A meter in a world whose caches are warm."""
    create_object_bucket(api, "warm")
    with measure_costs(world, api) as made:
        yield made


def test_creating_an_object_is_one_read_of_its_bucket_and_one_conditional_put(meter: CostMeter) -> None:
    bucket = create_object_bucket(meter.api)
    assert meter.calls("POST", objects(bucket), PLAIN) == ["Query", "PutItem"]
    assert meter.calls("POST", objects(bucket), {**PLAIN, "idempotency_key": "k"}) == ["Query", "PutItem"]


@pytest.mark.parametrize("policy", ["insert", "upsert"])
def test_so_it_is_under_a_unique_key(meter: CostMeter, policy: str) -> None:
    bucket = create_keyed_bucket(meter.api, "film_id", policy=policy)
    assert meter.calls("POST", objects(bucket), {"film_id": "m"}) == ["Query", "PutItem"]


def test_an_update_through_the_key_reads_nothing_that_the_failed_condition_tells(meter: CostMeter) -> None:
    bucket = create_keyed_bucket(meter.api, "film_id", policy="upsert")
    created(meter.api, bucket, {"film_id": "m"})
    assert meter.calls("POST", objects(bucket), {"film_id": "m", "take": 2}) == ["Query", "PutItem", "PutItem"]
    assert meter.calls("POST", objects(bucket), {"film_id": "m", "take": 3}, query={"policy": "update"}) == [
        "Query",
        "GetItem",
        "PutItem",
    ]


def test_a_refused_insert_costs_what_an_insert_costs(meter: CostMeter) -> None:
    bucket = create_keyed_bucket(meter.api, "film_id", policy="insert")
    created(meter.api, bucket, {"film_id": "m"})
    assert meter.api.post(objects(bucket), {"film_id": "m"}).status == 409
    assert meter.lines.fields[-1]["round_trips"] == 2


def test_skipping_duplicates_costs_one_look_at_the_index(meter: CostMeter) -> None:
    bucket = create_object_bucket(meter.api)
    body = {"blobs": [text()], "skip_duplicates": True}
    assert meter.calls("POST", objects(bucket), body) == ["Query", "Query", "PutObject", "PutItem"]
    assert meter.calls("POST", objects(bucket), body) == ["Query", "Query", "GetItem"], "and no bytes for a duplicate"


def test_bytes_are_moved_once_and_only_for_what_is_new(meter: CostMeter) -> None:
    bucket = create_object_bucket(meter.api)
    body = {"blobs": [text()], "idempotency_key": "k"}
    assert meter.calls("POST", objects(bucket), body) == ["Query", "GetItem", "PutObject", "PutItem"]
    assert meter.calls("POST", objects(bucket), body) == ["Query", "GetItem"]


def test_reading_an_object_is_one_get(meter: CostMeter) -> None:
    bucket = create_object_bucket(meter.api)
    path = objects(bucket, created(meter.api, bucket)["object_id"])
    assert meter.calls("GET", path) == ["GetItem"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_changing_an_object_reads_its_bucket_and_itself(meter: CostMeter, method: str) -> None:
    bucket = create_object_bucket(meter.api)
    path = objects(bucket, created(meter.api, bucket)["object_id"])
    assert meter.calls(method, path, {"take": 2}) == ["Query", "GetItem", "PutItem"]
    assert meter.calls(method, path, {"take": 2}) == ["Query", "GetItem"], "what is so already is not written"


def test_deleting_an_object_is_one_conditional_delete(meter: CostMeter) -> None:
    bucket = create_object_bucket(meter.api)
    path = objects(bucket, created(meter.api, bucket)["object_id"])
    assert meter.calls("DELETE", path) == ["Query", "DeleteItem"]


@pytest.mark.parametrize("count", [3, 150])
@pytest.mark.parametrize(
    ("body", "calls"),
    [
        ({}, ["Query", "Query", "BatchGetItem"]),
        ({"sort": {"field": "created_at", "direction": "desc"}}, ["Query", "Query", "BatchGetItem"]),
        ({"sort": {"field": "title"}}, ["Query", "Query"]),
    ],
)
def test_a_page_costs_three_calls_however_many_objects_there_are(
    meter: CostMeter, count: int, body: dict[str, Any], calls: list[str]
) -> None:
    bucket = create_object_bucket(meter.api)
    for start in range(0, count, 50):
        rows = [{"take": take} for take in range(start, min(start + 50, count))]
        assert meter.api.post(f"{objects(bucket)}/batch", {"objects": rows}).status == 200
    assert meter.calls("POST", f"{objects(bucket)}/list", body) == calls


def test_a_batch_costs_one_read_and_one_put_a_row(meter: CostMeter) -> None:
    bucket = create_object_bucket(meter.api)
    rows = [{"take": take} for take in range(5)]
    assert meter.calls("POST", f"{objects(bucket)}/batch", {"objects": rows}) == ["Query", *["PutItem"] * 5]


def test_files_of_a_batch_cost_what_they_cost_one_by_one(meter: CostMeter) -> None:
    bucket = create_object_bucket(meter.api)
    rows = [{"take": take, "blobs": [text(f"Review {take}")]} for take in range(30)]
    calls = meter.calls("POST", f"{objects(bucket)}/batch", {"objects": rows})
    assert Counter(calls) == {"Query": 1, "PutObject": 30, "PutItem": 30}


def test_what_a_create_writes_is_one_unit_and_two_of_indexes(meter: CostMeter) -> None:
    bucket = create_object_bucket(meter.api)
    small = meter.cost("POST", objects(bucket), PLAIN)["write_units"]
    large = meter.cost("POST", objects(bucket), {"essay": "x" * 3000})["write_units"]
    assert small <= 3
    assert large <= small + 3, "the indexes hold keys only"
