"""A file that is not the declared one makes no object, and leaves nothing behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import keys
from chalicelib.aws.dynamodb.writes import Step
from chalicelib.uploads.store import UploadStore
from tests.support.catalog import partition_of
from tests.support.task_queue import FakeContext
from tests.uploads.scenes import OTHER_PNG, PNG, UPLOADS, Scene, event, notification, sha256

FLIPPED = PNG[:-1] + bytes([PNG[-1] ^ 1])
# By name: what is declared, the file that is stored, its type, and the code and a part of the message of the failure.
WRONG: dict[str, tuple[dict[str, Any], bytes, str, str, str]] = {
    "shorter": ({"file_size_bytes": len(PNG)}, PNG[:-1], "image/png", "size_mismatch", f"{len(PNG)} were declared"),
    "longer": ({"file_size_bytes": len(PNG)}, PNG + b"1", "image/png", "size_mismatch", f"{len(PNG) + 1} bytes"),
    "a flipped bit": ({"file_hash": sha256(PNG)}, FLIPPED, "image/png", "hash_mismatch", sha256(FLIPPED)),
    "another type": ({}, PNG, "image/jpeg", "content_type_mismatch", "image/jpeg"),
    "other bytes": ({}, b"%PDF-1.7 " + b"x" * 50, "image/png", "content_type_mismatch", "application/pdf"),
    "text": ({}, b"This is only a text", "image/png", "content_type_mismatch", "are a text"),
    "empty": ({}, b"", "image/png", "file_empty", "is empty"),
}


@pytest.mark.parametrize("way", ["arrival", "confirmation", "task"])
@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_is_not_the_declared_one_is_removed(scene: Scene, case: str, way: str) -> None:
    declared, content, content_type, code, message = WRONG[case]
    upload = scene.create(**declared)
    scene.put(upload, content, content_type)
    if way == "arrival":
        assert scene.arrive(upload)
    elif way == "confirmation":
        refused = scene.confirm(upload)
        assert (refused.status, refused.error["code"]) == (400, code)
        assert message in refused.error["message"]
    else:
        assert scene.confirm(upload, **{"async": "true"}).json["status"] == "PROCESSING"
        scene.run_tasks()
    found = scene.get(upload)
    assert found["status"] == "FAILED"
    assert message in found["message"]
    assert (scene.objects(), scene.keys()) == ([], [])
    # A correct file comes too late.
    scene.put(upload)
    assert scene.arrive(upload)
    assert scene.confirm(upload).error["code"] == code
    assert (scene.objects(), scene.keys()) == ([], [])


def test_a_confirmation_with_another_etag_or_size_leaves_the_upload_pending(scene: Scene) -> None:
    upload = scene.create()
    etag = scene.put(upload)
    other = scene.confirm(upload, {"etag": '"0123"'})
    assert (other.status, other.error["code"], other.error["details"]["etag"]) == (
        400,
        "etag_mismatch",
        etag.strip('"'),
    )
    size = scene.confirm(upload, {"file_size_bytes": 1})
    assert (size.status, size.error["code"], size.error["details"]["file_size_bytes"]) == (
        400,
        "size_mismatch",
        len(PNG),
    )
    assert scene.get(upload)["status"] == "PENDING"
    assert scene.confirm(upload, {"etag": etag.strip('"')}).status == 200


def test_a_file_that_was_never_stored_cannot_be_confirmed(scene: Scene) -> None:
    upload = scene.create()
    missing = scene.confirm(upload)
    assert (missing.status, missing.error["code"]) == (400, "upload_not_found_in_storage")
    assert scene.get(upload)["status"] == "PENDING"
    assert scene.arrive(upload)
    assert scene.get(upload)["status"] == "PENDING"


def test_an_upload_that_expires_has_failed(scene: Scene) -> None:
    upload = scene.create(presigned_url_expiration=60)
    scene.world.clock.advance(61)
    found = scene.get(upload)
    assert (found["status"], "expired" in found["message"]) == ("FAILED", True)
    assert scene.api.post(f"{UPLOADS}/list").json["stats"]["uploads_by_status"] == {"FAILED": 1}
    refused = scene.confirm(upload)
    assert (refused.status, refused.error["code"]) == (400, "upload_expired")


def put_before_or_after_the_expiry(scene: Scene, *, is_late: bool) -> dict[str, Any]:
    """Returns an expired upload whose file was stored, as S3 says by the clock of the machine, in time or too late."""
    clock = scene.world.clock
    clock.now = datetime.now(UTC) - timedelta(seconds=70 if is_late else 5)
    upload = scene.create(presigned_url_expiration=60)
    scene.put(upload)
    clock.advance(3600)
    assert scene.get(upload)["status"] == "FAILED"
    return upload


@pytest.mark.parametrize("is_late", [False, True])
def test_a_file_is_late_if_it_was_stored_after_the_expiry(scene: Scene, is_late: bool) -> None:
    upload = put_before_or_after_the_expiry(scene, is_late=is_late)
    assert scene.arrive(upload)
    if is_late:
        assert "after the URL had expired" in scene.get(upload)["message"]
        assert (scene.objects(), scene.keys()) == ([], [])
    else:
        assert scene.get(upload)["status"] == "COMPLETED"
        scene.check_object()


def test_an_expired_upload_is_gone_after_30_days(scene: Scene) -> None:
    upload, kept = scene.create(), scene.create()
    scene.put(kept)
    scene.arrive(kept)
    scene.world.clock.advance(31 * 86400)
    assert scene.api.get(f"{UPLOADS}/{upload['upload_id']}").status == 404
    assert [each["upload_id"] for each in scene.api.post(f"{UPLOADS}/list").json["results"]] == [kept["upload_id"]]


def test_a_canceled_upload_makes_no_object(scene: Scene) -> None:
    upload = scene.create()
    scene.put(upload)
    assert [scene.cancel(upload).status for _ in range(2)] == [204, 204]
    assert (scene.get(upload)["status"], scene.keys()) == ("CANCELED", [])
    scene.put(upload)
    assert scene.arrive(upload)
    refused = scene.confirm(upload)
    assert (refused.status, refused.error["code"]) == (400, "upload_canceled")
    assert (scene.objects(), scene.keys()) == ([], [])


def test_a_failed_upload_that_is_canceled_still_says_why_it_has_failed(scene: Scene) -> None:
    upload = scene.create()
    scene.put(upload, b"")
    scene.arrive(upload)
    assert scene.cancel(upload).status == 204
    shown = scene.get(upload)
    assert (shown["status"], shown["message"]) == ("CANCELED", "The file is empty")
    refused = scene.confirm(upload).error
    assert (refused["code"], refused["message"]) == ("upload_canceled", "The upload was canceled")


def test_a_file_that_may_not_be_read_is_tried_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = scene.create()
    scene.put(upload)

    def head_object(**_: Any) -> None:
        reply: Any = {"Error": {"Code": "403"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(reply, "HeadObject")

    monkeypatch.setattr(scene.world.s3, "head_object", head_object)
    assert scene.confirm(upload).status == 503
    assert not scene.arrive(upload)
    monkeypatch.undo()
    assert scene.confirm(upload).status == 200
    scene.check_object()


def test_the_bucket_may_be_deleted_before_a_task_starts(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = scene.create()
    scene.put(upload)
    store = scene.world.services.uploads.store
    rows, write = keys.uploads(partition_of(scene.world), upload["bucket_id"]), type(store).write

    def write_too_late(self: UploadStore, *steps: Step) -> None:
        self.remove(self.first(rows, 100))
        write(self, *steps)

    monkeypatch.setattr(type(store), "write", write_too_late)
    refused = scene.confirm(upload, **{"async": "true"})
    assert (refused.status, refused.error["details"]["resource"]) == (404, "upload")


def test_a_canceled_upload_keeps_its_file_on_request(scene: Scene) -> None:
    upload = scene.create()
    scene.put(upload)
    assert scene.cancel(upload, delete_s3_object="false").status == 204
    assert scene.arrive(upload)
    assert scene.keys() == [upload["s3_key"]]
    assert scene.cancel(upload).status == 204
    assert scene.keys() == []


def test_a_completed_upload_cannot_be_canceled(scene: Scene) -> None:
    upload = scene.create()
    scene.put(upload)
    scene.confirm(upload)
    refused = scene.cancel(upload)
    assert (refused.status, refused.error["code"]) == (400, "upload_completed")
    scene.check_object()


def test_files_of_unknown_uploads_are_removed(scene: Scene) -> None:
    other = {"s3_key": "u/upl_0000000000000000/a.png"}
    scene.put(other)
    assert scene.arrive(other)
    assert scene.keys() == []


def test_messages_without_files_and_malformed_ones(scene: Scene) -> None:
    arrivals = scene.world.services.upload_arrivals
    test_message = '{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "blobs"}'
    assert arrivals.handle(event(test_message), FakeContext()) == {"batchItemFailures": []}
    upload = scene.create()
    scene.put(upload)
    bodies = ("{", "[]", '{"Records": [{}]}', notification(upload["s3_key"]))
    failed = arrivals.handle(event(*bodies), FakeContext())["batchItemFailures"]
    assert [each["itemIdentifier"] for each in failed] == ["m0", "m1", "m2"]
    scene.check_object()


def test_a_locked_bucket_gets_no_object_and_the_file_waits(scene: Scene) -> None:
    upload = scene.create()
    scene.put(upload)
    bucket = scene.api.get("/v1/buckets/films").json
    scene.lock(bucket["bucket_id"])
    assert not scene.arrive(upload)  # the message is delivered again
    assert scene.confirm(upload).status == 403
    assert scene.get(upload)["status"] == "PENDING"
    assert scene.keys() == [upload["s3_key"]]
    scene.lock(bucket["bucket_id"], is_locked=False)
    assert scene.arrive(upload)
    scene.check_object()


def test_the_file_of_a_task_waits_while_the_bucket_is_locked(scene: Scene) -> None:
    upload = scene.create()
    scene.put(upload)
    task_id = scene.confirm(upload, **{"async": "true"}).json["task_id"]
    scene.lock(upload["bucket_id"])
    scene.run_tasks()
    task = scene.api.get(f"/v1/tasks/{task_id}").json
    assert (task["status"], "locked" in task["error"]) == ("FAILED", True)
    assert (scene.get(upload)["status"], scene.keys()) == ("PENDING", [upload["s3_key"]])
    scene.lock(upload["bucket_id"], is_locked=False)
    assert scene.confirm(upload, **{"async": "true"}).json["status"] == "PROCESSING"
    scene.run_tasks()
    scene.check_object()


@pytest.mark.parametrize("is_late", [False, True])
def test_a_file_that_was_stored_in_time_can_be_confirmed_after_the_expiry(scene: Scene, is_late: bool) -> None:
    upload = put_before_or_after_the_expiry(scene, is_late=is_late)
    confirmed = scene.confirm(upload)
    if is_late:
        assert (confirmed.status, confirmed.error["code"]) == (400, "upload_expired")
        assert (scene.objects(), scene.keys()) == ([], [])
    else:
        assert (confirmed.status, confirmed.json["status"]) == (200, "COMPLETED")
        scene.check_object()


def test_a_replaced_file_is_checked_again(scene: Scene) -> None:
    upload = scene.create()
    scene.put(upload)
    scene.put(upload, OTHER_PNG)
    assert scene.arrive(upload)
    scene.check_object(OTHER_PNG)
