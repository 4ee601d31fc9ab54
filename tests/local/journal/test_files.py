"""S3 objects in the embedded engine: they survive restarts and kills, and can be downloaded over HTTP."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

from chalicelib.blobs.blob import Blob
from chalicelib.blobs.store import BlobStore
from chalicelib.local import engine as engine_module
from chalicelib.local.client import local_s3_client
from chalicelib.local.engine import Engine
from chalicelib.local.journal import files
from chalicelib.local.server.aws_endpoint import AwsEndpoint
from chalicelib.settings import Settings
from tests.local.conftest import killed

BUCKET = Settings().blob_bucket
NOWHERE = "http://127.0.0.1:1"
Again = Callable[[Engine], Engine]
LONG_KEY = "blobs/" + "ä/%2F é" * 80


def s3_of(engine: Engine) -> S3Client:
    return engine.s3(NOWHERE)


def put(engine: Engine, key: str, content: bytes = b"bytes", **more: Any) -> None:
    s3_of(engine).put_object(Bucket=BUCKET, Key=key, Body=content, **more)


def keys(engine: Engine) -> list[str]:
    return [found["Key"] for found in s3_of(engine).list_objects_v2(Bucket=BUCKET).get("Contents", ())]


@pytest.fixture
def engines() -> Iterator[ExitStack]:
    """Closes the engines of a test at its end."""
    with ExitStack() as stack:
        yield stack


def opened(engines: ExitStack, folder: Path) -> Engine:
    engine = Engine(Settings(data_dir=str(folder)))
    engines.callback(engine.close)
    return engine


@pytest.fixture
def engine(engines: ExitStack, tmp_path: Path) -> Engine:
    return opened(engines, tmp_path / "data")


@pytest.fixture(params=["restarted", "killed"])
def again(request: pytest.FixtureRequest, engines: ExitStack, tmp_path: Path) -> Again:
    """Returns a function that returns the engine after a restart, or after a kill."""

    def after(engine: Engine) -> Engine:
        if request.param == "killed":
            return opened(engines, killed(engine, tmp_path / "killed"))
        engines.close()
        return opened(engines, engine.folder.path)

    return after


def test_a_copy_is_restored_and_does_not_need_its_source(engine: Engine, again: Again) -> None:
    put(engine, LONG_KEY, b"film", ContentType="video/mp4", ContentDisposition="inline")
    BlobStore(lambda: s3_of(engine), BUCKET).copy(LONG_KEY, "blobs/copy", storage_class="nearline")
    s3_of(engine).delete_object(Bucket=BUCKET, Key=LONG_KEY)
    engine = again(engine)
    assert keys(engine) == ["blobs/copy"]
    found = s3_of(engine).get_object(Bucket=BUCKET, Key="blobs/copy")
    assert found["Body"].read() == b"film"
    assert (found["ContentType"], found["ContentDisposition"]) == ("video/mp4", "inline")
    assert found["StorageClass"] == "STANDARD_IA"


def test_an_object_is_restored_with_its_metadata(engine: Engine, again: Again) -> None:
    content = bytes(range(256)) * 1000
    put(engine, LONG_KEY, content, ContentType="image/png", ContentDisposition="inline", StorageClass="GLACIER_IR")
    before = s3_of(engine).get_object(Bucket=BUCKET, Key=LONG_KEY)
    after = s3_of(again(engine)).get_object(Bucket=BUCKET, Key=LONG_KEY)
    assert after["Body"].read() == content
    for name in ("ContentType", "ContentDisposition", "StorageClass", "LastModified", "ETag", "ContentLength"):
        assert after[name] == before[name], name


def test_deleted_objects_stay_deleted(engine: Engine, again: Again) -> None:
    for key in ("a", "b", "c", "d", "e"):
        put(engine, key)
    s3_of(engine).delete_object(Bucket=BUCKET, Key="a")
    s3_of(engine).delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "b"}, {"Key": "d"}, {"Key": "x"}]})
    assert keys(again(engine)) == ["c", "e"]


def test_an_object_has_the_content_of_the_last_write(engine: Engine, again: Again) -> None:
    put(engine, "k", b"first")
    s3_of(engine).delete_object(Bucket=BUCKET, Key="k")
    put(engine, "k", b"second")
    put(engine, "k", b"third")
    assert s3_of(again(engine)).get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"third"


def test_a_multipart_upload_is_saved_completely(engine: Engine, again: Again) -> None:
    client = s3_of(engine)
    upload = client.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
    named: Any = {"Bucket": BUCKET, "Key": "k", "UploadId": upload}
    parts: Any = [
        {"PartNumber": number, "ETag": client.upload_part(**named, PartNumber=number, Body=content)["ETag"]}
        for number, content in ((1, bytes(5 * 1024 * 1024)), (2, b"end"))
    ]
    client.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    assert s3_of(again(engine)).head_object(Bucket=BUCKET, Key="k")["ContentLength"] == 5 * 1024 * 1024 + 3


def test_reading_writes_nothing(engine: Engine) -> None:
    put(engine, "k")
    folder = engine.folder.path / files.FOLDER
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    s3_of(engine).get_object(Bucket=BUCKET, Key="k")
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_only_the_user_can_read_the_files(engine: Engine) -> None:
    put(engine, "k")
    folder = engine.folder.path / files.FOLDER
    assert {path.stat().st_mode & 0o077 for path in (folder, *folder.iterdir())} == {0}


def test_a_write_that_cannot_be_saved_is_undone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    put(engine, "k", b"old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(files, "_write", full)
        for key in ("k", "new"):
            with pytest.raises(ClientError) as raised:
                put(engine, key, b"new")
            assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert keys(engine) == ["k"]
    assert s3_of(engine).get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"old"


def test_an_unfinished_file_of_a_killed_process_is_removed(engine: Engine, engines: ExitStack, tmp_path: Path) -> None:
    put(engine, "k")
    folder = killed(engine, tmp_path / "killed")
    (saved,) = (folder / files.FOLDER).iterdir()
    saved.with_name("0" * 64 + ".new").write_bytes(saved.read_bytes()[:20])
    assert keys(opened(engines, folder)) == ["k"]
    assert len(list((folder / files.FOLDER).iterdir())) == 1


@pytest.mark.parametrize("damage", [lambda text: text[:-1], lambda text: b"x" + text, lambda text: b""])
def test_a_damaged_file_is_set_aside_and_the_others_are_restored(
    engine: Engine, engines: ExitStack, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Any
) -> None:
    put(engine, "k")
    folder = killed(engine, tmp_path / "killed")
    (saved,) = (folder / files.FOLDER).iterdir()
    put(engine, "undamaged")
    (folder / files.FOLDER / "1").write_bytes(damage(saved.read_bytes()))
    restarted = opened(engines, folder)
    assert keys(restarted) == ["k"]
    assert "damaged" in capsys.readouterr().err
    engines.close()
    assert keys(opened(engines, folder)) == ["k"]
    assert capsys.readouterr().err == ""


# Through the AWS endpoint


@pytest.fixture
def endpoint(engine: Engine) -> Iterator[AwsEndpoint]:
    opened = AwsEndpoint(engine.backends, 0, engine.credential, poll_seconds=0.01)
    yield opened
    opened.close()


def test_a_presigned_url_can_be_downloaded(engine: Engine, endpoint: AwsEndpoint) -> None:
    store = BlobStore(lambda: engine.s3(endpoint.url), BUCKET)
    store.put("blobs/b/o/x", "Größe".encode(), mime_type="text/plain", filename="größe.txt", storage_class=None)
    url = store.presigned_get(Blob("blob_1", "review", "text", "s3://x/y", key="blobs/b/o/x"))
    assert url is not None
    assert url.startswith(f"{endpoint.url}/{BUCKET}/blobs/b/o/x?")
    with closing(urllib.request.urlopen(url)) as response:
        assert response.read().decode() == "Größe"
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert "gr%C3%B6%C3%9Fe.txt" in response.headers["Content-Disposition"]


def test_a_write_of_another_process_is_saved(engine: Engine, endpoint: AwsEndpoint, again: Again) -> None:
    with closing(local_s3_client(endpoint.url, engine.credential)) as client:
        client.put_object(Bucket=BUCKET, Key="k", Body=b"theirs")
    assert s3_of(again(engine)).get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"theirs"


def test_the_owner_presigns_urls_for_the_endpoint_on_the_next_port(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    settings = Settings(engine="embedded", data_dir=str(tmp_path / "data"), port=8123)
    request.addfinalizer(engine_module.stop)
    client = engine_module.connect_s3(settings)
    client.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    url = client.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "k"})
    assert url.startswith(f"http://127.0.0.1:8124/{BUCKET}/k?")


def test_a_process_that_does_not_own_the_folder_uses_the_endpoint_of_the_owner(
    engine: Engine, endpoint: AwsEndpoint
) -> None:
    engine.publish_endpoint(endpoint.url)
    settings = Settings(engine="embedded", data_dir=str(engine.folder.path))
    with closing(engine_module.connect_s3(settings)) as client:
        client.put_object(Bucket=BUCKET, Key="k", Body=b"x")
        assert client.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "k"}).startswith(
            endpoint.url
        )
    assert keys(engine) == ["k"]
