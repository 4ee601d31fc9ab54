from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api
from tests.support.objects import POSTER, SCHEMA, blob_keys, create_object_bucket, created, objects, stored_object, text
from tests.support.world import World

BOTH = pytest.mark.parametrize("method", ["PUT", "PATCH"])


@pytest.fixture
def bucket(api: Api) -> str:
    return create_object_bucket(api)


@BOTH
def test_only_the_fields_in_the_request_change(api: Api, bucket: str, method: str) -> None:
    made = created(api, bucket, {"title": "M", "take": 1, "key_prefix": "a", "blobs": [text()]})
    reply = api.call(method, objects(bucket, made["object_id"]), {"title": "N", "color": True})
    changed = reply.json
    assert changed == {**made, "title": "N", "color": True, "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > made["updated_at"]
    assert reply.headers["ETag"].startswith(f'"{made["object_id"]}-')
    assert reply.headers["ETag"].endswith('-2"')
    assert api.get(objects(bucket, made["object_id"])).json == {**changed, "document_count": 0}


@BOTH
def test_an_update_without_differences_writes_nothing(api: Api, bucket: str, method: str) -> None:
    made = created(api, bucket, {"title": "M", "take": 1})
    reply = api.call(method, objects(bucket, made["object_id"]), {"title": "M"})
    assert (reply.json, reply.headers["ETag"][-3:]) == (made, '-1"')
    truth = api.call(method, objects(bucket, made["object_id"]), {"flag": 1}).json
    assert api.call(method, objects(bucket, made["object_id"]), {"flag": True}).json["flag"] is True
    assert truth["flag"] == 1


@BOTH
def test_null_removes_a_field_and_a_key_prefix(api: Api, bucket: str, method: str) -> None:
    made = created(api, bucket, {"title": "M", "key_prefix": "a"})
    changed = api.call(method, objects(bucket, made["object_id"]), {"title": None, "key_prefix": None}).json
    assert "title" not in changed
    assert changed["key_prefix"] is None


@BOTH
@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"title": 5}, "title"),
        ({"status": "COMPLETED"}, "status"),
        ({"object_id": "obj_1"}, "object_id"),
        ({"idempotency_key": "k"}, "idempotency_key"),
        ({"edges": []}, "edges"),
        ({"_x": 1}, "_x"),
    ],
)
def test_an_invalid_field_is_rejected_with_its_location(
    api: Api, bucket: str, method: str, body: dict[str, Any], name: str
) -> None:
    made = created(api, bucket)
    reply = api.call(method, objects(bucket, made["object_id"]), body)
    assert reply.status == 422
    assert reply.error["details"]["validation_errors"][0]["location"] == ["body", name]


def test_a_patch_rejects_blobs_and_replaces_metadata(api: Api, bucket: str) -> None:
    made = created(api, bucket, {"metadata": {"reel": 1, "cut": 2}})
    path = objects(bucket, made["object_id"])
    assert api.patch(path, {"blobs": []}).status == 422
    assert api.patch(path, {"metadata": {"reel": 5}}).json["metadata"] == {"reel": 5}


def test_metadata_of_a_put_updates_the_metadata_or_the_root(api: Api, bucket: str) -> None:
    made = created(api, bucket, {"metadata": {"reel": 1, "cut": 2}})
    changed = api.put(objects(bucket, made["object_id"]), {"metadata": {"reel": 5, "title": "M"}}).json
    assert (changed["metadata"], changed["title"]) == ({"reel": 5, "cut": 2}, "M")
    rejected = api.put(objects(bucket, made["object_id"]), {"metadata": {"status": "COMPLETED"}})
    assert rejected.status == 422


def test_files_of_a_put_replace_the_files_of_the_same_property(api: Api, bucket: str, world: World) -> None:
    made = created(api, bucket, {"blobs": [POSTER, text("one"), text("two")]})
    changed = api.put(objects(bucket, made["object_id"]), {"blobs": [text("three")]}).json
    assert [blob["properties"].get("text") for blob in changed["blobs"]] == [None, "three"]
    assert changed["blobs"][0] == made["blobs"][0]
    assert changed["status"] == "PENDING"
    world.pump()
    assert len(blob_keys(world)) == 2


def test_files_that_the_object_already_has_can_be_skipped(api: Api, bucket: str, world: World) -> None:
    made = created(api, bucket, {"blobs": [text("one"), text("two")]})
    path = objects(bucket, made["object_id"])
    same = api.put(path, {"blobs": [text("two"), text("one")], "skip_duplicates": True}).json
    assert same == made
    mixed = api.put(path, {"blobs": [text("one"), text("three")], "skip_duplicates": True}).json
    assert [blob["properties"]["text"] for blob in mixed["blobs"]] == ["one", "three"]
    assert mixed["blobs"][0] == made["blobs"][0]
    world.pump()
    assert len(blob_keys(world)) == 2
    again = api.put(path, {"blobs": [text("one")]}).json
    assert again["blobs"][0]["blob_id"] != made["blobs"][0]["blob_id"]


def test_a_rejected_update_stores_no_files(api: Api, bucket: str, world: World) -> None:
    made = created(api, bucket)
    assert api.put(objects(bucket, made["object_id"]), {"title": 5, "blobs": [POSTER]}).status == 422
    assert blob_keys(world) == []


