"""The cost of operations: calls of the database, capacity units, and rows that are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.catalog import put_tally
from tests.support.costs import CostMeter, measure_costs
from tests.support.seeding import seed_buckets, traffic
from tests.support.world import World, bucket_body

MEGABYTE = 1_000_000


@pytest.fixture
def meter(world: World, api: Api) -> Iterator[CostMeter]:
    """A meter with warm caches and three buckets."""
    for name in ("posters", "stills", "scripts"):
        assert api.post("/v1/buckets", bucket_body(name)).status == 200
    with measure_costs(world, api) as made:
        yield made


LARGE_SCHEMA: dict[str, Any] = {
    "schema": {"properties": {f"field_{number}": {"type": "string", "description": "x" * 500} for number in range(100)}}
}


def posters_id(api: Api) -> str:
    return str(api.get("/v1/buckets/posters").json["bucket_id"])


def test_reading_a_bucket_is_one_query_over_its_two_rows(meter: CostMeter) -> None:
    bucket_id = posters_id(meter.api)
    put_tally(meter.world, bucket_id, object_count=1, revision=1)

    cost = meter.cost("GET", f"/v1/buckets/{bucket_id}")

    assert (meter.seen.calls, meter.seen.rows_read) == (["Query"], 2)
    assert (cost["read_units"] > 0, cost["write_units"]) == (True, 0)


def test_reading_a_bucket_by_name_reads_the_name_first(meter: CostMeter) -> None:
    assert meter.calls("GET", "/v1/buckets/posters") == ["GetItem", "Query"]


def test_a_key_and_a_namespace_are_looked_up_once_a_minute(meter: CostMeter) -> None:
    bucket_id = posters_id(meter.api)
    meter.world.clock.advance(60)

    cold = meter.calls("GET", f"/v1/buckets/{bucket_id}")
    warm = meter.calls("GET", f"/v1/buckets/{bucket_id}")

    assert len(cold) > len(warm) == 1


def test_creating_a_bucket_is_one_transaction(meter: CostMeter) -> None:
    cost = meter.cost("POST", "/v1/buckets", bucket_body("new"))

    assert meter.seen.calls == ["TransactWriteItems"]
    assert cost["read_units"] == 0


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_changing_a_bucket_is_a_read_and_a_write(meter: CostMeter, method: str) -> None:
    path = f"/v1/buckets/{posters_id(meter.api)}"

    cost = meter.cost(method, path, {"description": "Old ones"})

    assert meter.seen.calls == ["Query", "PutItem"]
    assert (cost["read_units"] > 0, cost["write_units"] > 0) == (True, True)
    assert meter.calls(method, path, {"description": "Old ones"}) == ["Query"], "a change without effect is not written"


def test_renaming_a_bucket_is_a_read_and_a_transaction(meter: CostMeter) -> None:
    path = f"/v1/buckets/{posters_id(meter.api)}"

    assert meter.calls("PATCH", path, {"bucket_name": "art"}) == ["Query", "TransactWriteItems"]


def test_an_adapter_with_sources_reads_the_graph_and_each_source_once(meter: CostMeter) -> None:
    first, second = (meter.api.get(f"/v1/buckets/{name}").json["bucket_id"] for name in ("stills", "scripts"))
    path = f"/v1/buckets/{posters_id(meter.api)}"
    adapter = {"source_adapter": {"adapter_type": "bucket", "source_bucket_ids": [first, second]}}

    assert meter.calls("PATCH", path, adapter) == ["Query", "GetItem", "Query", "Query", "TransactWriteItems"]
    assert meter.calls("PATCH", path, {"description": "x"}) == ["Query", "PutItem"], (
        "only writes of source buckets cost more"
    )
    assert meter.calls("POST", "/v1/buckets", bucket_body("new", **adapter))[0] == "GetItem"
    assert meter.calls("PATCH", path, {"source_adapter": None}) == ["Query", "PutItem"]


def test_a_page_beyond_the_end_is_one_read(meter: CostMeter) -> None:
    for order in ({}, {"sort": {"field": "bucket_name"}}):
        assert meter.calls("POST", "/v1/buckets/list", {**order, "offset": 3}) == ["Query"]


def test_a_compatible_schema_change_reads_no_objects(meter: CostMeter) -> None:
    path = f"/v1/buckets/{posters_id(meter.api)}"
    wider = {"properties": {**bucket_body()["bucket_schema"]["properties"], "year": {"type": "integer"}}}

    assert meter.calls("PATCH", path, {"bucket_schema": wider}) == ["Query", "PutItem"]


def test_a_conditional_read_costs_the_same_as_a_read(meter: CostMeter) -> None:
    path = f"/v1/buckets/{posters_id(meter.api)}"
    etag = meter.api.get(path).headers["ETag"]

    with traffic(meter.world) as seen:
        assert meter.api.get(path, headers={"If-None-Match": etag}).status == 304

    assert seen.calls == ["Query"]


@pytest.mark.parametrize(
    ("body", "calls"),
    [
        ({}, ["Query", "Query"]),
        ({"sort": {"field": "created_at"}}, ["Query", "Query"]),
        ({"sort": {"field": "bucket_name"}}, ["Query", "Query", "BatchGetItem"]),
        ({"filters": {"field": "bucket_name", "operator": "starts_with", "value": "s"}}, ["Query", "BatchGetItem"]),
        ({"filters": {"bucket_name": "stills"}}, ["Query", "BatchGetItem"]),
        ({"search": "sti"}, ["Query", "BatchGetItem"]),
        ({"sort": {"field": "metadata.rank"}}, ["Query"]),
    ],
)
def test_a_short_list_costs_one_to_three_calls(meter: CostMeter, body: dict[str, Any], calls: list[str]) -> None:
    assert meter.calls("POST", "/v1/buckets/list", body) == calls


def test_a_list_by_id_is_one_read(meter: CostMeter) -> None:
    body = {"filters": {"bucket_id": posters_id(meter.api)}}

    assert meter.calls("POST", "/v1/buckets/list", body) == ["BatchGetItem"]
    assert meter.reply.json["total_count"] == 1


def default_page(meter: CostMeter, **body: Any) -> tuple[list[str], float, int, int]:
    cost = meter.cost("POST", "/v1/buckets/list", body)
    return meter.seen.calls, cost["read_units"], meter.seen.rows_read, len(meter.reply.json["results"])


def test_a_page_costs_the_same_with_100_and_with_20_000_buckets(meter: CostMeter) -> None:
    orders: list[dict[str, Any]] = [{}, {"sort": {"field": "created_at"}}, {"limit": 40}]
    seed_buckets(meter.world, range(97))
    few = [default_page(meter, **order) for order in orders]
    assert meter.reply.json["total_count"] == 100

    seed_buckets(meter.world, range(97, 19_997))
    many = [default_page(meter, **order) for order in orders]

    assert meter.reply.json["total_count"] == 20_000
    assert many == few
    # Each bucket may have a tally, one more row shows that there is a next page, and one row has the totals.
    assert [rows for _, _, rows, _ in many] == [24, 24, 84]
    cursor = meter.reply.json["pagination"]["next_cursor"]
    assert default_page(meter, limit=40, cursor=cursor)[:3] == many[2][:3], "later pages do not cost more"


def test_a_page_by_name_costs_the_same_with_100_and_with_2_000_buckets(meter: CostMeter) -> None:
    orders: list[dict[str, Any]] = [
        {"sort": {"field": "bucket_name"}},
        {"sort": {"field": "bucket_name", "direction": "desc"}},
        {"filters": {"field": "bucket_name", "operator": "starts_with", "value": "b00001"}},
    ]
    seed_buckets(meter.world, range(97))
    few = [default_page(meter, **order) for order in orders]

    seed_buckets(meter.world, range(97, 1_997))

    assert [default_page(meter, **order) for order in orders] == few


def test_a_walk_reads_a_megabyte_per_call_and_no_row_twice(meter: CostMeter) -> None:
    by_rank = {"sort": {"field": "metadata.rank"}, "limit": 1}
    seed_buckets(meter.world, range(600), lambda number: {"description": "x" * 1_700})

    calls = meter.calls("POST", "/v1/buckets/list", by_rank)

    assert meter.seen.rows_read == 603
    # A row also has the search text and its keys.
    assert calls == ["Query"] * -(-600 * (2 * 1_700 + 600) // MEGABYTE)


@pytest.mark.parametrize(
    "body",
    [
        {"filters": {"metadata.rank": -1}},
        {"search": "in no bucket"},
        {"filters": {"object_count": 1}},
        {"filters": {"metadata.rank": -1}, "sort": {"field": "bucket_name"}},
        {"filters": {"metadata.rank": -1}, "sort": {"field": "metadata.rank"}},
    ],
)
def test_large_schemas_cost_nothing_in_a_list_that_does_not_name_them(meter: CostMeter, body: dict[str, Any]) -> None:
    seed_buckets(meter.world, range(50), lambda number: {"metadata": {"rank": number}})
    small = meter.cost("POST", "/v1/buckets/list", body)["read_units"]
    seed_buckets(meter.world, range(50, 100), lambda number: {**LARGE_SCHEMA, "metadata": {"rank": number}})

    assert meter.cost("POST", "/v1/buckets/list", body)["read_units"] <= 3 * small
    assert meter.reply.json["total_count"] == 0


def test_large_settings_are_read_once_and_then_kept(meter: CostMeter) -> None:
    created = meter.api.post("/v1/buckets", bucket_body("large", metadata={"text": "x" * 50_000})).json
    path = f"/v1/buckets/{created['bucket_id']}"

    assert meter.calls("GET", path) == ["Query", "BatchGetItem"]
    assert meter.reply.json["metadata"] == {"text": "x" * 50_000}
    assert meter.calls("GET", path) == ["Query"]
    assert meter.cost("GET", path)["read_units"] == 1.0
