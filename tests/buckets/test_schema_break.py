"""Changing the schema of a bucket: always if it is empty, by force if it has objects, never in its unique key."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.adapters.rules import MAX_ADAPTER_BYTES, SourceAdapterConfig
from tests.support.api import Api
from tests.support.catalog import partition_of
from tests.support.object_rows import write_minimal_object
from tests.support.world import World, bucket_body

PATH = "/v1/buckets/posters"
METHODS = ["PUT", "PATCH"]
FIELDS: dict[str, Any] = {"title": {"type": "string"}, "year": {"type": "integer"}, "photo": {"type": "image"}}
WIDER = {**FIELDS, "more": {"type": "string"}}
BREAKS: list[tuple[dict[str, Any], list[str], str]] = [
    ({k: v for k, v in FIELDS.items() if k != "photo"}, ["photo"], "field_removed"),
    ({**FIELDS, "photo": {"type": "video"}}, ["photo", "type"], "type_changed"),
    ({**FIELDS, "photo": {"type": "image", "required": True}}, ["photo", "required"], "newly_required"),
    ({**FIELDS, "more": {"type": "string", "required": True}}, ["more", "required"], "newly_required"),
    ({**FIELDS, "title": {"type": "string", "enum": ["a"]}}, ["title", "enum"], "enum_narrowed"),
]


@pytest.fixture
def bucket_id(api: Api) -> str:
    reply = api.post("/v1/buckets", bucket_body(bucket_schema={"properties": FIELDS}))
    return str(reply.json["bucket_id"])


def fields(api: Api) -> list[str]:
    return sorted(api.get(PATH).json["bucket_schema"]["properties"])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", BREAKS)
def test_a_breaking_change_is_rejected_if_there_are_objects_and_allowed_by_force(
    world: World, api: Api, bucket_id: str, method: str, case: tuple[dict[str, Any], list[str], str]
) -> None:
    new, path, type_ = case
    write_minimal_object(world, bucket_id)
    body = {"bucket_schema": {"properties": new}, "description": "New"}

    for query in ({}, {"force_schema_break": "false"}):
        reply = api.call(method, PATH, body, query=query)
        assert (reply.status, reply.error["type"], reply.error["code"]) == (409, "ConflictError", "schema_break")
        (found,) = reply.error["details"]["breaking_changes"]
        assert (found["location"], found["type"]) == (["body", "bucket_schema", "properties", *path], type_)
        assert "force_schema_break" in reply.error["details"]["hint"]
    assert (fields(api), api.get(PATH).json["description"]) == (sorted(FIELDS), None)

    assert api.call(method, PATH, body, query={"force_schema_break": "true"}).status == 200
    assert fields(api) == sorted(new)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("new", [new for new, _, _ in BREAKS])
def test_the_schema_of_an_empty_bucket_may_always_change(
    api: Api, bucket_id: str, method: str, new: dict[str, Any]
) -> None:
    assert api.call(method, PATH, {"bucket_schema": {"properties": new}}).status == 200
    assert fields(api) == sorted(new)


def test_a_compatible_change_is_allowed_with_objects(world: World, api: Api, bucket_id: str) -> None:
    write_minimal_object(world, bucket_id)
    described = {**WIDER, "title": {"type": "string", "description": "The title"}}

    for new in (WIDER, described, {**described, "photo": {"type": "image", "examples": ["x"]}}):
        assert api.patch(PATH, {"bucket_schema": {"properties": new}}).status == 200


def test_objects_of_another_bucket_do_not_count(world: World, api: Api, bucket_id: str) -> None:
    write_minimal_object(world, "bkt_0000000000000000")

    assert api.patch(PATH, {"bucket_schema": {"properties": {}}}).status == 200


@pytest.mark.parametrize("query", [{}, {"force_schema_break": "true"}])
def test_a_field_of_the_unique_key_keeps_its_type_while_there_are_objects(
    world: World, api: Api, query: dict[str, str]
) -> None:
    keyed = bucket_body(bucket_schema={"properties": FIELDS}, unique_key={"fields": ["title"]})
    bucket_id = api.post("/v1/buckets", keyed).json["bucket_id"]
    other_type = {"bucket_schema": {"properties": {**FIELDS, "title": {"type": "integer"}}}}
    untitled = {"bucket_schema": {"properties": {"year": {"type": "integer"}}}}
    assert api.patch(PATH, untitled, query=query).status == 422
    write_minimal_object(world, bucket_id)

    reply = api.patch(PATH, other_type, query=query)

    assert (reply.status, reply.error["code"]) == (409, "schema_break")
    assert ("force" in reply.error["details"]["hint"]) is False
    assert api.patch(PATH, untitled, query={"force_schema_break": "true"}).status == 422
    required = {"bucket_schema": {"properties": {**FIELDS, "title": {"type": "string", "required": True}}}}
    assert api.patch(PATH, required, query={"force_schema_break": "true"}).status == 200


def test_the_stored_adapter_must_fit_the_new_schema(api: Api, bucket_id: str) -> None:
    adapter = {"adapter_type": "mux", "field_mapping": {"data.title": "title"}}
    assert api.patch(PATH, {"source_adapter": adapter}).status == 200
    untitled = {"bucket_schema": {"properties": {"year": {"type": "integer"}}}}

    reply = api.patch(PATH, untitled)

    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["body", "bucket_schema", "properties", "title"])
    assert reply.json["detail"][0]["type"] == "unknown_field"
    assert api.patch(PATH, {**untitled, "source_adapter": None}).status == 200


@pytest.mark.parametrize("method", METHODS)
def test_a_file_field_that_an_adapter_fills_keeps_its_type(api: Api, bucket_id: str, method: str) -> None:
    blob = {"file_field": "url", "target_property": "photo", "blob_type": "image"}
    assert api.patch(PATH, {"source_adapter": {"adapter_type": "mux", "blob_source": blob}}).status == 200

    reply = api.call(method, PATH, {"bucket_schema": {"properties": {**FIELDS, "photo": {"type": "video"}}}})

    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["body", "bucket_schema", "properties", "photo"])
    assert reply.json["detail"][0]["type"] == "type_mismatch"
    assert api.call(method, PATH, {"bucket_schema": {"properties": WIDER}}).status == 200


@pytest.mark.parametrize("method", METHODS)
def test_an_adapter_of_the_maximum_size_prevents_no_schema_change(api: Api, bucket_id: str, method: str) -> None:
    def adapter(length: int) -> dict[str, Any]:
        credentials = {f"key{number}": "x" * ((length + number) // 5) for number in range(5)}
        return {"adapter_type": "mux", "connection": {"credentials": credentials}}

    max_letters = MAX_ADAPTER_BYTES - len(SourceAdapterConfig.model_validate(adapter(0)).model_dump_json())
    assert api.patch(PATH, {"source_adapter": adapter(max_letters + 1)}).status == 422
    assert api.patch(PATH, {"source_adapter": adapter(max_letters)}).status == 200

    assert api.call(method, PATH, {"bucket_schema": {"properties": WIDER}}).status == 200


def test_true_instead_of_one_is_another_schema(world: World, api: Api, bucket_id: str) -> None:
    def versions() -> tuple[int, int]:
        bucket = world.services.buckets.get(partition_of(world), bucket_id)
        return bucket.schema_version, bucket.revision

    for mark, expected in ((1, (2, 2)), (1.0, (2, 3)), (True, (3, 4)), (True, (3, 4))):
        marked = {**FIELDS, "title": {"type": "string", "mark": mark}}
        assert api.patch(PATH, {"bucket_schema": {"properties": marked}}).status == 200
        assert versions() == expected
