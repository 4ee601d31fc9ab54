"""The files of one moment are copied from a versioned bucket to another."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner
from mypy_boto3_s3 import S3Client

from chalicelib.local.moto.backends import Backends
from deployment.__main__ import deployment
from deployment.file_copying import FileCopying, FileCount, files_at

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
AFTER_ALL = datetime(2100, 1, 1, tzinfo=UTC)


def version(key: str, at: datetime, id_: str = "v") -> dict[str, Any]:
    return {"Key": key, "VersionId": id_, "LastModified": at, "Size": 1, "StorageClass": "STANDARD"}


def marker(key: str, at: datetime) -> dict[str, Any]:
    return {"Key": key, "VersionId": "m", "LastModified": at}


def listed(*pages: dict[str, Any]) -> list[tuple[str, str]]:
    """The key and the version of each file at noon in a bucket with these pages of versions."""
    client = boto3.client("s3", "us-east-1")
    with Stubber(client) as stubber:
        for page in pages:
            more = {"IsTruncated": True, "NextVersionIdMarker": "v"} if "NextKeyMarker" in page else {}
            stubber.add_response("list_object_versions", {**page, **more})
        return [(each["Key"], each["VersionId"]) for each in files_at(client, "films", NOON)]


@pytest.mark.parametrize(
    ("versions", "markers", "found"),
    [
        ([version("a", NOON)], [], [("a", "v")]),
        ([version("a", NOON + SECOND)], [], []),
        ([version("a", NOON - SECOND)], [marker("a", NOON + SECOND)], [("a", "v")]),
        ([version("a", NOON - 2 * SECOND)], [marker("a", NOON - SECOND)], []),
        # S3 does not say which came first within a second. A file too many is no loss.
        ([version("a", NOON - SECOND)], [marker("a", NOON)], [("a", "v")]),
        ([version("a", NOON - SECOND)], [marker("a", NOON - SECOND)], [("a", "v")]),
        ([version("a", NOON + SECOND, "3"), version("a", NOON, "2"), version("a", NOON, "1")], [], [("a", "2")]),
        ([version("u/upl_1/a", NOON)], [], []),
    ],
)
def test_a_file_exists_from_its_version_to_its_delete_marker(
    versions: list[dict[str, Any]], markers: list[dict[str, Any]], found: list[tuple[str, str]]
) -> None:
    assert listed({"Versions": versions, "DeleteMarkers": markers}) == found


def test_the_versions_of_a_file_may_be_on_two_pages() -> None:
    first = {"Versions": [version("a", NOON), version("b", NOON + SECOND, "2")], "NextKeyMarker": "b"}
    assert listed(first, {"Versions": [version("b", NOON, "1"), version("c", NOON)]}) == [
        ("a", "v"),
        ("b", "1"),
        ("c", "v"),
    ]


@dataclass
class Buckets:
    s3: S3Client
    printed: list[str] = field(default_factory=list)
    old: str = field(default_factory=lambda: f"old-{uuid.uuid4().hex}")
    new: str = field(default_factory=lambda: f"new-{uuid.uuid4().hex}")

    def copy(self) -> FileCount:
        return FileCopying(self.s3, self.old, self.new, self.printed.append).copy(AFTER_ALL)


@pytest.fixture
def buckets() -> Buckets:
    client = boto3.client("s3", "us-east-1", endpoint_url="https://s3.amazonaws.com")
    Backends().attach(client)
    buckets = Buckets(client)
    for name in (buckets.old, buckets.new):
        client.create_bucket(Bucket=name)
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return buckets


def test_a_removed_file_is_copied_with_its_type_and_storage_class(buckets: Buckets) -> None:
    stored = buckets.s3.put_object(
        Bucket=buckets.old, Key="blobs/a", Body=b"poster", ContentType="image/png", StorageClass="STANDARD_IA"
    )
    buckets.s3.delete_object(Bucket=buckets.old, Key="blobs/a")
    copying = FileCopying(buckets.s3, buckets.old, buckets.new, buckets.printed.append)
    page = buckets.s3.list_object_versions(Bucket=buckets.old)["Versions"]
    assert [each["VersionId"] for each in page] == [stored["VersionId"]]
    assert copying._copy_one(page[0]) == FileCount(copied=1)
    found = buckets.s3.get_object(Bucket=buckets.new, Key="blobs/a")
    assert (found["Body"].read(), found["ContentType"], found["StorageClass"]) == (
        b"poster",
        "image/png",
        "STANDARD_IA",
    )


def test_all_files_are_copied(buckets: Buckets) -> None:
    for number in range(40):
        buckets.s3.put_object(Bucket=buckets.old, Key=f"blobs/{number}", Body=str(number).encode())
    assert buckets.copy().copied == 40
    assert buckets.s3.get_object(Bucket=buckets.new, Key="blobs/39")["Body"].read() == b"39"
    assert buckets.printed == []


@pytest.mark.parametrize(
    ("code", "count", "printed"),
    [
        ("PreconditionFailed", FileCount(present=1), []),
        ("InvalidObjectState", FileCount(failed=1), ["Not copied: a: the file is archived"]),
    ],
)
def test_a_file_that_exists_is_not_copied_again_and_a_failure_does_not_end_the_copy(
    code: str, count: FileCount, printed: list[str]
) -> None:
    client, lines = boto3.client("s3", "us-east-1"), []  # type: tuple[S3Client, list[str]]
    with Stubber(client) as stubber:
        stubber.add_response("list_object_versions", {"Versions": [version("a", NOON)]})
        stubber.add_client_error("copy_object", code, "the file is archived")
        assert FileCopying(client, "old", "new", lines.append).copy(NOON) == count
    assert lines == printed


@pytest.mark.parametrize("moment", ["yesterday", "2026-01-31T12:00:00"])
def test_the_moment_needs_an_offset(moment: str) -> None:
    arguments = ["copy-files", "--stage", "dev", "--blob-bucket", "old", "--moment", moment]
    assert CliRunner().invoke(deployment, arguments).exit_code == 2
