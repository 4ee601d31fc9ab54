"""Filtered lists read rows in the cheapest way, and return the same pages whichever way that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.aws.dynamodb import concurrent_reads
from chalicelib.objects import lists, ordered_reading
from chalicelib.objects.ordered_reading import is_in_order
from chalicelib.objects.read_cost import MAX_FILTERED_ROWS, Probe
from tests.objects.test_large_lists import all_takes
from tests.support.api import Api
from tests.support.catalog import put_tally
from tests.support.costs import CostMeter, measure_costs
from tests.support.nightly import full_or_small
from tests.support.objects import create_object_bucket, objects
from tests.support.seeding import hashed_id, seed_objects
from tests.support.world import World

RARE = {"field": "take", "operator": "eq", "value": 777}


@pytest.fixture
def meter(world: World, api: Api) -> Iterator[CostMeter]:
    """Counts the calls and units."""
    with measure_costs(world, api) as made:
        yield made


def ordered_id(number: int) -> str:
    return f"obj_{number:026}"


def mixed_id(number: int) -> str:
    return ordered_id(number) if number % 3 else hashed_id(number)


IDS = pytest.mark.parametrize("id_of", [ordered_id, hashed_id, mixed_id])


def seeded(world: World, api: Api, count: int, id_of: Callable[[int], str]) -> str:
    """Creates a bucket of objects of about 600 bytes with current statistics, and returns its id."""
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(count), lambda number: {"take": number, "essay": "x" * 100}, id_of=id_of)
    put_tally(world, bucket, object_count=count)
    return bucket


@IDS
def test_a_rare_match_among_1000_objects_costs_at_most_200_read_units(
    meter: CostMeter, id_of: Callable[[int], str]
) -> None:
    bucket = seeded(meter.world, meter.api, 1_000, id_of)

    cost = meter.cost("POST", f"{objects(bucket)}/list", {"filters": RARE, "limit": 1_000})

    assert [row["take"] for row in meter.reply.json["results"]] == [777]
    if id_of is not mixed_id:
        assert cost["read_units"] <= 200


@IDS
@pytest.mark.parametrize("body", [{"include_total": True}, {"offset": 0, "include_total": True}])
def test_counting_matches_costs_at_most_200_read_units(
    meter: CostMeter, id_of: Callable[[int], str], body: dict[str, Any]
) -> None:
    bucket = seeded(meter.world, meter.api, 1_000, id_of)

    cost = meter.cost("POST", f"{objects(bucket)}/list", {"filters": RARE, **body})

    assert meter.reply.json["pagination"]["total"] == 1
    assert cost["read_units"] <= 200


def test_a_filter_that_matches_often_does_not_read_the_entire_bucket(meter: CostMeter) -> None:
    bucket = seeded(meter.world, meter.api, 1_000, hashed_id)
    body = {"filters": {"field": "take", "operator": "gte", "value": 0}, "limit": 10}

    assert meter.cost("POST", f"{objects(bucket)}/list", body)["read_units"] < 60


@IDS
@pytest.mark.parametrize("object_count", [0, 60, 10_000])
@given(
    limit=st.integers(1, 30),
    modulus=st.integers(1, 20),
    descending=st.booleans(),
    probed=st.integers(1, 30),
    rows_of_call=st.integers(1, 30),
)
@settings(max_examples=full_or_small(100, 6), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_have_every_match_once_and_in_order(
    *,
    world: World,
    api: Api,
    id_of: Callable[[int], str],
    object_count: int,
    limit: int,
    modulus: int,
    descending: bool,
    probed: int,
    rows_of_call: int,
) -> None:
    # Statistics can be behind, in both directions.
    bucket = _bucket_of(world, api, id_of, object_count)
    body = {"filters": {f"by_{modulus}": 0}}
    sort = {"field": "created_at", "direction": "desc" if descending else "asc"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "PROBED_ROWS", probed)
        for module in (concurrent_reads, ordered_reading):
            patch.setattr(module, "BATCH_GET_KEYS", rows_of_call)
        found = all_takes(api, bucket, limit=limit, sort=sort, **body)
    assert found == sorted((n for n in range(60) if n % modulus == 0), reverse=descending)


_BUCKETS: dict[tuple[int, str, int], str] = {}


def _bucket_of(world: World, api: Api, id_of: Callable[[int], str], object_count: int) -> str:
    """A bucket of 60 objects, one second apart. The examples of a test share it."""
    key = (id(world), id_of.__name__, object_count)
    if key not in _BUCKETS:
        bucket = create_object_bucket(api)
        seed_objects(world, bucket, range(0, 120, 2), lambda number: _values(number // 2), id_of=id_of)
        put_tally(world, bucket, object_count=object_count)
        _BUCKETS[key] = bucket
    return _BUCKETS[key]


def _values(take: int) -> dict[str, Any]:
    return {"take": take, **{f"by_{modulus}": take % modulus for modulus in range(1, 21)}}


def test_ids_are_in_order_if_few_are_not() -> None:
    ascending = [ordered_id(number) for number in range(40)]
    assert is_in_order(ascending)
    assert is_in_order(ascending[::-1])
    assert is_in_order([*ascending[:20], hashed_id(1), *ascending[20:]])
    assert not is_in_order(ascending[:5])
    assert not is_in_order([hashed_id(number) for number in range(40)])


@given(
    size=st.integers(0, 100_000),
    matches=st.integers(0, 25),
    limit=st.integers(1, 1000),
    object_count=st.integers(0, 1_000_000),
    in_order=st.booleans(),
)
def test_a_walk_never_costs_more_than_reading_a_full_page_in_order(
    *, size: int, matches: int, limit: int, object_count: int, in_order: bool
) -> None:
    probe = Probe(25, size * 25, matches, in_order=in_order)
    budget = probe.bytes_in_order(limit, object_count)
    row_units = -(-(size + 400) // 4_096)
    assert 0 <= budget <= MAX_FILTERED_ROWS * row_units * 4_096
    if matches > limit:
        assert budget == 0
