"""The hook of a deployment that has none of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.core.deadline import time_limit
from chalicelib.processing.processor import BatchContext, ProcessingFailed
from chalicelib.processing.stored_files import check_exists

if TYPE_CHECKING:
    from chalicelib.blobs.service import Blobs
    from chalicelib.objects.stored_object import StoredObject

# The time that a call to S3 may take beyond the limit.
GRACE_SECONDS = 10


class DefaultHook:
    """Checks that the stored files of the object are in S3. It does not fetch files that are kept by reference."""

    def __init__(self, blobs: Blobs, timeout_seconds: float) -> None:
        self._blobs = blobs
        self._timeout_seconds = timeout_seconds

    @property
    def max_seconds(self) -> float:
        """The maximum time of one call of `process`, in seconds."""
        return self._timeout_seconds + GRACE_SECONDS

    def process(self, stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        """Returns no fields. Raises ProcessingFailed, which names the field of a file that is missing."""
        deadline = time.monotonic() + self._timeout_seconds
        with time_limit(self._timeout_seconds):
            for blob in stored.blobs:
                if time.monotonic() >= deadline:
                    raise ProcessingFailed("dependency", "The storage did not respond in time")
                if blob.key is not None:
                    check_exists(self._blobs, blob)
        return {}

    def close(self) -> None:
        """Does nothing."""
