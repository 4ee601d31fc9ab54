"""Files that are too large for the memory: the AWS endpoint writes them to the disk while it receives them."""

from __future__ import annotations

import hashlib
import http.client
import socket
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib.local.engine import Engine
from chalicelib.local.server import aws_endpoint
from chalicelib.local.server.aws_endpoint import MAX_FILE_BYTES, AwsEndpoint
from tests.local.conftest import Open, killed
from tests.local.server.conftest import BUCKET, ask_url, code_of, presigned, signed_headers

CONTENT = bytes(range(256)) * 1200
SIZE = len(CONTENT)
OTHER = b"other" * 60_000


@pytest.fixture(autouse=True)
def _small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws_endpoint, "MAX_BYTES_IN_MEMORY", 100_000)
    monkeypatch.setattr(aws_endpoint, "PART_BYTES", 10_000)


def files(engine: Engine, suffix: str) -> list[Path]:
    return sorted(path for path in (engine.folder.path / "blobs").iterdir() if path.suffix == suffix)


def check_files(engine: Engine, contents: int) -> None:
    """Checks the number of content files, and that none is being received."""
    assert len(files(engine, ".content")) == contents
    assert files(engine, ".incoming") == files(engine, ".new") == []


@pytest.fixture
def put(endpoint: AwsEndpoint, s3: Any) -> Callable[..., tuple[int, bytes]]:
    """Returns a function that stores a content with a presigned URL."""

    def put_(content: bytes = CONTENT, key: str = "k", **headers: str) -> tuple[int, bytes]:
        return ask_url(endpoint, presigned(s3, "put_object", Key=key), "PUT", content, **headers)

    return put_


def test_a_large_file_is_stored_in_a_file_of_its_own_with_the_etag_of_s3(
    engine: Engine, endpoint: AwsEndpoint, s3: Any, put: Any
) -> None:
    assert put(Content_Type="video/mp4")[0] == 200
    check_files(engine, 1)
    (path,) = files(engine, ".content")
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o077 == 0
    found = engine.s3(endpoint.url).head_object(Bucket=BUCKET, Key="k")
    assert found["ETag"] == f'"{hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()}"'
    assert (found["ContentLength"], found["ContentType"]) == (len(CONTENT), "video/mp4")


def test_a_large_file_can_be_read_in_whole_and_in_ranges(
    engine: Engine, endpoint: AwsEndpoint, s3: Any, put: Any
) -> None:
    put()
    url = presigned(s3, "get_object")
    assert ask_url(endpoint, url, "GET") == (200, CONTENT)
    assert ask_url(endpoint, url, "GET", Range="bytes=5-300") == (206, CONTENT[5:301])
    assert ask_url(endpoint, url, "GET", Range="bytes=-3") == (206, CONTENT[-3:])
    assert ask_url(endpoint, url, "GET", Range=f"bytes={SIZE}-")[0] == 416
    inside = engine.s3(endpoint.url)
    body = inside.get_object(Bucket=BUCKET, Key="k")["Body"]
    assert body.read(10) + body.read() == CONTENT
    assert b"".join(inside.get_object(Bucket=BUCKET, Key="k")["Body"].iter_chunks(7777)) == CONTENT


def test_files_survive_a_kill_and_a_restart(engine: Engine, put: Any, open_engine: Open, tmp_path: Path) -> None:
    put()
    again = open_engine(killed(engine, tmp_path / "copy"))
    check_files(again, 1)
    client = again.s3("http://127.0.0.1:1")
    assert client.get_object(Bucket=BUCKET, Key="k")["Body"].read() == CONTENT
    client.delete_object(Bucket=BUCKET, Key="k")
    check_files(again, 0)


def test_a_copy_has_a_file_of_its_own_and_remains_when_the_source_is_replaced_or_deleted(
    engine: Engine, endpoint: AwsEndpoint, put: Any, open_engine: Open, tmp_path: Path
) -> None:
    put()
    client = engine.s3(endpoint.url)
    etag = client.head_object(Bucket=BUCKET, Key="k")["ETag"]
    source: Any = {"Bucket": BUCKET, "Key": "k"}
    copied = client.copy_object(
        Bucket=BUCKET,
        Key="copy",
        CopySource=source,
        CopySourceIfMatch=etag,
        ChecksumAlgorithm="SHA256",
        StorageClass="STANDARD_IA",
    )
    assert copied["CopyObjectResult"]["ETag"] == etag
    assert b64decode(copied["CopyObjectResult"]["ChecksumSHA256"]) == hashlib.sha256(CONTENT).digest()
    put(OTHER)
    check_files(engine, 2)
    client.delete_object(Bucket=BUCKET, Key="k")
    check_files(engine, 1)
    found = client.get_object(Bucket=BUCKET, Key="copy")
    assert (found["Body"].read(), found["StorageClass"]) == (CONTENT, "STANDARD_IA")
    again = open_engine(killed(engine, tmp_path / "copy")).s3(endpoint.url)
    found = again.get_object(Bucket=BUCKET, Key="copy")
    assert (found["Body"].read(), found["StorageClass"]) == (CONTENT, "STANDARD_IA")


def test_a_small_file_replaces_a_large_one_and_the_other_way_round(engine: Engine, s3: Any, put: Any) -> None:
    for content, count in ((CONTENT, 1), (b"small", 0), (OTHER, 1), (CONTENT, 1)):
        assert put(content)[0] == 200
        check_files(engine, count)
        assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == content


