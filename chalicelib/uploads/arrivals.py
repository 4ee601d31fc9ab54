"""Handles SQS events with the notifications that S3 sends when a client has stored a file.

S3 delivers them at least once, in any order, and sometimes late. A message is reported as failed if its file is to be
checked again, and SQS then delivers it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from chalicelib.aws.queue_events import Event, handle_each
from chalicelib.aws.usage import track_usage
from chalicelib.blobs.service import Blobs
from chalicelib.buckets.errors import BucketLocked, BucketNotActive, BucketNotFound
from chalicelib.core.errors import ApiError, Unavailable
from chalicelib.core.log import ERROR, INFO, log
from chalicelib.uploads.errors import FileNotStored, UploadNotFound
from chalicelib.uploads.promotion import Promotion
from chalicelib.uploads.staging import upload_id_of
from chalicelib.uploads.store import UploadStore
from chalicelib.uploads.upload import Upload


class UnreadableNotification(ValueError):
    """The body of a message is not a notification of S3."""


@dataclass(frozen=True, slots=True)
class UploadArrivals:
    """Promotes the files that S3 reports."""

    store: UploadStore
    promotion: Promotion
    files: Blobs

    def handle(self, event: Event, _context: object) -> dict[str, Any]:
        """Handles each message of an event. The response lists the messages that SQS is to deliver again."""
        return handle_each(event, self._succeeds)

    def _succeeds(self, record: Mapping[str, Any]) -> bool:
        """Handles a message. Returns whether SQS may delete it."""
        try:
            handled = [self._arrived(key) for key in keys_in(record["body"])]
            return all(handled)
        except Exception as error:
            log("A stored file could not be checked", level=ERROR, error=error, message_id=record["messageId"])
            return False

    def _arrived(self, key: str) -> bool:
        """Handles a stored file. Returns whether nothing remains to do."""
        with track_usage() as usage:
            upload_id = upload_id_of(key)
            upload = self.store.locate(upload_id) if upload_id is not None else None
            if upload is None or upload.staging_key != key:
                # Its bucket has been deleted, or it was not stored with a URL of this service.
                self.files.remove([key])
                log("arrival", level=INFO, key=key, ended="unknown")
                return True
            ended, waits = "", False
            try:
                ended = self._promote(upload)
            except (BucketLocked, BucketNotActive) as error:
                # The bucket may accept objects when SQS delivers the message again.
                ended, waits = str(error.code), True
            about: dict[str, Any] = {"round_trips": usage.round_trips, "write_units": usage.write_units}
            log("arrival", level=INFO, upload=upload.upload_id, bucket=upload.bucket_id, ended=ended, **about)
            return not waits

    def _promote(self, upload: Upload) -> str:
        """Completes an upload, or makes it fail. Returns how it has ended, for the log.

        Raises BucketLocked, BucketNotActive, Unavailable.
        """
        try:
            upload = self.promotion.run(upload)
        except (BucketLocked, BucketNotActive, Unavailable):
            raise
        except FileNotStored:
            return "no file"
        except (UploadNotFound, BucketNotFound):
            self.files.remove([upload.staging_key])
            return "unknown"
        except ApiError as error:
            upload = self.promotion.fail(upload, error.code or "object_refused", error.text)
        self.promotion.tidy(upload)
        return str(upload.failure or upload.status.value)


def keys_in(body: str) -> Iterator[str]:
    """Yields the keys of the files in a notification. The test message that S3 sends once has none.

    Raises UnreadableNotification.
    """
    try:
        content = json.loads(body)
        if content.get("Event") == "s3:TestEvent":
            return
        found = [str(record["s3"]["object"]["key"]) for record in content["Records"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableNotification("the message is not a notification of S3") from error
    yield from map(unquote_plus, found)
