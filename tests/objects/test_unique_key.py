"""Every policy, with an absent and an existing key, through both create endpoints."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api, ApiResponse
from tests.support.objects import (
    POSTER,
    blob_keys,
    create,
    create_keyed_bucket,
    create_object_bucket,
    created,
    listed,
    objects,
    text,
)
from tests.support.world import World


@pytest.fixture
def bucket(api: Api) -> str:
    return create_keyed_bucket(api, "film_id")


def test_a_conflict_reports_every_field_of_a_long_key(api: Api) -> None:
    fields = [f"{'n' * 40}{number}{'m' * 59}" for number in range(10)]
    schema = {"properties": {name: {"type": "string"} for name in fields}}
    body = {"bucket_name": "long", "bucket_schema": schema, "unique_key": {"fields": fields}}
    bucket = api.post("/v1/buckets", body).json["bucket_id"]
    row = {name: f"{index}" * 255 for index, name in enumerate(fields)}
    created(api, bucket, row, policy="insert")
    assert create(api, bucket, row, policy="insert").error["details"]["unique_key"] == row


def single(api: Api, bucket: str, body: dict[str, Any], **query: str) -> tuple[str, str | None]:
    """Returns "ok" or the error type, and the object's id."""
    reply = create(api, bucket, body, **query)
    return ("ok", reply.json["object_id"]) if reply.status == 200 else (reply.error["type"], None)


def bulk(api: Api, bucket: str, body: dict[str, Any], **query: str) -> tuple[str, str | None]:
    reply = api.post(f"{objects(bucket)}/batch", {"objects": [body]}, query=query)
    rows = reply.json.get("succeeded")
    if rows is None:
        return reply.error["type"], None
    return ("ok", rows[0]["object_id"]) if rows else (reply.json["failed"][0]["error_type"], None)


ENDPOINTS = pytest.mark.parametrize("endpoint", [single, bulk])


@ENDPOINTS
def test_each_policy_handles_absent_and_existing_keys(api: Api, bucket: str, endpoint: Any) -> None:
    body = {"film_id": "m", "title": "M"}
    assert endpoint(api, bucket, body) == ("BadRequestError", None)
    assert endpoint(api, bucket, body, policy="update") == ("NotFoundError", None)
    made = endpoint(api, bucket, body, policy="insert")
    assert made[0] == "ok"
    assert endpoint(api, bucket, body, policy="insert") == ("ConflictError", None)
    assert endpoint(api, bucket, body, policy="update") == made
    assert endpoint(api, bucket, body, policy="upsert") == made
    assert endpoint(api, bucket, {"film_id": "n"}, policy="upsert")[0] == "ok"
    assert len(listed(api, bucket)) == 2


@ENDPOINTS
@pytest.mark.parametrize("policy", ["insert", "update", "upsert"])
def test_the_default_policy_of_the_bucket_applies_if_the_request_has_none(api: Api, endpoint: Any, policy: str) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy=policy)
    absent = endpoint(api, bucket, {"film_id": "m"})
    assert absent[0] == ("NotFoundError" if policy == "update" else "ok")
    endpoint(api, bucket, {"film_id": "m"}, policy="upsert")
    assert endpoint(api, bucket, {"film_id": "m"})[0] == ("ConflictError" if policy == "insert" else "ok")


@ENDPOINTS
def test_a_policy_has_no_effect_without_a_unique_key(api: Api, endpoint: Any) -> None:
    bucket = create_object_bucket(api)
    assert endpoint(api, bucket, {"film_id": "m"}, policy="update")[0] == "ok"


def test_an_unknown_policy_is_rejected_with_its_location(api: Api, bucket: str) -> None:
    reply = create(api, bucket, {"film_id": "m"}, policy="replace")
    assert reply.status == 422
    assert reply.error["details"]["validation_errors"][0]["location"] == ["query", "policy"]


def test_a_conflict_reports_the_existing_object(api: Api, bucket: str) -> None:
    first = created(api, bucket, {"film_id": "m"}, policy="insert")
    reply = create(api, bucket, {"film_id": "m"}, policy="insert")
    assert (reply.status, reply.error["code"]) == (409, "unique_key_taken")
    assert reply.error["details"] == {
        "resource": "object",
        "object_id": first["object_id"],
        "unique_key": {"film_id": "m"},
    }
    absent = create(api, bucket, {"film_id": "x"}, policy="update")
    assert absent.error["details"] == {"resource": "object", "unique_key": {"film_id": "x"}}


def test_a_missing_policy_is_a_bad_request_with_instructions(api: Api, bucket: str) -> None:
    reply = create(api, bucket, {"film_id": "m"})
    assert (reply.status, reply.error["code"]) == (400, "policy_missing")
    assert "insert" in reply.error["message"]


def test_an_update_merges_fields_and_replaces_files_by_property(api: Api, bucket: str, world: World) -> None:
    first = created(
        api, bucket, {"film_id": "m", "title": "M", "x": 1, "blobs": [POSTER, text("old")]}, policy="upsert"
    )
    second = created(api, bucket, {"film_id": "m", "title": "N", "y": 2, "blobs": [text("new")]}, policy="upsert")

    assert (second["object_id"], second["created_at"]) == (first["object_id"], first["created_at"])
    assert second["updated_at"] > first["updated_at"]
    assert (second["title"], second["x"], second["y"], second["status"]) == ("N", 1, 2, "PENDING")
    assert [blob["property"] for blob in second["blobs"]] == ["poster", "review"]
    assert second["blobs"][0] == first["blobs"][0]
    assert second["blobs"][1]["properties"]["text"] == "new"
    world.pump()
    assert len(blob_keys(world)) == 2