def start_put(endpoint: AwsEndpoint, url: str, *lines: str, body: bytes = b"") -> socket.socket:
    """Sends the beginning of a request."""
    parts = urlsplit(url)
    connection = socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=10)
    head = [f"PUT {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}", *lines, "", ""]
    connection.sendall("\r\n".join(head).encode() + body)
    return connection


def response_on(connection: socket.socket) -> tuple[int, bytes]:
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response.status, response.read()


def test_a_file_of_which_only_a_part_arrives_is_not_stored(engine: Engine, endpoint: AwsEndpoint, s3: Any) -> None:
    with start_put(
        endpoint, presigned(s3, "put_object"), f"Content-Length: {SIZE}", body=CONTENT[: SIZE // 2]
    ) as connection:
        connection.shutdown(socket.SHUT_WR)
        status, body = response_on(connection)
    assert (status, code_of(body)) == (400, "IncompleteBody")
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"content"
    check_files(engine, 0)


def test_an_unfinished_file_of_a_killed_process_is_removed(
    engine: Engine, endpoint: AwsEndpoint, s3: Any, put: Any, open_engine: Open, tmp_path: Path
) -> None:
    put(key="whole")
    with start_put(endpoint, presigned(s3, "put_object"), f"Content-Length: {SIZE}", body=CONTENT[:150_000]):
        while not files(engine, ".incoming"):
            pass
        copy = killed(engine, tmp_path / "copy")
    again = open_engine(copy)
    check_files(again, 1)
    found = again.s3(endpoint.url).get_object(Bucket=BUCKET, Key="k")
    assert found["Body"].read() == b"content"


class FullDisk:
    def write(self, part: bytes) -> None:
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_an_error_that_clients_retry(
    engine: Engine, s3: Any, put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("chalicelib.local.journal.contents.IncomingContent.write", FullDisk.write)
        status, body = put()
    assert (status, code_of(body)) == (500, "InternalError")
    assert b"No space left on device" in body

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("chalicelib.local.journal.files._write", fail)
        status, body = put()
    assert (status, code_of(body)) == (500, "InternalError")
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"content"
    check_files(engine, 0)
    assert put()[0] == 200


def test_a_content_with_another_hash_than_the_signed_one_is_not_stored(
    engine: Engine, endpoint: AwsEndpoint, s3: Any
) -> None:
    headers = signed_headers(engine, "s3", "PUT", f"{endpoint.url}/{BUCKET}/k", CONTENT)
    with closing(http.client.HTTPConnection(urlsplit(endpoint.url).netloc, timeout=10)) as connection:
        connection.request("PUT", f"/{BUCKET}/k", OTHER, headers)
        response = connection.getresponse()
        assert (response.status, code_of(response.read())) == (400, "XAmzContentSHA256Mismatch")
        connection.request("PUT", f"/{BUCKET}/k", CONTENT, headers)
        assert connection.getresponse().status == 200
    check_files(engine, 1)


def test_files_that_lost_their_content_are_set_aside_and_others_remain(
    engine: Engine, endpoint: AwsEndpoint, put: Any, open_engine: Open, tmp_path: Path
) -> None:
    put(key="a")
    put(OTHER, key="b")
    copy = killed(engine, tmp_path / "copy")
    (lost,) = [path for path in (copy / "blobs").glob("*.content") if path.read_bytes() == CONTENT]
    lost.write_bytes(CONTENT[:-1])
    again = open_engine(copy)
    listed = again.s3(endpoint.url).list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [each["Key"] for each in listed] == ["b", "k", "other"]
    assert len(list((copy / "blobs").glob("*.damaged-*"))) == 1
    assert lost.exists()


@pytest.fixture
def waiting(endpoint: AwsEndpoint, s3: Any) -> Iterator[Callable[..., socket.socket]]:
    """Returns a function that sends the head of a request, and then waits for the response 100 Continue."""
    opened: list[socket.socket] = []

    def open_(url: str, *lines: str) -> socket.socket:
        opened.append(start_put(endpoint, url, "Expect: 100-continue", *lines))
        return opened[-1]

    yield open_
    for connection in opened:
        connection.close()


def test_a_client_sends_only_a_file_that_will_be_accepted(engine: Engine, s3: Any, waiting: Any) -> None:
    connection = waiting(presigned(s3, "put_object"), f"Content-Length: {SIZE}")
    assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(CONTENT)
    assert response_on(connection)[0] == 200

    url = presigned(s3, "put_object", ContentLength=SIZE, ContentType="video/mp4")
    for lines, code in (
        ((f"Content-Length: {SIZE + 1}", "Content-Type: video/mp4"), "SignatureDoesNotMatch"),
        ((f"Content-Length: {SIZE}", "Content-Type: image/png"), "SignatureDoesNotMatch"),
        ((f"Content-Length: {SIZE}",), "SignatureDoesNotMatch"),
    ):
        status, body = response_on(waiting(url, *lines))
        assert (status, code_of(body)) == (403, code), "and no 100 Continue before it"


LENGTHS = [
    ((f"Content-Length: {MAX_FILE_BYTES + 1}",), 400, "EntityTooLarge"),
    (("Transfer-Encoding: chunked",), 501, "NotImplemented"),
    ((), 411, "MissingContentLength"),
    (("Content-Length: 1x",), 400, "InvalidRequest"),
]


@pytest.mark.parametrize(("lines", "status", "code"), LENGTHS)
def test_the_length_of_a_file_must_be_known_and_at_most_5_gb(
    s3: Any, waiting: Any, lines: tuple[str, ...], status: int, code: str
) -> None:
    found, body = response_on(waiting(presigned(s3, "put_object"), *lines))
    assert (found, code_of(body)) == (status, code)
