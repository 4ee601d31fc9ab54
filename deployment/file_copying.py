"""Copies the files that an S3 bucket had at one moment into another, also those that were removed since then."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.uploads.upload import STAGING
from deployment.events import Say

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

THREADS = 16
BATCH_SIZE = 1000
# S3 copies up to 5 GiB in one call, which can take minutes.
READ_TIMEOUT_SECONDS = 900
EXISTS = "PreconditionFailed"


@dataclass(frozen=True, slots=True)
class FileCount:
    """How many files were copied, were there already, and could not be copied."""

    copied: int = 0
    present: int = 0
    failed: int = 0

    def __add__(self, other: FileCount) -> FileCount:
        return FileCount(self.copied + other.copied, self.present + other.present, self.failed + other.failed)


@dataclass(frozen=True, slots=True)
class FileCopying:
    """Copies within S3, from one bucket to another. The credentials must permit both."""

    s3: S3Client
    source: str
    target: str
    say: Say

    def copy(self, moment: datetime) -> FileCount:
        """Copies the files of this moment, and says which cannot be copied.

        Files that the target has already are not copied again.
        """
        count, files = FileCount(), files_at(self.s3, self.source, moment)
        with ThreadPoolExecutor(THREADS) as threads:
            while batch := list(islice(files, BATCH_SIZE)):
                count = sum(threads.map(self._copy_one, batch), count)
        return count

    def _copy_one(self, version: Any) -> FileCount:
        try:
            self.s3.copy_object(
                Bucket=self.target,
                Key=version["Key"],
                CopySource={"Bucket": self.source, "Key": version["Key"], "VersionId": version["VersionId"]},
                StorageClass=version["StorageClass"],
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"].get("Code") == EXISTS:
                return FileCount(present=1)
            self.say(f"Not copied: {version['Key']}: {error.response['Error'].get('Message', error)}")
            return FileCount(failed=1)
        return FileCount(copied=1)


def files_at(s3: S3Client, bucket: str, moment: datetime) -> Iterator[Any]:
    """Yields the version of each file that the bucket had at this moment, in the form of ListObjectVersions.

    Files that clients have stored, but that are not objects yet, are left out: their URLs are for the other bucket.
    """
    found: dict[str, Any] = {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            if _existed(entry, moment) and _replaces(entry, found.get(entry["Key"])):
                found[entry["Key"]] = entry
        # The next page can have more versions of the last key of this one.
        complete = [key for key in found if key != page.get("NextKeyMarker")]
        yield from (version for key in complete if _is_file(version := found.pop(key)))
    yield from (version for version in found.values() if _is_file(version))


def _existed(entry: Any, moment: datetime) -> bool:
    # S3 gives times in seconds. A file that was removed in the second of the moment counts as present, because a row
    # may still refer to it.
    stored: datetime = entry["LastModified"]
    return stored <= moment if "Size" in entry else stored < moment


def _replaces(entry: Any, other: Any | None) -> bool:
    # Versions of one second are listed with the latest first. A delete marker of the same second does not count.
    return other is None or (entry["LastModified"], "Size" in entry) > (other["LastModified"], "Size" in other)


def _is_file(entry: Any) -> bool:
    return "Size" in entry and not entry["Key"].startswith(f"{STAGING}/")