def test_an_update_needs_only_changed_fields_and_a_new_object_all_required_ones(api: Api) -> None:
    schema = {"properties": {"id": {"type": "string"}, "title": {"type": "string", "required": True}}}
    request = {
        "bucket_name": "b",
        "bucket_schema": schema,
        "unique_key": {"fields": ["id"], "default_policy": "upsert"},
    }
    bucket = api.post("/v1/buckets", request).json["bucket_id"]
    assert create(api, bucket, {"id": "a"}).status == 422
    created(api, bucket, {"id": "a", "title": "M"})
    assert created(api, bucket, {"id": "a", "year": 1931})["title"] == "M"
    assert create(api, bucket, {"id": "a", "title": None}).status == 422
    assert create(api, bucket, {"id": "a", "title": 5}, policy="update").status == 422


def test_the_fields_of_a_compound_key_may_be_in_any_order(api: Api) -> None:
    bucket = create_keyed_bucket(api, "take", "film_id", policy="insert")
    created(api, bucket, {"film_id": "m", "take": 1})
    created(api, bucket, {"film_id": "m", "take": 2})
    reply = create(api, bucket, {"take": 1, "film_id": "m"})
    assert reply.status == 409
    assert reply.error["details"]["unique_key"] == {"take": 1, "film_id": "m"}


def test_a_key_may_be_in_metadata(api: Api, bucket: str) -> None:
    first = created(api, bucket, {"metadata": {"film_id": "m"}}, policy="insert")
    assert create(api, bucket, {"film_id": "m"}, policy="insert").error["details"]["object_id"] == first["object_id"]


@pytest.mark.parametrize("value", [None, "", "x" * 256, 5, True, ["m"], {"m": 1}])
def test_an_invalid_key_value_is_rejected(api: Api, bucket: str, value: Any) -> None:
    reply = create(api, bucket, {"film_id": value}, policy="upsert")
    assert reply.status == 422
    assert reply.error["details"]["validation_errors"][0]["location"] == ["body", "film_id"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_the_key_of_an_object_cannot_change(api: Api, bucket: str, method: str) -> None:
    made = created(api, bucket, {"film_id": "m", "title": "M"}, policy="insert")
    path = objects(bucket, made["object_id"])
    for value in ("n", None):
        reply = api.call(method, path, {"film_id": value, "title": "N"})
        assert (reply.status, reply.error["code"]) == (409, "unique_key_change")
        assert reply.error["details"]["fields"] == ["film_id"]
    assert api.call(method, path, {"film_id": "m", "title": "N"}).json["title"] == "N"
    assert create(api, bucket, {"film_id": "m"}, policy="insert").status == 409


def test_the_key_of_a_deleted_object_can_be_used_again(api: Api, bucket: str) -> None:
    made = created(api, bucket, {"film_id": "m", "title": "old"}, policy="insert")
    assert api.call("DELETE", objects(bucket, made["object_id"])).status == 204
    again = created(api, bucket, {"film_id": "m"}, policy="insert")
    assert again["object_id"] == made["object_id"]
    assert "title" not in again


def soft_delete(api: Api, bucket: str, *ids: str) -> ApiResponse:
    return api.post(f"{objects(bucket)}/bulk-soft-delete", {"object_ids": list(ids), "reason": "licence"})


@ENDPOINTS
@pytest.mark.parametrize("policy", ["insert", "update", "upsert"])
def test_a_soft_deleted_object_keeps_its_key_until_it_is_deleted(
    api: Api, bucket: str, endpoint: Any, policy: str
) -> None:
    made = created(api, bucket, {"film_id": "m"}, policy="insert")
    assert soft_delete(api, bucket, made["object_id"]).json["soft_deleted"] == 1
    assert endpoint(api, bucket, {"film_id": "m"}, policy=policy) == ("ConflictError", None)
    assert create(api, bucket, {"film_id": "m"}, policy=policy).error["code"] == "object_soft_deleted"
    assert api.call("DELETE", objects(bucket, made["object_id"])).status == 204
    assert endpoint(api, bucket, {"film_id": "m"}, policy="upsert")[0] == "ok"


@pytest.mark.parametrize("policy", ["insert", "update", "upsert"])
def test_an_idempotency_key_replays_with_any_policy(api: Api, bucket: str, policy: str) -> None:
    first = created(api, bucket, {"film_id": "m", "title": "M", "idempotency_key": "k"}, policy="insert")
    assert created(api, bucket, {"film_id": "m", "title": "N", "idempotency_key": "k"}, policy=policy) == first
    other = create(api, bucket, {"film_id": "m", "title": "N", "idempotency_key": "other"}, policy=policy)
    assert other.status == (409 if policy == "insert" else 200)


def test_the_same_key_can_be_used_in_two_buckets(api: Api, bucket: str) -> None:
    other = create_keyed_bucket(api, "film_id", name="other")
    object_ids = [created(api, each, {"film_id": "m"}, policy="insert")["object_id"] for each in (bucket, other)]
    assert object_ids[0] != object_ids[1]
