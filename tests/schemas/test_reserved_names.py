"""A schema accepts exactly the names that an object can have."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import RequestInvalid
from chalicelib.objects.fields import check_names
from chalicelib.objects.models import CreateObjectRequest, PatchObjectRequest, UpdateObjectRequest
from chalicelib.schemas.models import BucketSchema
from chalicelib.schemas.rules import check_schema
from tests.support.api import Api
from tests.support.objects import create, created, objects
from tests.support.seeding import seed_buckets
from tests.support.world import World, bucket_body

# What a create request and a bulk response name, and so no object can have as a field.
PARAMETERS = [
    "blobs",
    "canonicalize_source",
    "edges",
    "force_remirror",
    "idempotency_key",
    "key_prefix",
    "object_index",
    "replayed",
    "replayed_by",
    "skip_duplicates",
]


def schema_accepts(name: str) -> bool:
    try:
        check_schema(BucketSchema.model_validate({"properties": {name: {"type": "string"}}}, strict=False))
    except RequestInvalid:
        return False
    return True


def object_accepts(name: str) -> bool:
    if name in CreateObjectRequest.model_fields:  # a parameter of the request
        return False
    try:
        check_names([name], {"properties": {name: {"type": "string"}}})
    except RequestInvalid:
        return False
    return True


DECLARED = sorted(
    {*CreateObjectRequest.model_fields, *UpdateObjectRequest.model_fields, *PatchObjectRequest.model_fields}
    - {"metadata"}  # also a field: a PUT merges it
)


@given(st.sampled_from([*DECLARED, "metadata", "auto_process"]) | st.text(st.characters(codec="utf-8"), max_size=8))
def test_a_schema_accepts_exactly_the_names_that_objects_accept(name: str) -> None:
    if name.strip():
        assert schema_accepts(name) == object_accepts(name)


@pytest.mark.parametrize("name", [*PARAMETERS, "_id", "status"])
def test_a_bucket_with_a_reserved_name_is_rejected(api: Api, name: str) -> None:
    for field in ({"type": "string"}, {"type": "string", "required": True}, {"type": "image"}):
        schema = {"properties": {name: field, "title": {"type": "string"}}}
        reply = api.post("/v1/buckets", bucket_body(bucket_schema=schema))
        assert reply.status == 422
        [problem] = reply.error["details"]["validation_errors"]
        assert (problem["location"], problem["type"]) == (
            ["body", "bucket_schema", "properties", name],
            "reserved_name",
        )
    keyed = bucket_body(bucket_schema={"properties": {name: {"type": "string"}}}, unique_key={"fields": [name]})
    assert api.post("/v1/buckets", keyed).status == 422


@pytest.fixture
def old_bucket(world: World) -> str:
    """A bucket of a version of the service that reserved fewer names. No object can be created in it."""
    fields = {"key_prefix": {"type": "string", "required": True}, "title": {"type": "string"}}
    [bucket] = seed_buckets(world, range(1), lambda number: {"schema": {"properties": fields}})
    return bucket


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_old_bucket_with_a_reserved_name_can_be_read_and_changed(api: Api, old_bucket: str, method: str) -> None:
    path = f"/v1/buckets/{old_bucket}"
    old: dict[str, Any] = api.get(path).json["bucket_schema"]
    assert "key_prefix" in old["properties"]
    assert api.call(method, path, {"description": "Old"}).status == 200
    assert create(api, old_bucket, {"title": "M", "key_prefix": "a"}).status == 422

    optional = {"properties": {**old["properties"], "key_prefix": {"type": "string"}}}
    assert api.call(method, path, {"bucket_schema": optional}).json["bucket_schema"] == optional
    made = created(api, old_bucket, {"title": "M", "key_prefix": "a"})
    assert api.get(objects(old_bucket, made["object_id"])).json["key_prefix"] == "a"

    more = {"properties": {**optional["properties"], "edges": {"type": "string"}}}
    [problem] = api.call(method, path, {"bucket_schema": more}).error["details"]["validation_errors"]
    assert problem["location"] == ["body", "bucket_schema", "properties", "edges"]

    without = {"properties": {"title": {"type": "string"}}}
    assert api.call(method, path, {"bucket_schema": without}, query={"force_schema_break": "true"}).status == 200
    assert api.call(method, path, {"bucket_schema": optional}).status == 422
