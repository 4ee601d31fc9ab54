"""Lists of namespaces."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.listing import query
from tests.support.api import Api
from tests.support.catalog import put_namespace_tally
from tests.support.world import World, bucket_body

LIST = "/v1/namespaces/list"
DECLARATIONS = {"feature_extractors", "payload_indexes", "vector_configs"}


@pytest.fixture
def owner(world: World) -> Api:
    """Namespaces from the oldest: films, music, Art, zoo."""
    owner = world.api(namespace="")
    for name, more in (("music", {"description": "Sounds"}), ("Art", {"mode": "standalone"}), ("zoo", {})):
        assert owner.post("/v1/namespaces", {"namespace_name": name, **more}).status == 200
    return owner


def names(response: Any) -> list[str]:
    return [row["namespace_name"] for row in response["results"]]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, ["zoo", "Art", "music", "films"]),
        ({"search": "SOUND"}, ["music"]),
        ({"search": "f*lms"}, ["films"]),
        ({"search": "art", "case_sensitive": True}, []),
        ({"search": "ns_"}, ["zoo", "Art", "music", "films"]),
        ({"filters": {"mode": "standalone"}}, ["Art"]),
        ({"filters": {"NOT": [{"namespace_name": "ART"}, {"namespace_name": "zoo"}]}}, ["music", "films"]),
        ({"sort": {"field": "namespace_name"}}, ["Art", "films", "music", "zoo"]),
        (
            {"sorts": [{"field": "mode", "direction": "desc"}, {"field": "created_at"}]},
            ["Art", "films", "music", "zoo"],
        ),
    ],
)
def test_namespaces_are_searched_filtered_and_sorted(owner: Api, body: dict[str, Any], found: list[str]) -> None:
    response = owner.post(LIST, body).json

    assert (names(response), response["total_count"]) == (found, len(found))


def test_pages_continue_by_offset_cursor_and_link_until_the_end(owner: Api) -> None:
    complete = names(owner.get("/v1/namespaces").json)
    first = owner.post(LIST, {"limit": 3, "include_total": True}).json

    assert names(first) == complete[:3]
    assert (first["total_count"], first["pagination"]["total"], first["pagination"]["total_pages"]) == (4, 4, 2)
    last = owner.post(LIST, {"limit": 3, "cursor": first["pagination"]["next_cursor"]}).json
    assert (names(last), last["pagination"]["next_cursor"]) == (complete[3:], None)
    assert names(owner.post(LIST, {"limit": 2}, query={"offset": 1, "limit": 1}).json) == complete[1:3]
    link = owner.get("/v1/namespaces", query={"limit": 2, "view": "summary"}).json["pagination"]["next_page"]
    second = owner.get(link).json
    assert names(second) == complete[2:]
    assert not DECLARATIONS & set(second["results"][0]), "the link keeps the view"
    assert owner.post(LIST, {"cursor": "x"}).error["code"] == "cursor_invalid"


def test_lists_sorted_by_time_id_or_name_may_be_longer_than_other_sorted_lists(
    owner: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A chosen id is independent of the time of creation. This one sorts before all others.
    assert owner.post("/v1/namespaces", {"namespace_name": "last", "namespace_id": "0"}).status == 200
    monkeypatch.setattr(query, "MAX_SORTED_ROWS", 2)

    for body, found in (
        ({}, ["last", "zoo", "Art", "music", "films"]),
        ({"sort": {"field": "created_at"}}, ["films", "music", "Art", "zoo", "last"]),
        ({"sort": {"field": "namespace_name"}}, ["Art", "films", "last", "music", "zoo"]),
        ({"sort": {"field": "namespace_id"}}, ["last", "films", "music", "Art", "zoo"]),
    ):
        walked: list[str] = []
        cursor: dict[str, Any] = {}
        while True:
            page = owner.post(LIST, {**body, "limit": 2, **cursor}).json
            walked += names(page)
            if page["pagination"]["next_cursor"] is None:
                break
            cursor = {"cursor": page["pagination"]["next_cursor"]}
        assert (walked, page["total_count"]) == (found, 5)

    rejected = owner.post(LIST, {"sort": {"field": "mode"}})
    assert (rejected.status, rejected.error["code"]) == (400, "sort_too_large")
    assert owner.post(LIST, {"sort": {"field": "mode"}, "filters": {"namespace_name": "zoo"}}).status == 200


def test_more_namespaces_than_one_read_batch_are_listed_and_counted(world: World, owner: Api) -> None:
    store, made = world.services.namespaces.store, world.services.namespaces.get(world.organization_id, "films")
    for number in range(120):
        store.add(world.organization_id, replace(made, namespace_id=f"n{number}", name=f"many {number}"), now_s=0)

    response = owner.post(LIST, {"search": "many", "limit": 1000}).json

    assert (response["total_count"], len(set(names(response)))) == (120, 120)


def test_a_summary_omits_the_declarations(owner: Api) -> None:
    full = owner.post(LIST, {}, query={"view": "full"}).json["results"]
    summary = owner.post(LIST, {}, query={"view": "summary", "include_system": "true"}).json["results"]

    assert owner.get("/v1/namespaces").json["results"] == full
    assert summary == [{key: value for key, value in row.items() if key not in DECLARATIONS} for row in full]
    assert owner.get("/v1/namespaces", query={"view": "short"}).status == 422


def test_statistics_count_the_contents_of_the_matching_namespaces(world: World, owner: Api) -> None:
    for name in ("a", "b"):
        world.api().post("/v1/buckets", bucket_body(name))
    put_namespace_tally(world, object_count=6)

    response = owner.post(LIST, {"limit": 1}).json
    alone = owner.get("/v1/namespaces/films").json

    assert (alone["bucket_count"], alone["object_count"]) == (2, 6)
    assert response["stats"] == {
        "total_buckets": 2,
        "total_objects": 6,
        "avg_buckets_per_namespace": 0.5,
        "avg_objects_per_namespace": 1.5,
    }
    assert owner.post(LIST, {"filters": {"namespace_name": "films"}}).json["stats"]["avg_objects_per_namespace"] == 6


def test_the_namespace_header_is_ignored(world: World, owner: Api) -> None:
    for namespace in ("", "films", "nowhere"):
        assert world.api(namespace=namespace).get("/v1/namespaces").json["total_count"] == 4


def test_namespaces_are_invisible_to_other_organizations(world: World, owner: Api) -> None:
    rival = owner.using(key=world.key_for(world.services.access.create_organization("Rivals").organization_id))

    assert rival.post(LIST, {"search": "ns_"}).json["total_count"] == 0
    assert rival.get("/v1/namespaces/films").status == 404
    assert rival.patch("/v1/namespaces/films", {"description": "mine"}).status == 404
