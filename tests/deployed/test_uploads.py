"""Uploads through the deployed bucket, queue and function: the emulator reports new files to the queue, as S3 does.

It does not check signatures, so tests/local tests the URLs.
"""

from __future__ import annotations

import hashlib
import urllib.request
from typing import Any

from mixpeek.api.bucket_uploads_api import BucketUploadsApi
from mixpeek.models.create_upload_request import CreateUploadRequest

from tests.contract.conftest import Sdk
from tests.deployed.emulator import Emulator, eventually
from tests.deployed.stage import StageOnEmulator

SCHEMA = {"properties": {"title": {"type": "string"}, "film": {"type": "video"}}}
FILM = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + b"frame" * 4_000_000
DECLARED = {"filename": "a film.mp4", "content_type": "video/mp4", "object_metadata": {"title": "Metropolis"}}


def put(url: str, content: bytes) -> None:
    request = urllib.request.Request(url, content, {"Content-Type": "video/mp4"}, method="PUT")
    with urllib.request.urlopen(request) as response:
        assert response.status == 200


def uploads_of(sdk: Sdk) -> Any:
    return BucketUploadsApi(sdk.buckets.api_client)


def staged(emulator: Emulator, stage: StageOnEmulator) -> list[str]:
    """Returns the keys of the files that are not checked yet."""
    listed = emulator.client("s3").list_objects_v2(Bucket=stage.outputs["BlobBucketName"], Prefix="u/")
    return [each["Key"] for each in listed.get("Contents", ())]


def test_a_file_that_is_put_becomes_an_object_and_a_second_one_changes_nothing(
    sdk: Sdk, emulator: Emulator, stage: StageOnEmulator
) -> None:
    bucket = sdk.client.buckets.create(name="arriving", bucket_schema=SCHEMA).bucket_id
    api = uploads_of(sdk)
    declared = CreateUploadRequest.from_dict({**DECLARED, "file_size_bytes": len(FILM)})
    upload = api.create_upload_buckets(bucket, declared)
    put(upload.presigned_url, FILM)

    def found() -> Any:
        return sdk.objects.list_objects_buckets(bucket).results

    eventually(found)
    (stored,) = found()
    sha256 = hashlib.sha256(FILM).hexdigest()
    assert stored.to_dict()["title"] == "Metropolis"
    assert stored.blobs[0].details.hash == f"sha256:{sha256}"
    eventually(lambda: staged(emulator, stage) == [])

    put(upload.presigned_url, FILM[:-1] + b"!")
    eventually(lambda: staged(emulator, stage) == [])
    eventually(lambda: stage.messages("ArrivalQueueUrl") == 0)
    assert [each.blobs[0].details.hash for each in found()] == [f"sha256:{sha256}"]
    eventually(lambda: sdk.client.buckets.get(bucket).object_count == 1)
    assert stage.messages("ArrivalDeadLettersUrl") == 0


def test_a_confirmed_file_becomes_one_object(sdk: Sdk, emulator: Emulator, stage: StageOnEmulator) -> None:
    bucket = sdk.client.buckets.create(name="confirmed", bucket_schema=SCHEMA).bucket_id
    api = uploads_of(sdk)
    upload = api.create_upload_buckets(bucket, CreateUploadRequest.from_dict(DECLARED))
    put(upload.presigned_url, FILM)
    confirmed = api.confirm_upload_buckets(bucket, upload.upload_id)
    assert confirmed.status == "COMPLETED"
    eventually(lambda: staged(emulator, stage) == [] and stage.messages("ArrivalQueueUrl") == 0)
    assert [each.object_id for each in sdk.objects.list_objects_buckets(bucket).results] == [confirmed.object_id]


def test_only_the_bucket_of_the_stage_reports_files(emulator: Emulator, stage: StageOnEmulator, api_key: str) -> None:
    found = emulator.client("s3").get_bucket_notification_configuration(Bucket=stage.outputs["BlobBucketName"])
    (queue,) = found["QueueConfigurations"]
    assert queue["QueueArn"].rpartition(":")[2] == stage.outputs["ArrivalQueueUrl"].rpartition("/")[2]
    assert queue["Events"] == ["s3:ObjectCreated:*"]
    (rule,) = queue["Filter"]["Key"]["FilterRules"]
    assert (rule["Name"].lower(), rule["Value"]) == ("prefix", "u/")
