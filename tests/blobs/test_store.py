"""Storing, removing, listing and signing files in S3, also when S3 fails."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st
from mypy_boto3_s3 import S3Client

from chalicelib.aws.clients import COPY_TIMEOUT_SECONDS
from chalicelib.blobs.blob import Blob
from chalicelib.blobs.errors import FileForbidden, FileMissing, FileUnreadable
from chalicelib.blobs.inputs import MAX_FILENAME_CHARS
from chalicelib.blobs.mime_types import read_mime_type
from chalicelib.blobs.store import (
    LARGE_COPY_BYTES,
    MAX_METADATA_BYTES,
    S3_STORAGE_CLASSES,
    BlobStore,
    FilesNotRemoved,
    content_disposition,
    description,
)
from chalicelib.core.errors import Unavailable
from tests.support.engine import needs_storage_classes, no_s3
from tests.support.faults import Fault, Faults, altered, error_response, lost, never_sent
from tests.support.slow_time import SlowTime

slow_down = error_response("SlowDown", status=503)
PLAIN: dict[str, Any] = {"mime_type": "text/plain", "filename": None, "storage_class": None}


@pytest.fixture
def time() -> SlowTime:
    return SlowTime()


@pytest.fixture
def store(s3: S3Client, blob_bucket: str, time: SlowTime) -> BlobStore:
    return BlobStore(lambda: s3, blob_bucket, clock=time.clock, sleep=time.sleep, jitter=lambda: 1.0)


@pytest.fixture
def faults(s3: S3Client) -> Any:
    made = Faults(s3)
    yield made
    made.remove()


def keys(store: BlobStore, prefix: str = "") -> list[str]:
    return [file.key for file in store.list_files(prefix)]


def new_blob(key: str | None, storage_class: str | None = None) -> Blob:
    return Blob("blob_1", "poster", "image", "s3://somewhere/k", key=key, storage_class=storage_class)


def test_content_is_stored_unchanged(store: BlobStore, s3: S3Client, blob_bucket: str) -> None:
    content = bytes(range(256)) * 4000
    url = store.put("blobs/b/o/x", content, mime_type="image/png", filename="a.png", storage_class=None)
    assert url == f"s3://{blob_bucket}/blobs/b/o/x"
    response = s3.get_object(Bucket=blob_bucket, Key="blobs/b/o/x")
    assert response["Body"].read() == content
    assert response["ContentType"] == "image/png"
    assert "a.png" in response["ContentDisposition"]


@pytest.mark.parametrize(
    ("mime_type", "content", "expected"),
    [
        ("text/plain", "Größe".encode(), "text/plain; charset=utf-8"),
        ("text/plain", "Größe".encode("latin-1"), "text/plain"),
        ("text/csv; charset=windows-1252", b"a;b", "text/csv; charset=windows-1252"),
        ("image/png", b"x", "image/png"),
        (None, b"x", "application/octet-stream"),
    ],
)
def test_the_content_type_is_stored_with_the_charset(
    store: BlobStore, s3: S3Client, blob_bucket: str, mime_type: str | None, content: bytes, expected: str
) -> None:
    store.put("k", content, mime_type=mime_type, filename=None, storage_class=None)
    assert s3.head_object(Bucket=blob_bucket, Key="k")["ContentType"] == expected


@needs_storage_classes
@pytest.mark.parametrize(
    ("storage_class", "expected"),
    [
        (None, "STANDARD"),
        ("standard", "STANDARD"),
        ("nearline", "STANDARD_IA"),
        ("coldline", "GLACIER_IR"),
        ("archive", "GLACIER"),
    ],
)
def test_files_are_stored_in_the_tier_of_the_storage_class(
    store: BlobStore, s3: S3Client, blob_bucket: str, storage_class: str | None, expected: str
) -> None:
    store.put("k", b"x", mime_type=None, filename=None, storage_class=storage_class)
    (file,) = s3.list_objects_v2(Bucket=blob_bucket)["Contents"]
    assert file["StorageClass"] == expected


def test_only_the_given_keys_are_removed(store: BlobStore) -> None:
    for key in ("a/1", "a/2", "b/1"):
        store.put(key, b"x", **PLAIN)
    store.remove(["a/1", "b/1", "never/there"])
    store.remove([])
    assert keys(store) == ["a/2"]


def test_thousands_of_files_are_removed_in_several_calls(store: BlobStore, s3: S3Client, blob_bucket: str) -> None:
    store.put("k2500", b"x", **PLAIN)
    store.remove(f"k{number:04}" for number in range(2501))
    assert keys(store) == []


def test_a_list_of_files_continues_after_its_first_page(store: BlobStore) -> None:
    for number in range(1003):
        store.put(f"p/{number:04}", b"", **PLAIN)
    store.put("q/0", b"xyz", **PLAIN)
    assert keys(store, "p/") == [f"p/{number:04}" for number in range(1003)]
    (file,) = store.list_files("q/")
    assert (file.key, file.size_bytes) == ("q/0", 3)
    assert abs((datetime.now(UTC) - file.stored_at).total_seconds()) < 600
    assert keys(store, "r/") == []


# Download URLs


def test_a_download_url_is_valid_for_an_hour(store: BlobStore, blob_bucket: str) -> None:
    url = urlsplit(store.presigned_get(new_blob("blobs/b/o/x")) or "")
    query = parse_qs(url.query)
    assert f"{url.netloc}{url.path}".endswith("blobs/b/o/x")
    assert blob_bucket in f"{url.netloc}{url.path}"
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["3600"]
    assert query["X-Amz-SignedHeaders"] == ["host"]


def test_signing_a_url_makes_no_call(store: BlobStore, faults: Faults) -> None:
    faults.always(lost())
    assert store.presigned_get(new_blob("k"))


def test_archived_files_and_those_kept_by_reference_have_no_download_url() -> None:
    store = BlobStore(no_s3, "nowhere")
    assert store.presigned_get(new_blob("k", "archive")) is None
    assert store.presigned_get(new_blob(None)) is None
    assert store.presigned_get(new_blob(None, "archive")) is None


# Errors of S3


@pytest.mark.parametrize(
    "fault",
    [
        slow_down,
        error_response("InternalError", status=500),
        error_response("RequestTimeout"),
        error_response("ServiceUnavailable", status=503),
        error_response("OperationAborted", status=409),
        never_sent(),
        lost(),
    ],
)
def test_every_call_is_retried(store: BlobStore, faults: Faults, fault: Fault) -> None:
    faults.on(1, fault).on(2, fault)
    store.put("k", b"x", **PLAIN)
    faults.on(1, fault)
    assert keys(store) == ["k"]
    faults.on(1, fault)
    store.remove(["k"])
    assert keys(store) == []


@pytest.mark.parametrize("fault", [slow_down, lost()])
def test_a_store_that_always_fails_raises_unavailable(
    store: BlobStore, faults: Faults, time: SlowTime, fault: Fault
) -> None:
    faults.always(fault)
    began = time.clock()
    for call in (lambda: store.put("k", b"x", **PLAIN), lambda: store.remove(["k"]), lambda: keys(store)):
        with pytest.raises(Unavailable):
            call()
    assert time.clock() - began < 20


def test_keys_with_a_temporary_error_are_retried(store: BlobStore, faults: Faults) -> None:
    for key in ("a", "b"):
        store.put(key, b"x", **PLAIN)
    faults.on(1, altered(lambda response: response.update(Errors=[{"Key": "b", "Code": "InternalError"}])))
    store.remove(["a", "b"])
    assert keys(store) == []


def test_keys_that_always_have_a_temporary_error_raise_unavailable(store: BlobStore, faults: Faults) -> None:
    faults.always(altered(lambda response: response.update(Errors=[{"Key": "b", "Code": "SlowDown"}])))
    with pytest.raises(Unavailable):
        store.remove(["a", "b"])


def test_permanent_errors_are_not_retried(store: BlobStore, faults: Faults) -> None:
    faults.on(1, error_response("NoSuchBucket", status=404))
    with pytest.raises(ClientError):
        store.put("k", b"x", **PLAIN)
    faults.on(1, altered(lambda response: response.update(Errors=[{"Key": "b", "Code": "AccessDenied"}])))
    with pytest.raises(FilesNotRemoved, match="b: AccessDenied"):
        store.remove(["a", "b"])


# Content-Disposition


def test_the_filename_is_in_ascii_and_in_utf_8() -> None:
    assert content_disposition("scans/Größe 1.png", "image/png") == (
        "inline; filename=\"Gr__e 1.png\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%201.png"
    )


@pytest.mark.parametrize(
    "mime_type",
    ["text/html", "image/svg+xml", "image/svg+xml; charset=utf-8", "application/octet-stream", "application/xml"],
)
def test_types_that_a_browser_could_execute_are_attachments(mime_type: str) -> None:
    assert content_disposition(None, mime_type) == "attachment"


@pytest.mark.parametrize("mime_type", ["text/plain", "image/png", "video/mp4", "application/pdf"])
def test_types_that_a_browser_displays_are_inline(mime_type: str) -> None:
    assert content_disposition(None, mime_type) == "inline"


@given(st.text(max_size=255))
def test_no_filename_breaks_the_header(name: str) -> None:
    header = content_disposition(name, "image/png")
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') in (0, 2)
    assert header.startswith("inline")


def names_in(header: str) -> tuple[str, str]:
    """Returns `filename` and the decoded `filename*` of a Content-Disposition header."""
    _, plain, encoded = header.split("; ")
    return plain.removeprefix('filename="').removesuffix('"'), unquote(encoded.removeprefix("filename*=UTF-8''"))


@pytest.mark.parametrize("name", ["映" * 200 + ".png", "ö" * 255, "x" * 251 + ".png"])
def test_the_utf_8_name_is_complete_if_it_fits_without_the_ascii_name(name: str) -> None:
    stored = description(b"x", mime_type="image/png", filename=name, storage_class="archive")
    plain, complete = names_in(stored["ContentDisposition"])
    assert complete == name
    assert plain.endswith(name[-4:].replace("ö", "_"))


def test_a_name_that_does_not_fit_keeps_its_start_and_its_extension() -> None:
    stored = description(b"x", mime_type="image/png", filename="映" * 251 + ".png", storage_class=None)
    _, shortened = names_in(stored["ContentDisposition"])
    assert shortened.startswith("映" * 200)
    assert shortened.endswith("映.png")


def test_a_file_with_a_long_name_is_stored_and_downloaded_under_it(
    store: BlobStore, s3: S3Client, blob_bucket: str
) -> None:
    name = "映" * 200 + ".png"
    store.put("k", b"x", mime_type="image/png", filename=name, storage_class=None)
    assert names_in(s3.head_object(Bucket=blob_bucket, Key="k")["ContentDisposition"])[1] == name


FILENAMES = st.text(max_size=MAX_FILENAME_CHARS) | st.builds(
    "{}{}{}".format,
    st.integers(0, MAX_FILENAME_CHARS - 60).map(lambda count: "🎬" * count),
    st.text(max_size=40),
    st.sampled_from(["", ".", ".png", ".🎬", ".é" + "x" * 15]),
)
MIME_TYPES = st.sampled_from(
    [
        None,
        "image/png",
        "text/plain",
        read_mime_type(f"text/{'x' * 127}; charset={'y' * 180}"),
        f"{'x' * 127}/{'y' * 127}",
    ]
)


@given(st.sampled_from([b"text", b"\xff\0"]), MIME_TYPES, FILENAMES, st.sampled_from(list(S3_STORAGE_CLASSES)))
def test_no_file_has_more_metadata_than_s3_accepts(
    content: bytes, mime_type: str | None, filename: str, storage_class: str | None
) -> None:
    stored = description(content, mime_type=mime_type, filename=filename, storage_class=storage_class)
    headers = {
        "Content-Type": stored["ContentType"],
        "Content-Disposition": stored["ContentDisposition"],
        "x-amz-storage-class": stored["StorageClass"],
    }
    assert set(stored) == {"ContentType", "ContentDisposition", "StorageClass"}
    assert sum(len(name) + len(value.encode("ascii")) for name, value in headers.items()) <= MAX_METADATA_BYTES


def test_a_range_of_a_file_is_read(store: BlobStore) -> None:
    store.put("k", b"0123456789", **PLAIN)
    assert [store.read("k", *each) for each in ((0, 4), (8, 4), (0, 99))] == [b"0123", b"89", b"0123456789"]
    assert store.read("k", 10, 4) == b""


def test_a_file_that_is_not_in_s3_is_missing(store: BlobStore) -> None:
    store.put("k", b"x", **PLAIN)
    store.check_exists("k")
    with pytest.raises(FileMissing, match="is not in the storage"):
        store.check_exists("none")
    with pytest.raises(FileMissing):
        store.read("none", 0, 4)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [("AccessDenied", 403, FileForbidden), ("403", 403, FileForbidden), ("InvalidObjectState", 403, FileUnreadable)],
)
def test_a_file_that_may_not_be_read_is_unreadable(
    store: BlobStore, faults: Faults, code: str, status: int, kind: type[FileUnreadable]
) -> None:
    store.put("k", b"x", **PLAIN)
    faults.always(error_response(code, status=status))
    with pytest.raises(FileUnreadable) as raised:
        store.read("k", 0, 4)
    assert type(raised.value) is kind


def test_reading_is_retried_until_the_budget_ends(store: BlobStore, faults: Faults) -> None:
    store.put("k", b"x", **PLAIN)
    faults.on(1, slow_down)
    assert store.read("k", 0, 4) == b"x"
    faults.always(slow_down)
    with pytest.raises(Unavailable):
        store.check_exists("k")


def test_other_errors_of_s3_propagate(store: BlobStore, faults: Faults) -> None:
    faults.always(error_response("InvalidRequest"))
    with pytest.raises(ClientError):
        store.check_exists("k")


class SlowCopies:
    """A client whose copies time out without a response. `calls` counts them."""

    def __init__(self, time: SlowTime) -> None:
        self.time, self.calls = time, 0

    def copy_object(self, **_: Any) -> None:
        self.calls += 1
        self.time.now += COPY_TIMEOUT_SECONDS
        raise ReadTimeoutError(endpoint_url="https://s3.us-east-1.amazonaws.com")


def copied(store: BlobStore, size_bytes: int | None, *, is_version: bool) -> None:
    if is_version:
        described: dict[str, Any] = {**PLAIN, "etag": "0", "sha256": "0"}
        store.copy_version("a", "b", **described, size_bytes=size_bytes)
    else:
        store.copy("a", "b", storage_class=None, size_bytes=size_bytes)


@pytest.mark.parametrize("is_version", [False, True])
def test_a_large_file_is_copied_with_the_client_that_waits_longer_and_not_again(
    time: SlowTime, *, is_version: bool
) -> None:
    copies: Any = SlowCopies(time)
    store = BlobStore(no_s3, "b", copies=lambda: copies, clock=time.clock, sleep=time.sleep)
    with pytest.raises(Unavailable):
        copied(store, LARGE_COPY_BYTES, is_version=is_version)
    assert (copies.calls, time.sleeps) == (1, [])


@pytest.mark.parametrize("is_version", [False, True])
@pytest.mark.parametrize("size_bytes", [None, LARGE_COPY_BYTES - 1])
def test_other_files_are_copied_with_the_client_of_requests(
    time: SlowTime, size_bytes: int | None, *, is_version: bool
) -> None:
    usual: Any = SlowCopies(time)
    store = BlobStore(lambda: usual, "b", copies=no_s3, clock=time.clock, sleep=time.sleep)
    with pytest.raises(Unavailable):
        copied(store, size_bytes, is_version=is_version)
    assert usual.calls == 1
