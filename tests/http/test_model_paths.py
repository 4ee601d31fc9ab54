"""The fields that an error message lists for an unknown field of a nested object."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.buckets.models import BucketCreateRequest
from chalicelib.http.model_paths import fields_at
from chalicelib.objects.models import CreateObjectRequest
from tests.support.api import Api
from tests.support.objects import create_object_bucket, objects

SCHEMA_FIELD = fields_at(BucketCreateRequest, ("bucket_schema", "properties", "a"))


@pytest.mark.parametrize(
    "location",
    [
        ("bucket_schema", "properties", "type"),
        ("bucket_schema", "properties", "a", "items"),
        ("bucket_schema", "properties", "a", "properties", "b"),
    ],
)
def test_keys_of_dictionaries_are_not_taken_for_fields(location: tuple[str, ...]) -> None:
    assert SCHEMA_FIELD is not None
    assert "enum" in SCHEMA_FIELD
    assert fields_at(BucketCreateRequest, location) == SCHEMA_FIELD


def test_the_fields_of_members_of_lists_are_found() -> None:
    found = fields_at(CreateObjectRequest, ("blobs", 0))
    assert found is not None
    assert {"property", "type", "data"} <= set(found)


@pytest.mark.parametrize("location", [("nothing",), ("blobs", "x"), ("bucket_name",), ("unique_key", "fields", 0)])
def test_a_location_without_a_model_has_no_fields(location: tuple[str | int, ...]) -> None:
    assert fields_at(BucketCreateRequest, location) is None


def messages(response: Any) -> dict[str, str]:
    """Returns the messages of a 422 by the last step of their locations."""
    assert response.status == 422
    return {each["location"][-1]: each["message"] for each in response.json["error"]["details"]["validation_errors"]}


def test_a_nested_typo_is_rejected_with_the_accepted_fields(api: Api) -> None:
    body = {"bucket_name": "a", "bucket_schema": {"properties": {}}, "unique_key": {"field": ["a"]}}
    assert "accepted: default_policy, description, fields" in messages(api.post("/v1/buckets", body))["field"]


@pytest.mark.parametrize("bulk", [False, True])
def test_a_typo_in_a_blob_is_rejected_with_the_accepted_fields(api: Api, bulk: bool) -> None:
    path = objects(create_object_bucket(api))
    body = {"blobs": [{"property": "poster", "type": "image", "url": "https://example.com/x.png"}]}
    response = api.post(f"{path}/batch", {"objects": [body]}) if bulk else api.post(path, body)
    assert response.status == 422
    assert "'url' is not accepted here; accepted: canonicalize_source, checksum, data" in response.text


def test_an_enum_is_rejected_with_its_values(api: Api) -> None:
    film = {"type": "object", "properties": {"year": {"type": "integer"}}}
    schema = {"properties": {"lang": {"type": "string", "enum": ["de", "en"]}, "film": film}}
    assert api.post("/v1/buckets", {"bucket_name": "a", "bucket_schema": schema}).status == 200
    found = messages(api.post("/v1/buckets/a/objects", {"lang": "fr", "film": {"yaer": 1}}))
    assert found["lang"].endswith('allowed values: "de", "en"')
    assert found["yaer"].endswith("declared: year")
    assert (
        "asc or desc"
        in messages(api.post("/v1/buckets/list", {"sort": {"field": "x", "direction": "up"}}))["direction"]
    )


def test_a_long_enum_is_cut(api: Api) -> None:
    schema = {"properties": {"code": {"type": "integer", "enum": list(range(500))}}}
    assert api.post("/v1/buckets", {"bucket_name": "a", "bucket_schema": schema}).status == 200
    message = messages(api.post("/v1/buckets/a/objects", {"code": -1}))["code"]
    assert "0, 1, 2" in message
    assert message.endswith(" more")
    assert len(message) < 1000
