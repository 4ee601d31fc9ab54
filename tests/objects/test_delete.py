from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api
from tests.support.faults import Faults, unprocessed
from tests.support.log import Log
from tests.support.objects import POSTER, blob_keys, create_object_bucket, created, listed, objects, stored_object, text
from tests.support.world import World


@pytest.fixture
def bucket(api: Api) -> str:
    return create_object_bucket(api)


def soft_delete(api: Api, bucket: str, ids: list[str], **more: Any) -> dict[str, Any]:
    body = {"object_ids": ids, "reason": "licence ended", **more}
    reply = api.post(f"{objects(bucket)}/bulk-soft-delete", body)
    assert reply.status == 200, reply.text
    return dict(reply.json)


def test_deleting_an_object_removes_its_files_later(api: Api, bucket: str, world: World) -> None:
    made = created(api, bucket, {"blobs": [POSTER, text()]})
    kept = created(api, bucket, {"blobs": [POSTER]})
    reply = api.call("DELETE", objects(bucket, made["object_id"]))
    assert (reply.status, reply.text) == (204, "")
    assert api.get(objects(bucket, made["object_id"])).status == 404
    assert api.call("DELETE", objects(bucket, made["object_id"])).status == 404
    world.pump()
    assert blob_keys(world) == [f"blobs/{bucket}/{kept['object_id']}/{kept['blobs'][0]['blob_id']}"]


def test_files_that_cannot_be_removed_are_logged_and_do_not_block_the_stream(
    api: Api, bucket: str, world: World, log: Log
) -> None:
    made = created(api, bucket, {"blobs": [text()]})
    assert api.call("DELETE", objects(bucket, made["object_id"])).status == 204
    (key,) = blob_keys(world)
    faults = Faults(world.s3).always(unprocessed(Errors=[{"Key": key, "Code": "AccessDenied"}]))
    world.pump()
    faults.remove()
    (line,) = [line for line in log.lines if line["message"] == "files not removed"]
    assert line["keys"] == [key]
    assert blob_keys(world) == [key]
    assert api.get(f"/v1/buckets/{bucket}").json["object_count"] == 0


def test_cascade_is_accepted(api: Api, bucket: str) -> None:
    made = created(api, bucket)
    assert api.call("DELETE", objects(bucket, made["object_id"]), query={"cascade": "true"}).status == 204


def test_if_match_is_checked_on_deletion(api: Api, bucket: str) -> None:
    made = created(api, bucket)
    path = objects(bucket, made["object_id"])
    stale = api.get(path).headers["ETag"]
    api.patch(path, {"take": 2})
    assert api.call("DELETE", path, headers={"If-Match": stale}).status == 412
    assert api.call("DELETE", path, headers={"If-Match": api.get(path).headers["ETag"]}).status == 204
    assert api.call("DELETE", path, headers={"If-Match": stale}).status == 404


def test_soft_deleted_objects_are_not_found_and_remain_stored(api: Api, bucket: str, world: World) -> None:
    rows = [created(api, bucket, {"take": take, "blobs": [text()]}) for take in range(4)]
    ids = [row["object_id"] for row in rows]

    assert soft_delete(api, bucket, [ids[0], ids[1], ids[0], "obj_none"]) == {
        "soft_deleted": 2,
        "requested": 4,
        "collections": 0,
    }

    assert [row["object_id"] for row in listed(api, bucket)] == ids[2:]
    assert [row["object_id"] for row in listed(api, bucket, {"sort": {"field": "take"}})] == ids[2:]
    path = objects(bucket, ids[0])
    assert [api.get(path).status, api.put(path, {"take": 9}).status, api.patch(path, {"take": 9}).status] == [404] * 3
    world.pump()
    assert len(blob_keys(world)) == 4
    details = stored_object(world, bucket, ids[0]).soft_deleted
    assert details is not None
    assert {**details, "at": ""} == {"state": "disabled", "reason": "licence ended", "source": "bulk_purge", "at": ""}
    assert soft_delete(api, bucket, ids)["soft_deleted"] == 2


def test_a_soft_deleted_object_can_be_deleted(api: Api, bucket: str, world: World) -> None:
    made = created(api, bucket, {"blobs": [text()]})
    soft_delete(api, bucket, [made["object_id"]])
    assert api.call("DELETE", objects(bucket, made["object_id"])).status == 204
    world.pump()
    assert blob_keys(world) == []


def test_the_details_of_the_request_are_stored_with_a_soft_deleted_object(api: Api, bucket: str, world: World) -> None:
    made = created(api, bucket)
    soft_delete(api, bucket, [made["object_id"]], lifecycle_state="archived", source="audit")
    details = stored_object(world, bucket, made["object_id"]).soft_deleted
    assert details is not None
    assert (details["state"], details["source"]) == ("archived", "audit")


def test_a_soft_deleted_object_is_not_a_duplicate(api: Api, bucket: str) -> None:
    body = {"blobs": [text()], "skip_duplicates": True}
    made = created(api, bucket, body)
    soft_delete(api, bucket, [made["object_id"]])
    assert created(api, bucket, body)["object_id"] != made["object_id"]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"object_ids": [], "reason": "r"}, "object_ids"),
        ({"object_ids": ["x"] * 5001, "reason": "r"}, "object_ids"),
        ({"object_ids": ["x"]}, "reason"),
        ({"object_ids": ["x"], "reason": "r" * 501}, "reason"),
        ({"object_ids": ["x"], "reason": "r", "restore": True}, "restore"),
    ],
)
def test_an_invalid_soft_delete_request_is_rejected_with_its_location(
    api: Api, bucket: str, body: dict[str, Any], name: str
) -> None:
    reply = api.post(f"{objects(bucket)}/bulk-soft-delete", body)
    assert reply.status == 422
    assert reply.error["details"]["validation_errors"][0]["location"] == ["body", name]
