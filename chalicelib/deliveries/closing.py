"""Closes windows, and makes batches of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from chalicelib import keys
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.batches.errors import BatchNotDraft, BatchNotFound
from chalicelib.batches.queue import BatchMessage
from chalicelib.batches.service import Batches, Submission
from chalicelib.buckets.errors import BucketLocked, BucketNotActive, BucketNotFound
from chalicelib.buckets.place import BucketPlace
from chalicelib.core.clock import Clock, parse_timestamp
from chalicelib.core.log import ERROR, log
from chalicelib.deliveries.state_store import StateStore
from chalicelib.deliveries.windows import Window
from chalicelib.namespaces.errors import NamespaceNotActive

METADATA = {"source": "source_adapter"}


@dataclass(frozen=True, slots=True)
class WindowClosing:
    """Handles the messages about windows. Each step may be repeated, and continues where another worker died."""

    store: StateStore
    batches: Batches
    clock: Clock

    def run(self, message: BatchMessage) -> int | None:
        """Closes a window whose time is up, and makes its batch.

        Returns after how many seconds to call it again, or None if nothing remains. Raises Unavailable.
        """
        place = BucketPlace(message.organization, message.namespace_id, message.bucket_id)
        rows, window_id = keys.deliveries(place.partition, message.bucket_id), message.batch_id
        closed = self.store.find_closed(rows, window_id)
        if closed is not None:
            self._make(place, rows, closed.window, is_made=closed.is_made)
            return None
        if (wait := self._seconds_open(rows, window_id)) is not None and wait > 0:
            return wait
        window = self.store.close(rows, window_id)
        if window is not None:
            self._make(place, rows, window, is_made=False)
        return None

    def _seconds_open(self, rows: str, window_id: str) -> int | None:
        """Returns how long the window remains open. None if it is not open, or only closes when it is full."""
        window = self.store.find(rows).window
        if window is None or window.window_id != window_id or window.closes_at is None:
            return None
        return ceil((parse_timestamp(window.closes_at) - self.clock()).total_seconds())

    def _make(self, place: BucketPlace, rows: str, window: Window, *, is_made: bool) -> None:
        try:
            if not is_made:
                self._add_once(place, rows, window)
            submitted = window.auto_submit and self._submit(place, window.window_id)
        except (BucketNotFound, BucketNotActive) as error:
            # The bucket is being deleted, or accepts no changes: its draft remains, if it was made.
            log("A batch of deliveries was not submitted", level=ERROR, error=error, batch=window.window_id)
            submitted = False
        self.store.finish(rows, window.window_id, submitted=submitted)

    def _add_once(self, place: BucketPlace, rows: str, window: Window) -> None:
        """Stores the batch, unless another worker has stored it meanwhile."""
        try:
            self._add(place, rows, window)
        except VersionConflict:
            closed = self.store.find_closed(rows, window.window_id)
            if closed is not None and not closed.is_made:
                raise

    def _add(self, place: BucketPlace, rows: str, window: Window) -> None:
        bucket = self.batches.buckets.get(place.partition, place.identifier)
        ids = self.store.object_ids(rows, window.window_id)
        made = self.store.made_step(rows, window.window_id)
        self.batches.add(place, bucket, ids, metadata=METADATA, batch_id=window.window_id, more=[made])

    def _submit(self, place: BucketPlace, batch_id: str) -> bool:
        """Submits the batch. Returns whether it has been submitted, perhaps before by a worker that died.

        An object may be in another batch that runs, with an earlier event.
        """
        try:
            self.batches.submit(place, batch_id, Submission(force=True))
        except BatchNotDraft:
            return True
        except (BatchNotFound, BucketLocked, NamespaceNotActive) as error:
            log("A batch of deliveries was not submitted", level=ERROR, error=error, batch=batch_id)
            return False
        return True
