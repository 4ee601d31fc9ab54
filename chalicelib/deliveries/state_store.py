"""The rows of the state of source adapters, and of their windows, in the catalog table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from chalicelib import keys
from chalicelib.aws.dynamodb.expressions import Condition, UpdateExpression, absent, all_of, between, equals, exists
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict, retry_on_conflict
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import ConditionCheck, Delete, Put, Step, Update
from chalicelib.core.clock import Clock
from chalicelib.core.ids import Ids
from chalicelib.deliveries.adapter_state import (
    AdapterState,
    DeliveryChange,
    Folded,
    folded,
    from_item,
    joined,
    recounted,
    to_item,
)
from chalicelib.deliveries.counters import Attempt
from chalicelib.deliveries.windows import Join, Window, from_document, to_document

# A transaction has at most 100 steps, and each change may add a row of ids, a closed window, and a record of its join.
MAX_CHANGES = 30
# The batches that are made of windows have ids with this prefix.
BATCH_PREFIX = "btch"


@dataclass(frozen=True, slots=True)
class ClosedWindow:
    """A window that has been closed. `is_made`: its batch has been stored."""

    window: Window
    is_made: bool


@dataclass(frozen=True, slots=True)
class StateStore:
    """The state of all source adapters. `rows` is the partition key of a bucket's deliveries, see `keys.deliveries`.

    `records_joins`: a row for each delivery says that it has joined a window. The embedded engine needs these rows,
    because its streams do not survive a process that is killed. DynamoDB's streams do, and the rows would cost there.
    """

    catalog: Table
    ids: Ids
    clock: Clock
    records_joins: bool = False
    pause: Callable[[float], None] = time.sleep

    def find(self, rows: str) -> AdapterState:
        """Returns the state, or NO_STATE if no delivery has been counted. Strongly consistent."""
        return from_item(self.catalog.get(keys.adapter_state(rows)))

    def fold(self, rows: str, changes: Iterable[DeliveryChange]) -> None:
        """Includes changes that are not included yet. Does nothing if the bucket is deleted. Raises Unavailable."""
        remaining = list(changes)
        while remaining:
            chunk, remaining = remaining[:MAX_CHANGES], remaining[MAX_CHANGES:]
            retry_on_conflict(lambda chunk=chunk: self._fold_once(rows, chunk), self.pause)  # type: ignore[misc]

    def recount(self, rows: str, attempts: Iterable[Attempt], joins: Sequence[Join]) -> None:
        """Sets the counters to those of these attempts, and lets these objects join windows.

        `attempts` are the latest ones of all deliveries to the bucket. Nothing must be folded meanwhile. May be
        repeated. Does nothing if the bucket is deleted. Raises Unavailable.
        """
        old, remaining = self.find(rows), list(joins)
        state = recounted(old, attempts)
        if not old.revision and not self._is_bucket_open(rows):
            return
        while remaining or state != old:
            chunk, remaining = remaining[:MAX_CHANGES], remaining[MAX_CHANGES:]
            self._write(rows, old, joined(state, chunk, now=self.clock(), new_id=self._new_id))
            old = state = self.find(rows)

    def close(self, rows: str, window_id: str) -> Window | None:
        """Closes the open window if it has this id. Returns it, or None if it is not open. Raises Unavailable."""

        def attempt() -> Window | None:
            state = self.find(rows)
            window = state.window
            if window is None or window.window_id != window_id:
                return None
            self._write(rows, state, Folded(replace(state, window=None), (window,)))
            return window

        return retry_on_conflict(attempt, self.pause)

    def find_closed(self, rows: str, window_id: str) -> ClosedWindow | None:
        """Returns a window that has been closed and not finished yet, or None. Strongly consistent."""
        row = self.catalog.get(keys.closed_window(rows, window_id))
        return ClosedWindow(from_document(row["window"]), "is_made" in row) if row else None

    def made_step(self, rows: str, window_id: str) -> Step:
        """Returns the write that records that the batch of a closed window has been stored, for its transaction."""
        update = UpdateExpression(set={"is_made": True})
        condition = all_of(exists("pk"), absent("is_made"))
        return Update(keys.closed_window(rows, window_id), update, condition, lambda _: VersionConflict())

    def object_ids(self, rows: str, window_id: str) -> list[str]:
        """Returns the ids of the objects in a window, each once, in the order in which they joined it."""
        found = self.catalog.query(_ids_of(rows, window_id))
        return list(dict.fromkeys(object_id for row in found for object_id in row["ids"]))

    def finish(self, rows: str, window_id: str, *, submitted: bool) -> None:
        """Removes a closed window of which a batch has been made, and counts the batch. May be repeated."""
        self.catalog.delete_many(self.catalog.query(_ids_of(rows, window_id), attributes=("pk", "sk")))
        closed = Delete(keys.closed_window(rows, window_id), exists("pk"), lambda _: VersionConflict())
        count = UpdateExpression(add={"batches_submitted": int(submitted), "revision": 1})
        try:
            self.catalog.transact([closed, Update(keys.adapter_state(rows), count, exists("pk"))])
        except VersionConflict:  # another worker has finished it
            return

    def _fold_once(self, rows: str, changes: list[DeliveryChange]) -> None:
        state = self.find(rows)
        if not state.revision and all(change.after is None for change in changes):
            return  # the deliveries of a deleted bucket are removed
        result = folded(state, changes, now=self.clock(), new_id=self._new_id)
        if result.state is state:
            return
        if state.revision or self._is_bucket_open(rows):
            self._write(rows, state, result)
        else:
            self._remove_if_gone(rows)

    def _remove_if_gone(self, rows: str) -> None:
        """Removes deliveries that were stored while their bucket was removed. Otherwise they would stay for 30 days."""
        if self.catalog.get(_bucket_key(rows)) is None:
            self.catalog.delete_many(self.catalog.query(equals("pk", rows), attributes=("pk", "sk")))

    def _new_id(self) -> str:
        return self.ids.timed(BATCH_PREFIX)

    def _is_bucket_open(self, rows: str) -> bool:
        bucket = self.catalog.get(_bucket_key(rows))
        return bucket is not None and "deletion_task" not in bucket

    def _write(self, rows: str, old: AdapterState, result: Folded) -> None:
        """Replaces the state, and adds the rows of its windows. Raises VersionConflict if the state has changed.

        The row is created only with its bucket, so that a late record leaves nothing behind.
        """
        new = to_item(replace(result.state, revision=old.revision + 1))
        condition = equals("revision", old.revision) if old.revision else absent("revision")
        # After a conflict the row is read again, and its checkpoints show what was included, so no proof is needed.
        update = Update(
            keys.adapter_state(rows), UpdateExpression(set=new), condition, lambda _: VersionConflict(), lambda _: False
        )
        steps: list[Step] = [update, *_window_rows(rows, result)]
        if self.records_joins:
            steps += [Put({**keys.joined_delivery(rows, id_), "attempt": n}) for id_, n in _joined_attempts(result)]
        if not old.revision:
            is_open = all_of(exists("pk"), absent("deletion_task"))
            steps.append(ConditionCheck(_bucket_key(rows), is_open, lambda _: VersionConflict()))
        self.catalog.transact(steps)


def _ids_of(rows: str, window_id: str) -> Condition:
    return all_of(equals("pk", rows), between("sk", *keys.window_ids_range(window_id)))


def _window_rows(rows: str, result: Folded) -> list[Step]:
    ids: list[Step] = [
        Put({**keys.window_ids(rows, window_id, number), "ids": ids})
        for window_id, (number, ids) in result.id_rows.items()
    ]
    closed = [
        Put({**keys.closed_window(rows, window.window_id), "window": to_document(window)}) for window in result.closed
    ]
    return [*ids, *closed]


def _joined_attempts(result: Folded) -> Iterable[tuple[str, int]]:
    """Returns the id and the number of the last attempt of each delivery that has joined a window."""
    return {join.delivery_id: join.attempt for join in result.joins}.items()


def _bucket_key(rows: str) -> dict[str, str]:
    place = keys.parse_deliveries_partition(rows)
    assert place is not None, "the key is that of deliveries"
    return keys.bucket(*place)
