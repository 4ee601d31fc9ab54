"""The calls and the capacity units that the operations on objects cost."""

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
    """Counts the calls and units, after the caches are filled."""
    create_object_bucket(api, "warm")
    with measure_costs(world, api) as made:
        yield made


def used_bucket(api: Api) -> str:
    """Creates a bucket in which an object was created before."""
    bucket = create_object_bucket(api)
    created(api, bucket, {"title": "first"})
    return bucket


def test_the_first_object_of_a_bucket_costs_one_more_write(meter: CostMeter) -> None:
    bucket = create_object_bucket(meter.api)
    assert meter.calls("POST", objects(bucket), PLAIN) == ["Query", "UpdateItem", "PutItem"]
    assert meter.calls("POST", objects(bucket), PLAIN) == ["Query", "PutItem"]


def test_creating_an_object_is_one_read_of_its_bucket_and_one_conditional_put(meter: CostMeter) -> None:
    bucket = used_bucket(meter.api)
    assert meter.calls("POST", objects(bucket), PLAIN) == ["Query", "PutItem"]
    assert meter.calls("POST", objects(bucket), {**PLAIN, "idempotency_key": "k"}) == ["Query", "PutItem"]


@pytest.mark.parametrize("policy", ["insert", "upsert"])
def test_creating_with_a_unique_key_costs_the_same(meter: CostMeter, policy: str) -> None:
    bucket = create_keyed_bucket(meter.api, "film_id", policy=policy)
    created(meter.api, bucket, {"film_id": "first"})
    assert meter.calls("POST", objects(bucket), {"film_id": "m"}) == ["Query", "PutItem"]


def test_an_upsert_uses_the_row_that_the_failed_condition_returns(meter: CostMeter) -> None:
    bucket = create_keyed_bucket(meter.api, "film_id", policy="upsert")
    created(meter.api, bucket, {"film_id": "m"})
    assert meter.calls("POST", objects(bucket), {"film_id": "m", "take": 2}) == ["Query", "PutItem", "PutItem"]
    assert meter.calls("POST", objects(bucket), {"film_id": "m", "take": 3}, query={"policy": "update"}) == [
        "Query",
        "GetItem",
        "PutItem",
    ]


def test_a_rejected_insert_costs_the_same_as_an_insert(meter: CostMeter) -> None:
    bucket = create_keyed_bucket(meter.api, "film_id", policy="insert")
    created(meter.api, bucket, {"film_id": "m"})
    assert meter.api.post(objects(bucket), {"film_id": "m"}).status == 409
    assert meter.lines.fields[-1]["round_trips"] == 2


def test_skipping_duplicates_costs_one_query_of_the_index(meter: CostMeter) -> None:
    bucket = used_bucket(meter.api)
    body = {"blobs": [text()], "skip_duplicates": True}
    assert meter.calls("POST", objects(bucket), body) == ["Query", "Query", "PutObject", "PutItem"]
    assert meter.calls("POST", objects(bucket), body) == ["Query", "Query", "GetItem"], "no upload for a duplicate"


def test_files_are_uploaded_once_and_not_for_a_replay(meter: CostMeter) -> None:
    bucket = used_bucket(meter.api)
    body = {"blobs": [text()], "idempotency_key": "k"}
    assert meter.calls("POST", objects(bucket), body) == ["Query", "GetItem", "PutObject", "PutItem"]
    assert meter.calls("POST", objects(bucket), body) == ["Query", "GetItem"]


def test_reading_an_object_is_one_get(meter: CostMeter) -> None:
    bucket = used_bucket(meter.api)
    path = objects(bucket, created(meter.api, bucket)["object_id"])
    assert meter.calls("GET", path) == ["GetItem"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_updating_an_object_reads_its_bucket_and_the_object(meter: CostMeter, method: str) -> None:
    bucket = used_bucket(meter.api)
    path = objects(bucket, created(meter.api, bucket)["object_id"])
    assert meter.calls(method, path, {"take": 2}) == ["Query", "GetItem", "PutItem"]
    assert meter.calls(method, path, {"take": 2}) == ["Query", "GetItem"], "without differences, nothing is written"


def test_deleting_an_object_is_one_conditional_delete(meter: CostMeter) -> None:
    bucket = used_bucket(meter.api)
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
def test_a_page_costs_the_same_calls_for_any_number_of_objects(
    meter: CostMeter, count: int, body: dict[str, Any], calls: list[str]
) -> None:
    if count > 10:  # the objects have no identity, so one query reads those that were created one after the other
        calls = ["Query" if call == "BatchGetItem" else call for call in calls]
    bucket = used_bucket(meter.api)
    for start in range(0, count, 50):
        rows = [{"take": take} for take in range(start, min(start + 50, count))]
        assert meter.api.post(f"{objects(bucket)}/batch", {"objects": rows}).status == 200
    assert meter.calls("POST", f"{objects(bucket)}/list", body) == calls


def test_a_bulk_create_costs_one_read_and_one_put_per_row(meter: CostMeter) -> None:
    bucket = used_bucket(meter.api)
    rows = [{"take": take} for take in range(5)]
    assert meter.calls("POST", f"{objects(bucket)}/batch", {"objects": rows}) == ["Query", *["PutItem"] * 5]


def test_files_in_a_bulk_create_cost_the_same_as_in_single_requests(meter: CostMeter) -> None:
    bucket = used_bucket(meter.api)
    rows = [{"take": take, "blobs": [text(f"Review {take}")]} for take in range(30)]
    calls = meter.calls("POST", f"{objects(bucket)}/batch", {"objects": rows})
    assert Counter(calls) == {"Query": 1, "PutObject": 30, "PutItem": 30}


def test_a_create_writes_one_unit_and_two_in_indexes(meter: CostMeter) -> None:
    bucket = used_bucket(meter.api)
    small = meter.cost("POST", objects(bucket), PLAIN)["write_units"]
    large = meter.cost("POST", objects(bucket), {"essay": "x" * 3000})["write_units"]
    assert small <= 3
    assert large <= small + 3, "the indexes hold keys only"
