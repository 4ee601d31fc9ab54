"""PUT and PATCH: absent keys, null values, and fields that cannot change."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api
from tests.support.catalog import put_tally
from tests.support.world import SCHEMA, World, bucket_body

PATH = "/v1/buckets/posters"
METHODS = ["PUT", "PATCH"]
FULL: dict[str, Any] = {
    "description": "Old ones",
    "metadata": {"a": 1},
    "storage_class": "nearline",
    "unique_key": {"fields": ["title", "year"], "default_policy": "insert"},
    "bucket_schema": {"properties": {**SCHEMA["properties"], "year": {"type": "integer"}}},
    "source_adapter": {"adapter_type": "mux"},
}


@pytest.fixture
def bucket(api: Api) -> dict[str, Any]:
    """A bucket with all fields set, as GET returns it."""
    assert api.post("/v1/buckets", bucket_body(**FULL)).status == 200
    return dict(api.get(PATH).json)


def unchanged(before: dict[str, Any], after: dict[str, Any], *changed: str) -> bool:
    free = {*changed, "updated_at"}
    return {k: v for k, v in before.items() if k not in free} == {k: v for k, v in after.items() if k not in free}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"description": "New"}, "description", "New"),
        ({"description": None}, "description", None),
        ({"description": ""}, "description", ""),
        ({"metadata": {"b": 2}}, "metadata", {"b": 2}),
        ({"metadata": {}}, "metadata", {}),
        ({"metadata": None}, "metadata", {}),
        ({"storage_class": "archive"}, "storage_class", "archive"),
        ({"storage_class": None}, "storage_class", None),
        ({"bucket_name": "posters2"}, "bucket_name", "posters2"),
        (
            {"unique_key": {"fields": ["year", "title"], "default_policy": "upsert"}},
            "unique_key",
            {"fields": ["title", "year"], "default_policy": "upsert"},
        ),
        (
            {"unique_key": {"fields": ["title", "year"], "default_policy": None}},
            "unique_key",
            {"fields": ["title", "year"], "default_policy": None},
        ),
    ],
)
def test_only_keys_in_the_body_change(
    api: Api, bucket: dict[str, Any], method: str, change: dict[str, Any], field: str, value: Any
) -> None:
    reply = api.call(method, PATH, change)

    assert (reply.status, reply.json[field]) == (200, value), reply.text
    assert unchanged(bucket, reply.json, field)
    assert reply.json["updated_at"] > bucket["updated_at"]
    assert reply.headers["ETag"] == f'"{bucket["bucket_id"]}-2-0"'
    assert api.get(f"/v1/buckets/{bucket['bucket_id']}").json == reply.json


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"bucket_name": None},
        {"bucket_schema": None},
        {"unique_key": None},
        {"destination": None, "ingest_filter": None},
        {"bucket_name": "posters"},
        {"description": "Old ones", "metadata": {"a": 1}, "storage_class": "nearline"},
        {"unique_key": {"fields": ["year", "title"]}},
        {"unique_key": {"fields": ["title", "year"], "description": None}},
        {"bucket_schema": FULL["bucket_schema"]},
    ],
)
def test_a_change_without_effect_does_not_update_the_bucket(
    api: Api, bucket: dict[str, Any], method: str, change: dict[str, Any]
) -> None:
    reply = api.call(method, PATH, change)

    assert (reply.status, reply.json) == (200, bucket)
    assert reply.headers["ETag"] == f'"{bucket["bucket_id"]}-1-0"'


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("change", "location"),
    [
        ({"bucket_id": "bkt_0000000000000000"}, ["body", "bucket_id"]),
        ({"created_at": "2026-01-01T00:00:00Z"}, ["body", "created_at"]),
        ({"updated_at": None}, ["body", "updated_at"]),
        ({"is_locked": False}, ["body", "is_locked"]),
        ({"status": "ARCHIVED"}, ["body", "status"]),
        ({"object_count": 0}, ["body", "object_count"]),
        ({"bucket_name": ""}, ["body", "bucket_name"]),
        ({"bucket_name": "bkt_0123456789abcdef"}, ["body", "bucket_name"]),
        ({"metadata": "x"}, ["body", "metadata"]),
        ({"storage_class": "cold"}, ["body", "storage_class"]),
        ({"unique_key": {"fields": ["title"]}}, ["body", "unique_key", "fields"]),
        ({"unique_key": {"default_policy": "insert"}}, ["body", "unique_key", "fields"]),
        ({"bucket_schema": {}}, ["body", "bucket_schema", "properties"]),
    ],
)
def test_an_invalid_change_is_rejected_with_its_location(
    api: Api, bucket: dict[str, Any], method: str, change: dict[str, Any], location: list[str]
) -> None:
    reply = api.call(method, PATH, {"description": "New", **change})

    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, location)
    assert api.get(PATH).json == bucket


def test_an_adapter_is_changed_by_patch_only(api: Api, bucket: dict[str, Any]) -> None:
    reply = api.put(PATH, {"source_adapter": None})

    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["body", "source_adapter"])
    assert api.patch(PATH, {"source_adapter": None}).json["source_adapter"] is None


def test_a_unique_key_cannot_be_added_later(api: Api) -> None:
    api.post("/v1/buckets", bucket_body())

    for method in METHODS:
        reply = api.call(method, PATH, {"unique_key": {"fields": ["title"]}})
        assert (reply.status, reply.json["detail"][0]["loc"][:2]) == (422, ["body", "unique_key"])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["destination", "ingest_filter"])
def test_a_field_that_is_not_enabled_is_rejected_by_name(
    api: Api, bucket: dict[str, Any], method: str, name: str
) -> None:
    reply = api.call(method, PATH, {name: {"connection_id": "conn_1"}, "description": "New"})

    assert (reply.status, reply.error["type"], reply.error["details"]) == (403, "NotEnabledError", {"field": name})
    assert api.get(PATH).json == bucket


@pytest.mark.parametrize("method", METHODS)
def test_a_rename_needs_a_free_name_and_frees_the_old_one(api: Api, bucket: dict[str, Any], method: str) -> None:
    api.post("/v1/buckets", bucket_body("stills"))

    taken = api.call(method, PATH, {"bucket_name": "stills", "description": "New"})
    assert (taken.status, taken.error["code"]) == (409, "bucket_name_taken")
    assert api.get(PATH).json == bucket

    assert api.call(method, PATH, {"bucket_name": "Posters"}).json["bucket_id"] == bucket["bucket_id"]
    assert api.get(PATH).status == 404
    assert api.get("/v1/buckets/Posters").json["bucket_id"] == bucket["bucket_id"]
    assert api.post("/v1/buckets", bucket_body("posters")).status == 200
    by_name = api.post("/v1/buckets/list", {"sort": {"field": "bucket_name"}}).json["results"]
    assert [row["bucket_name"] for row in by_name] == ["Posters", "posters", "stills"]
    assert api.get("/v1/namespaces/films").json["bucket_count"] == 3


def test_a_search_finds_new_values_and_not_replaced_ones(api: Api, bucket: dict[str, Any]) -> None:
    api.patch(PATH, {"description": "Fresh", "bucket_name": "art"})

    assert [api.get("/v1/buckets", query={"search": term}).json["total_count"] for term in ("fresh", "art", "old")] == [
        1,
        1,
        0,
    ]


@pytest.mark.parametrize("method", METHODS)
def test_if_match_allows_a_change_only_if_the_etag_is_current(
    world: World, api: Api, bucket: dict[str, Any], method: str
) -> None:
    first = api.get(PATH).headers["ETag"]
    put_tally(world, bucket["bucket_id"], object_count=1, revision=9)

    second = api.call(method, PATH, {"description": "1"}, headers={"If-Match": first})
    id_ = bucket["bucket_id"]
    assert (second.status, second.headers["ETag"]) == (200, f'"{id_}-2-9"')
    assert second.json["object_count"] == 1, "changed counters do not fail the precondition"
    another = f'"bkt_{id_[:3:-1]}-2-9"'
    for stale in (first, '"x"', "2-9", '"2-9"', f"{id_}-2-9", another, f'"{id_}"', f'"{id_}-2"', f'"x", {first}'):
        reply = api.call(method, PATH, {"description": "2"}, headers={"If-Match": stale})
        assert (reply.status, reply.error["code"]) == (412, "revision_stale")
        assert reply.error["details"] == {"etag": second.headers["ETag"]}
    for current in ("*", second.headers["ETag"], f'"{id_}-2-4"', f'W/"{id_}-2-9"', f'"x", "{id_}-2-9"'):
        assert api.call(method, PATH, {"description": "1"}, headers={"If-Match": current}).status == 200
    assert api.call(method, "/v1/buckets/none", {}, headers={"If-Match": "*"}).status == 404


@pytest.mark.parametrize("method", METHODS)
def test_a_change_needs_a_body_and_accepts_no_other_parameters(api: Api, bucket: dict[str, Any], method: str) -> None:
    assert api.call(method, PATH).status == 422
    assert api.call(method, PATH, {}, query={"force": "true"}).json["detail"][0]["loc"] == ["query", "force"]
    wrong = api.call(method, PATH, {}, query={"force_schema_break": "maybe"})
    assert wrong.json["detail"][0]["loc"] == ["query", "force_schema_break"]
