"""The bytes of files in S3: kept, removed, listed and handed out, also where S3 has its troubles."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from mypy_boto3_s3 import S3Client

from chalicelib.blobs.blob import Blob
from chalicelib.blobs.store import BlobStore, BytesNotRemoved, content_disposition
from chalicelib.core.errors import Unavailable
from tests.support.engine import no_s3
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
    return [held.key for held in store.listing(prefix)]


def a_blob(key: str | None, storage_class: str | None = None) -> Blob:
    return Blob("blob_1", "poster", "image", "s3://somewhere/k", key=key, storage_class=storage_class)


def test_bytes_come_back_as_they_were(store: BlobStore, s3: S3Client, blob_bucket: str) -> None:
    content = bytes(range(256)) * 4000
    url = store.put("blobs/b/o/x", content, mime_type="image/png", filename="a.png", storage_class=None)
    assert url == f"s3://{blob_bucket}/blobs/b/o/x"
    answer = s3.get_object(Bucket=blob_bucket, Key="blobs/b/o/x")
    assert answer["Body"].read() == content
    assert answer["ContentType"] == "image/png"
    assert "a.png" in answer["ContentDisposition"]


@pytest.mark.parametrize(
    ("mime_type", "content", "expected"),
    [
        ("text/plain", "Größe".encode(), "text/plain; charset=utf-8"),
        ("text/plain", "Größe".encode("latin-1"), "text/plain"),
        ("image/png", b"x", "image/png"),
        (None, b"x", "application/octet-stream"),
    ],
)
def test_a_browser_is_told_what_it_gets(
    store: BlobStore, s3: S3Client, blob_bucket: str, mime_type: str | None, content: bytes, expected: str
) -> None:
    store.put("k", content, mime_type=mime_type, filename=None, storage_class=None)
    assert s3.head_object(Bucket=blob_bucket, Key="k")["ContentType"] == expected


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
def test_bytes_lie_in_the_tier_of_their_bucket(
    store: BlobStore, s3: S3Client, blob_bucket: str, storage_class: str | None, expected: str
) -> None:
    store.put("k", b"x", mime_type=None, filename=None, storage_class=storage_class)
    (held,) = s3.list_objects_v2(Bucket=blob_bucket)["Contents"]
    assert held["StorageClass"] == expected


def test_what_is_removed_is_gone_and_the_rest_stays(store: BlobStore) -> None:
    for key in ("a/1", "a/2", "b/1"):
        store.put(key, b"x", **PLAIN)
    store.remove(["a/1", "b/1", "never/there"])
    store.remove([])
    assert keys(store) == ["a/2"]


def test_thousands_are_removed_in_batches(store: BlobStore, s3: S3Client, blob_bucket: str) -> None:
    store.put("k2500", b"x", **PLAIN)
    store.remove(f"k{number:04}" for number in range(2501))
    assert keys(store) == []


def test_a_listing_goes_on_after_its_first_page(store: BlobStore) -> None:
    for number in range(1003):
        store.put(f"p/{number:04}", b"", **PLAIN)
    store.put("q/0", b"xyz", **PLAIN)
    assert keys(store, "p/") == [f"p/{number:04}" for number in range(1003)]
    (held,) = store.listing("q/")
    assert (held.key, held.size_bytes) == ("q/0", 3)
    assert abs((datetime.now(UTC) - held.stored_at).total_seconds()) < 600
    assert keys(store, "r/") == []


# Download URLs


def test_a_download_url_is_signed_for_an_hour(store: BlobStore, blob_bucket: str) -> None:
    url = urlsplit(store.presigned_get(a_blob("blobs/b/o/x")) or "")
    query = parse_qs(url.query)
    assert f"{url.netloc}{url.path}".endswith("blobs/b/o/x")
    assert blob_bucket in f"{url.netloc}{url.path}"
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["3600"]
    assert query["X-Amz-SignedHeaders"] == ["host"]


def test_signing_calls_nobody(store: BlobStore, faults: Faults) -> None:
    faults.always(lost())
    assert store.presigned_get(a_blob("k"))


def test_archived_bytes_and_those_of_others_have_no_download_url() -> None:
    store = BlobStore(no_s3, "nowhere")
    assert store.presigned_get(a_blob("k", "archive")) is None
    assert store.presigned_get(a_blob(None)) is None
    assert store.presigned_get(a_blob(None, "archive")) is None


# Trouble


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
def test_every_call_is_tried_again(store: BlobStore, faults: Faults, fault: Fault) -> None:
    faults.on(1, fault).on(2, fault)
    store.put("k", b"x", **PLAIN)
    faults.on(1, fault)
    assert keys(store) == ["k"]
    faults.on(1, fault)
    store.remove(["k"])
    assert keys(store) == []


@pytest.mark.parametrize("fault", [slow_down, lost()])
def test_a_store_that_stays_busy_says_so(store: BlobStore, faults: Faults, time: SlowTime, fault: Fault) -> None:
    faults.always(fault)
    began = time.clock()
    for call in (lambda: store.put("k", b"x", **PLAIN), lambda: store.remove(["k"]), lambda: keys(store)):
        with pytest.raises(Unavailable):
            call()
    assert time.clock() - began < 20


def test_keys_that_s3_was_too_busy_for_are_asked_for_again(store: BlobStore, faults: Faults) -> None:
    for key in ("a", "b"):
        store.put(key, b"x", **PLAIN)
    faults.on(1, altered(lambda answer: answer.update(Errors=[{"Key": "b", "Code": "InternalError"}])))
    store.remove(["a", "b"])
    assert keys(store) == []


def test_keys_that_s3_stays_too_busy_for_are_busy(store: BlobStore, faults: Faults) -> None:
    faults.always(altered(lambda answer: answer.update(Errors=[{"Key": "b", "Code": "SlowDown"}])))
    with pytest.raises(Unavailable):
        store.remove(["a", "b"])


def test_what_no_other_attempt_would_change_is_a_fault(store: BlobStore, faults: Faults) -> None:
    faults.on(1, error_response("NoSuchBucket", status=404))
    with pytest.raises(ClientError):
        store.put("k", b"x", **PLAIN)
    faults.on(1, altered(lambda answer: answer.update(Errors=[{"Key": "b", "Code": "AccessDenied"}])))
    with pytest.raises(BytesNotRemoved, match="b: AccessDenied"):
        store.remove(["a", "b"])


# Names in a header


def test_a_name_is_told_in_both_ways() -> None:
    assert content_disposition("scans/Größe 1.png", "image/png") == (
        "inline; filename=\"Gr__e 1.png\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%201.png"
    )


@pytest.mark.parametrize("mime_type", ["text/html", "image/svg+xml", "application/octet-stream", "application/xml"])
def test_what_a_browser_might_run_is_saved(mime_type: str) -> None:
    assert content_disposition(None, mime_type) == "attachment"


@pytest.mark.parametrize("mime_type", ["text/plain", "image/png", "video/mp4", "application/pdf"])
def test_what_a_browser_shows_is_shown(mime_type: str) -> None:
    assert content_disposition(None, mime_type) == "inline"


@given(st.text(max_size=255))
def test_no_name_breaks_out_of_its_header(name: str) -> None:
    header = content_disposition(name, "image/png")
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') in (0, 2)
    assert header.startswith("inline")
