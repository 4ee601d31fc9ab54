"""The URLs of uploads on a store that checks signatures.

In `make test-engines`, the store is versitygw, an S3 server that the project has not written. Otherwise, it is the AWS
endpoint of the local server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.blobs.errors import FileChanged
from chalicelib.local.engine import Engine
from chalicelib.local.server.aws_endpoint import AwsEndpoint
from chalicelib.settings import Settings
from tests.support.batches import new_batch_world
from tests.support.engine import S3_ENDPOINT, Tables
from tests.support.world import World, new_world
from tests.uploads.scenes import OTHER_PNG, PNG, Scene, sha256
from tests.uploads.signature_cases import CHANGES, NOT_SERVED_LOCALLY, Request

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NewWorld = Callable[[], World]


@pytest.fixture
def local_world(client: DynamoDBClient, tables: Tables, tmp_path: Path) -> Iterator[NewWorld]:
    """Returns a function that returns the services with the AWS endpoint of the local server as S3."""
    engine = Engine(Settings(engine="embedded", data_dir=str(tmp_path / "data")))
    endpoint = AwsEndpoint(engine.backends, 0, engine.credential, poll_seconds=0.01)
    yield lambda: new_world(client, tables, engine.s3(endpoint.url), Settings().blob_bucket)
    endpoint.close()
    engine.close()


@pytest.fixture
def scene(request: pytest.FixtureRequest) -> Scene:
    """A client that uploads files to a store that checks signatures."""
    world: World = request.getfixturevalue("world") if S3_ENDPOINT else request.getfixturevalue("local_world")()
    made = Scene(new_batch_world(world))
    made.new_bucket()
    return made


def declared(scene: Scene) -> dict[str, Any]:
    """Creates an upload whose URL is signed for type and length."""
    return scene.create(file_size_bytes=len(PNG), file_hash=sha256(PNG))


@pytest.mark.parametrize("way", ["confirmation", "arrival", "task"])
def test_a_file_that_is_stored_with_the_url_becomes_an_object(scene: Scene, way: str) -> None:
    upload = declared(scene)
    assert upload["presigned_url"].startswith(S3_ENDPOINT or "http://127.0.0.1:")
    assert Request(upload["presigned_url"]).send().status == 200
    if way == "confirmation":
        assert scene.confirm(upload).json["status"] == "COMPLETED"
    elif way == "arrival":
        assert scene.arrive(upload)
    else:
        assert scene.confirm(upload, **{"async": "true"}).json["status"] == "PROCESSING"
        scene.run_tasks()
    stored = scene.check_object()
    shown = scene.api.get(f"/v1/buckets/films/objects/{stored['object_id']}", query={"return_presigned_urls": "true"})
    download = Request(shown.json["blobs"][0]["presigned_url"], b"", None, "GET").send()
    assert (download.status, download.body) == (200, PNG)


def test_a_second_file_with_the_same_url_changes_nothing(scene: Scene) -> None:
    upload = scene.create()
    request = Request(upload["presigned_url"])
    assert request.send().status == 200
    assert scene.confirm(upload).status == 200
    assert Request(upload["presigned_url"], OTHER_PNG).send().status == 200
    assert scene.arrive(upload)
    scene.check_object()


def test_an_upload_of_any_length_accepts_any_length(scene: Scene) -> None:
    upload = scene.create()
    assert Request(upload["presigned_url"], PNG + b"more").send().status == 200
    assert Request(upload["presigned_url"], content_type="text/html").send().code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("name", CHANGES)
def test_the_store_refuses_any_other_request(scene: Scene, name: str) -> None:
    upload = declared(scene)
    signed = Request(upload["presigned_url"])
    changed = CHANGES[name](signed)
    assert changed != signed
    answer = changed.send()
    is_served = S3_ENDPOINT or name not in NOT_SERVED_LOCALLY
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch" if is_served else "AccessDenied")
    assert scene.keys() == []
    assert scene.confirm(upload).error["code"] == "upload_not_found_in_storage"
    assert signed.send().status == 200, "the URL is still valid"


def test_the_store_refuses_an_expired_url(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: datetime.now(UTC) - timedelta(seconds=3601))
    upload = declared(scene)
    monkeypatch.undo()
    answer = Request(upload["presigned_url"]).send()
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert b"Request has expired" in answer.body
    assert scene.keys() == []


def test_the_store_copies_only_the_version_that_was_checked(scene: Scene) -> None:
    upload = scene.create()
    Request(upload["presigned_url"]).send()
    blobs, bucket, key = scene.world.services.blobs, scene.world.settings.blob_bucket, upload["s3_key"]
    checked = blobs.version(key)
    Request(upload["presigned_url"], OTHER_PNG).send()
    with pytest.raises(ClientError) as raised:
        scene.world.s3.copy_object(
            Bucket=bucket,
            Key="copy",
            CopySource={"Bucket": bucket, "Key": key},
            CopySourceIfMatch=f'"{checked.etag}"',
        )
    response = raised.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (412, "PreconditionFailed")
    described: dict[str, Any] = {"mime_type": "image/png", "filename": "a.png", "storage_class": None}
    with pytest.raises(FileChanged):
        blobs.copy_version(key, "copy", etag=checked.etag, sha256=sha256(PNG), **described)
    with pytest.raises(FileChanged):
        blobs.read_version(key, checked.etag, 0, 10)
    assert scene.keys() == [key]


def test_a_copy_whose_hash_the_store_does_not_return_is_used(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = scene.create()
    Request(upload["presigned_url"]).send()
    real = scene.world.s3.copy_object

    def copy_object(**params: Any) -> Any:
        reply = real(**params)
        del reply["CopyObjectResult"]["ChecksumSHA256"]
        return reply

    monkeypatch.setattr(scene.world.s3, "copy_object", copy_object)
    assert scene.confirm(upload).status == 200
    scene.check_object()


def test_the_hash_of_the_copy_is_compared(scene: Scene) -> None:
    upload = scene.create()
    Request(upload["presigned_url"]).send()
    blobs = scene.world.services.blobs
    etag = blobs.version(upload["s3_key"]).etag
    described: dict[str, Any] = {"mime_type": "image/png", "filename": "a.png", "storage_class": None}
    with pytest.raises(FileChanged):
        blobs.copy_version(upload["s3_key"], "copy", etag=etag, sha256=sha256(OTHER_PNG), **described)