def test_an_update_needs_a_body_and_an_object(api: Api, bucket: str) -> None:
    made = created(api, bucket)
    assert api.put(objects(bucket, made["object_id"]), b"").status == 422
    for method in ("PUT", "PATCH"):
        reply = api.call(method, objects(bucket, "obj_none"), {"title": "N"})
        assert (reply.status, reply.error["details"]) == (404, {"resource": "object", "id": "obj_none"})


@BOTH
def test_if_match_is_checked_on_update(api: Api, bucket: str, method: str) -> None:
    made = created(api, bucket)
    path = objects(bucket, made["object_id"])
    stale = api.get(path).headers["ETag"]
    assert api.call(method, path, {"take": 1}, headers={"If-Match": stale}).status == 200
    reply = api.call(method, path, {"take": 2}, headers={"If-Match": stale})
    assert (reply.status, reply.error["code"]) == (412, "revision_stale")
    assert api.call(method, path, {"take": 3}, headers={"If-Match": "*"}).json["take"] == 3
    assert api.get(path, headers={"If-None-Match": api.get(path).headers["ETag"]}).status == 304


def test_old_objects_can_be_read_and_updated_after_a_schema_change(api: Api, bucket: str, world: World) -> None:
    made = created(api, bucket, {"title": "M", "take": 1})
    path = objects(bucket, made["object_id"])
    fields = {**SCHEMA["properties"], "title": {"type": "integer"}, "lang": {"type": "string", "required": True}}
    changed = {"bucket_schema": {"properties": fields}}
    query = {"force_schema_break": "true"}
    assert api.patch(f"/v1/buckets/{bucket}", changed, query=query).status == 200

    assert api.get(path).json["title"] == "M"
    assert api.patch(path, {"take": 2}).json["title"] == "M"
    assert stored_object(world, bucket, made["object_id"]).schema_version == 1
    rejected = api.patch(path, {"take": 3, "title": "N"})
    assert rejected.status == 422
    assert [p["location"] for p in rejected.error["details"]["validation_errors"]] == [["body", "title"]]
    assert api.patch(path, {"title": 5, "lang": "de"}).status == 200
    assert stored_object(world, bucket, made["object_id"]).schema_version == 2


REQUIRED: dict[str, Any] = {
    "properties": {**SCHEMA["properties"], "genre": {"type": "string", "required": True}, "cast": {"type": "array"}}
}


@pytest.fixture
def strict(api: Api) -> str:
    """A bucket with a required field, which the official client sends in `metadata`."""
    return create_object_bucket(api, "strict", bucket_schema=REQUIRED)


def break_schema(api: Api, bucket: str) -> None:
    """Changes the schema so that `genre` is required."""
    reply = api.patch(f"/v1/buckets/{bucket}", {"bucket_schema": REQUIRED}, query={"force_schema_break": "true"})
    assert reply.status == 200, reply.text


def problem(reply: Any) -> tuple[list[Any], str]:
    assert reply.status == 422, reply.text
    (found,) = reply.error["details"]["validation_errors"]
    return found["location"], found["type"]


@BOTH
def test_a_required_field_in_metadata_is_checked_as_on_creation(api: Api, strict: str, method: str) -> None:
    rejected = api.post(objects(strict), {"metadata": {"genre": 5}})
    assert problem(rejected) == (["body", "metadata", "genre"], "string_type")

    path = objects(strict, created(api, strict, {"metadata": {"genre": "noir", "reel": 1}})["object_id"])
    assert problem(api.call(method, path, {"metadata": {"genre": 5}})) == problem(rejected)
    removed = api.call(method, path, {"metadata": {"genre": None}})
    assert problem(removed) == (["body", "genre"], "missing")
    assert api.get(path).json["metadata"] == {"genre": "noir", "reel": 1}
    assert api.call(method, path, {"metadata": {"genre": "drama", "cast": 5, "reel": 1}}).status == (
        200 if method == "PATCH" else 422  # a PUT moves a key that the metadata does not have to the root
    )


@BOTH
def test_old_metadata_may_remain_after_a_schema_change(api: Api, bucket: str, method: str) -> None:
    made = created(api, bucket, {"title": "M", "metadata": {"genre": 5, "reel": 1}})
    break_schema(api, bucket)
    path = objects(bucket, made["object_id"])
    assert api.call(method, path, {"title": "N"}).status == 200
    reply = api.call(method, path, {"metadata": {"genre": 5, "reel": 2}})
    assert (reply.status, reply.json["metadata"]) == (200, {"genre": 5, "reel": 2})
    assert problem(api.call(method, path, {"metadata": {"genre": 6}})) == (
        ["body", "metadata", "genre"],
        "string_type",
    )


def test_the_schema_version_changes_if_all_fields_conform(api: Api, bucket: str, world: World) -> None:
    rows: list[dict[str, Any]] = [
        {"genre": "noir"},
        {"metadata": {"genre": "noir"}},
        {"metadata": {"genre": 5}},
        {"genre": "noir", "cast": 5},
    ]
    ids = [created(api, bucket, {"title": "M", **row})["object_id"] for row in rows]
    break_schema(api, bucket)
    for id_ in ids:
        assert api.patch(objects(bucket, id_), {"title": "N"}).status == 200
    versions = [stored_object(world, bucket, id_).schema_version for id_ in ids]
    assert versions == [2, 2, 1, 1]
