"""Updating namespaces, and their expiry."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.clock import parse_timestamp
from chalicelib.namespaces.store import NAME_RESERVATION_SECONDS
from tests.support.api import Api
from tests.support.world import World, bucket_body

PATH = "/v1/namespaces/films"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"namespace_name": "movies"}, "namespace_name", "movies"),
        ({"payload_indexes": []}, "payload_indexes", []),
        ({"namespace_name": None}, "namespace_name", "films"),
    ],
)
def test_only_fields_in_the_body_change(api: Api, method: str, change: dict[str, Any], field: str, value: Any) -> None:
    before = api.get(PATH).json

    after = api.call(method, PATH, change).json

    assert {**after, "updated_at": ""} == {**before, field: value, "updated_at": ""}
    assert (after["updated_at"] > before["updated_at"]) is (before[field] != value)


def test_a_patch_sets_and_clears_the_description_and_adds_extractors(api: Api) -> None:
    one, two = ({"feature_extractor_name": name, "version": "v1"} for name in ("one", "two"))

    assert api.patch(PATH, {"description": "x", "feature_extractors": [one]}).json["description"] == "x"
    after = api.patch(PATH, {"description": None, "feature_extractors": [two, one]}).json

    assert after["description"] is None
    assert [entry["feature_extractor_id"] for entry in after["feature_extractors"]] == ["one_v1", "two_v1"]
    assert api.put(PATH, {"description": "x"}).status == 422


def test_the_limit_of_extractors_holds_for_several_patches_together(api: Api) -> None:
    many = [{"feature_extractor_name": f"e{number}", "version": "v1"} for number in range(101)]
    assert api.patch(PATH, {"feature_extractors": many[:60]}).status == 200

    rejected = api.patch(PATH, {"feature_extractors": many[60:]})

    assert (rejected.status, rejected.json["detail"][0]["loc"]) == (422, ["body", "feature_extractors"])
    assert len(api.get(PATH).json["feature_extractors"]) == 60
    assert len(api.patch(PATH, {"feature_extractors": many[30:100]}).json["feature_extractors"]) == 100
    assert api.patch(PATH, {"feature_extractors": many[:1], "description": "x"}).status == 200


@pytest.mark.parametrize(
    "change",
    [
        {"namespace_id": "ns_other"},
        {"created_at": None},
        {"bucket_count": 3},
        {"namespace_name": "ab"},
        {"namespace_name": "movies "},
        {"ttl_seconds": 59},
        {"ttl_seconds": 60, "expires_at": "2030-01-01T00:00:00Z"},
        {"ttl_seconds": None, "expires_at": None},
        {"expires_at": "soon"},
    ],
)
def test_an_invalid_update_changes_nothing(api: Api, change: dict[str, Any]) -> None:
    before = api.get(PATH).json

    assert api.patch(PATH, {"description": "x", **change}).status == 422
    assert api.get(PATH).json == before


@pytest.mark.parametrize("field", ["infrastructure", "spend_budget", "pinned", "tiering", "repair_vectors"])
def test_an_unsupported_field_is_rejected_by_name(api: Api, field: str) -> None:
    reply = api.patch(PATH, {field: True})

    assert (reply.status, reply.error["type"], reply.error["details"]) == (403, "NotEnabledError", {"field": field})


def test_a_rename_reserves_the_old_name_for_a_while_and_keeps_the_buckets(world: World, api: Api) -> None:
    api.post("/v1/buckets", bucket_body())
    api.post("/v1/namespaces", {"namespace_name": "music"})

    taken = api.patch(PATH, {"namespace_name": "music"})
    assert (taken.status, taken.error["code"]) == (409, "namespace_name_taken")

    assert api.patch(PATH, {"namespace_name": "movies"}).json["bucket_count"] == 1
    assert api.get("/v1/buckets").status == 404
    assert world.api(namespace="movies").get("/v1/buckets/posters").status == 200
    reserved = api.post("/v1/namespaces", {"namespace_name": "films"})
    assert (reserved.status, reserved.error["code"]) == (409, "namespace_name_taken")
    assert 0 < reserved.error["details"]["retry_after_seconds"] <= NAME_RESERVATION_SECONDS

    world.clock.advance(NAME_RESERVATION_SECONDS + 1)
    assert api.post("/v1/namespaces", {"namespace_name": "films"}).json["bucket_count"] == 0
    assert api.get("/v1/buckets").json["total_count"] == 0


def test_a_ttl_counts_from_now_and_can_be_removed(world: World, api: Api) -> None:
    api.post("/v1/namespaces", {"namespace_name": "brief", "ttl_seconds": 3600})
    brief = api.get("/v1/namespaces/brief").json
    assert parse_timestamp(brief["expires_at"]) - parse_timestamp(brief["created_at"]) == timedelta(hours=1)

    world.clock.advance(1800)
    longer = api.patch("/v1/namespaces/brief", {"ttl_seconds": 3600}).json
    assert timedelta(minutes=89) < parse_timestamp(longer["expires_at"]) - parse_timestamp(brief["created_at"])
    at = api.patch("/v1/namespaces/brief", {"expires_at": "2030-01-01T02:00:00+02:00"}).json
    assert at["expires_at"] == "2030-01-01T00:00:00.000Z"
    assert api.patch("/v1/namespaces/brief", {"description": "x"}).json["expires_at"] == at["expires_at"]
    assert api.patch("/v1/namespaces/brief", {"expires_at": None}).json["expires_at"] is None
    assert api.patch("/v1/namespaces/brief", {"ttl_seconds": 60}).json["expires_at"] is not None
    assert api.patch("/v1/namespaces/brief", {"ttl_seconds": None}).json["expires_at"] is None


@pytest.mark.parametrize("wait", [31, 200])
def test_an_expired_namespace_rejects_requests_but_can_be_read_and_extended(world: World, wait: int) -> None:
    # In both cases: while the namespace is cached, and after the cache has expired.
    owner = world.api(namespace="")
    owner.post("/v1/namespaces", {"namespace_name": "brief", "ttl_seconds": 60})
    inside = world.api(namespace="brief")
    world.clock.advance(30)
    assert inside.post("/v1/buckets", bucket_body()).status == 200
    world.clock.advance(wait)

    for reply in (
        inside.get("/v1/buckets/posters"),
        inside.get("/v1/buckets"),
        inside.post("/v1/buckets", bucket_body("new")),
        inside.patch("/v1/buckets/posters", {}),
    ):
        assert (reply.status, reply.error["type"]) == (404, "NotFoundError")
        assert reply.headers["X-Namespace-Unresolved"]

    assert owner.get("/v1/namespaces/brief").json["bucket_count"] == 1
    assert owner.patch("/v1/namespaces/brief", {"expires_at": None}).status == 200
    assert inside.get("/v1/buckets/posters").status == 200
