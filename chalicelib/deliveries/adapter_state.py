"""The counters and the open window of a bucket's source adapter, folded from the catalog table's stream.

Like the statistics, the state has a checkpoint for each shard of the stream. So a delivery counts once, and joins one
window, however often its record is delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chalicelib.core.clock import format_timestamp
from chalicelib.deliveries import windows
from chalicelib.deliveries.counters import NOTHING, Attempt, DeliveryTotals
from chalicelib.deliveries.windows import Join, Joining, Window
from chalicelib.stats.checkpoints import CHECKPOINT_RETENTION, Checkpoint, checkpoints_after, new_changes


@dataclass(frozen=True, slots=True)
class AdapterState:
    """The stored state. Revision 0 means that there is no row yet.

    `batches_submitted` counts the batches that were made of windows and submitted.
    """

    totals: DeliveryTotals = NOTHING
    checkpoints: Mapping[str, Checkpoint] = field(default_factory=dict)
    window: Window | None = None
    batches_submitted: int = 0
    last_event_at: str | None = None
    last_object_id: str | None = None
    last_error: str | None = None
    last_error_at: str | None = None
    revision: int = 0


NO_STATE = AdapterState()


@dataclass(frozen=True, slots=True)
class DeliveryChange:
    """The change of a delivery in a record of the stream. `before` is None if it is new, `after` if it was removed.

    `join` is the object that joins a window because of this change.
    """

    before: Attempt | None
    after: Attempt | None
    join: Join | None
    shard: str
    sequence: str


@dataclass(frozen=True, slots=True)
class Folded:
    """The state after changes, the windows that are closed now, and the new rows of ids: (number, ids) by window.

    `joins` are the objects that have joined a window.
    """

    state: AdapterState
    closed: tuple[Window, ...] = ()
    id_rows: Mapping[str, tuple[int, list[str]]] = field(default_factory=dict)
    joins: tuple[Join, ...] = ()


def folded(
    state: AdapterState, changes: Iterable[DeliveryChange], *, now: datetime, new_id: Callable[[], str]
) -> Folded:
    """Returns the state after these changes, or the same state if it includes all of them."""
    new = new_changes(changes, state.checkpoints)
    if not new:
        return Folded(state)
    for change in new:
        state = _counted(state, change)
    moment, oldest = format_timestamp(now), format_timestamp(now - CHECKPOINT_RETENTION)
    state = replace(state, checkpoints=checkpoints_after(state.checkpoints, new, moment, oldest))
    return joined(state, [change.join for change in new if change.join is not None], now=now, new_id=new_id)


def joined(state: AdapterState, joins: Sequence[Join], *, now: datetime, new_id: Callable[[], str]) -> Folded:
    """Returns the state after these objects have joined windows, one after another."""
    joining = Joining(now, new_id, state.window)
    for join in joins:
        joining.add(join)
    id_rows = joining.finish()
    return Folded(replace(state, window=joining.open), tuple(joining.closed), id_rows, tuple(joins))


def recounted(state: AdapterState, attempts: Iterable[Attempt]) -> AdapterState:
    """Returns the state with the counters of these attempts, the latest ones of all deliveries to the bucket.

    The window, the number of batches and the checkpoints remain.
    """
    found = sorted(attempts, key=lambda attempt: attempt.updated_at)
    totals = NOTHING
    for attempt in found:
        totals = totals.plus(attempt.totals)
    errors = [each for each in found if each.reason and each.updated_at > (state.last_error_at or "")]
    return replace(
        state,
        totals=totals,
        last_event_at=max([state.last_event_at or "", *(each.received_at for each in found)]) or None,
        last_object_id=next((each.object_id for each in reversed(found) if each.object_id), state.last_object_id),
        last_error=errors[-1].reason if errors else state.last_error,
        last_error_at=errors[-1].updated_at if errors else state.last_error_at,
    )


def _counted(state: AdapterState, change: DeliveryChange) -> AdapterState:
    before, after = change.before, change.after
    totals = state.totals.minus(before.totals) if before else state.totals
    if after is None:
        return replace(state, totals=totals)
    return replace(
        state,
        totals=totals.plus(after.totals),
        last_event_at=max(state.last_event_at or "", after.received_at),
        last_object_id=after.object_id or state.last_object_id,
        last_error=after.reason or state.last_error,
        last_error_at=after.updated_at if after.reason else state.last_error_at,
    )


def to_item(state: AdapterState) -> dict[str, Any]:
    """Returns the attributes of the row, without its key."""
    return {
        "totals": list(state.totals),
        "checkpoints": {shard: list(checkpoint) for shard, checkpoint in state.checkpoints.items()},
        "window": windows.to_document(state.window) if state.window else None,
        "batches_submitted": state.batches_submitted,
        "last_event_at": state.last_event_at,
        "last_object_id": state.last_object_id,
        "last_error": state.last_error,
        "last_error_at": state.last_error_at,
        "revision": state.revision,
    }


def from_item(row: Mapping[str, Any] | None) -> AdapterState:
    """Returns the state in a row, or NO_STATE without a row."""
    if row is None:
        return NO_STATE
    window = row.get("window")
    return AdapterState(
        totals=DeliveryTotals(*row["totals"]),
        checkpoints={shard: Checkpoint(*kept) for shard, kept in row["checkpoints"].items()},
        window=windows.from_document(window) if window else None,
        batches_submitted=row["batches_submitted"],
        last_event_at=row.get("last_event_at"),
        last_object_id=row.get("last_object_id"),
        last_error=row.get("last_error"),
        last_error_at=row.get("last_error_at"),
        revision=row["revision"],
    )
