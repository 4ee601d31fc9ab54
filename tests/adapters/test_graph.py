from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.graph import MAX_FEEDING_BUCKETS, find_cycle
from chalicelib.core.errors import RequestInvalid
from tests.support.api import Api
from tests.support.world import bucket_body

GRAPHS = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefx"), max_size=4))


def test_a_bucket_that_feeds_itself_is_a_cycle() -> None:
    assert find_cycle("a", {"a": ["b", "a"]}.get) == ["a", "a"]


def test_a_cycle_is_named_from_the_bucket_to_itself() -> None:
    assert find_cycle("a", {"a": ["x", "b"], "b": ["c"], "c": ["a"]}.get) == ["a", "b", "c", "a"]


def test_a_diamond_and_a_cycle_elsewhere_are_not_a_cycle_of_the_bucket() -> None:
    assert find_cycle("a", {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": ["e"], "e": ["d"]}.get) is None
    assert find_cycle("a", lambda _: None) is None


@given(GRAPHS)
def test_a_cycle_is_found_exactly_if_the_bucket_reaches_itself(graph: dict[str, list[str]]) -> None:
    reached: set[str] = set()
    frontier = set(graph.get("a", []))
    while frontier - reached:
        reached |= frontier
        frontier = {source for name in reached for source in graph.get(name, [])}
    cycle = find_cycle("a", graph.get)
    assert (cycle is not None) == ("a" in reached)
    if cycle:
        assert cycle[0] == cycle[-1] == "a"
        assert all(source in graph[name] for name, source in pairwise(cycle))


@given(GRAPHS)
def test_the_sources_of_each_bucket_are_read_once(graph: dict[str, list[str]]) -> None:
    reads: Counter[str] = Counter()

    def sources(name: str) -> list[str] | None:
        reads[name] += 1
        return graph.get(name)

    find_cycle("a", sources)
    assert set(reads.values()) == {1}


def test_the_search_is_limited() -> None:
    def chain(length: int) -> dict[str, list[str]]:
        return {str(n): [str(n + 1)] for n in range(length)}

    assert find_cycle("0", chain(MAX_FEEDING_BUCKETS).get) is None
    with pytest.raises(RequestInvalid) as caught:
        find_cycle("0", chain(MAX_FEEDING_BUCKETS + 1).get)
    [problem] = caught.value.problems
    assert (problem.location, problem.type) == (
        ("body", "source_adapter", "source_bucket_ids"),
        "too_many_sources",
    )


def test_the_number_of_buckets_that_feed_a_bucket_is_limited(api: Api) -> None:
    last = api.post("/v1/buckets", bucket_body("b0")).json["bucket_id"]
    for number in range(1, MAX_FEEDING_BUCKETS + 2):
        adapter = {"adapter_type": "bucket", "source_bucket_ids": [last]}
        reply = api.post("/v1/buckets", bucket_body(f"b{number}", source_adapter=adapter))
        if number <= MAX_FEEDING_BUCKETS:
            assert reply.status == 200, reply.text
            last = reply.json["bucket_id"]

    assert (reply.status, reply.json["detail"][0]["type"]) == (422, "too_many_sources")
    assert reply.json["detail"][0]["loc"] == ["body", "source_adapter", "source_bucket_ids"]
