"""Reports the files that clients have stored with the URLs of uploads, as an S3 bucket with a notification does.

The messages are in memory. Those of a previous process are sent again when the engine starts.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any
from urllib.parse import quote_plus

from botocore.awsrequest import AWSPreparedRequest
from moto.s3.models import FakeKey

from chalicelib.local.events.queues import LocalQueue
from chalicelib.local.journal.files import Files, ObjectLocation
from chalicelib.local.moto.rows import REGION
from chalicelib.uploads.upload import STAGING


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The change store of S3, which also sends a message to the queue for each new file in the staging folder."""

    files: Files
    bucket: str
    queue: LocalQueue = field(default_factory=LocalQueue)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def change_of(self, request: AWSPreparedRequest) -> ObjectLocation | None:
        """Returns what an S3 request may change, or None for reads and for other services."""
        return self.files.change_of(request)

    def save(self, change: object) -> None:
        """Saves a change on the disk, and reports it if it is a staged file. Raises OSError if it cannot be saved."""
        self.files.save(change)
        assert isinstance(change, ObjectLocation)
        self._report(change)

    def report_all(self) -> None:
        """Reports every staged file again."""
        for location in self.files.locations():
            self._report(location)

    def _report(self, location: ObjectLocation) -> None:
        if location.bucket == self.bucket and location.key.startswith(f"{STAGING}/"):
            found = self.files.find(location)
            if found is not None:
                self.queue.send(json.dumps(notification(location, found, next(self._numbers))))


def notification(location: ObjectLocation, found: FakeKey, number: int) -> dict[str, Any]:
    """Returns the body of S3's message about a new object. `number` orders the messages about a key.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    about = {
        "key": quote_plus(location.key, safe="/"),
        "size": found.size,
        "eTag": found.etag.strip('"'),
        "sequencer": f"{number:016X}",
    }
    bucket = {"name": location.bucket, "arn": f"arn:aws:s3:::{location.bucket}"}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": found.last_modified.replace(tzinfo=UTC).isoformat(timespec="milliseconds"),
        "eventName": "ObjectCreated:Put",
        "s3": {"s3SchemaVersion": "1.0", "bucket": bucket, "object": about},
    }
    return {"Records": [record]}
