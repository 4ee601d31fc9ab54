"""Windows: the objects of deliveries that will be in one batch. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core.clock import format_timestamp

IMMEDIATE, TIME_WINDOW = "immediate", "time_window"


@dataclass(frozen=True, slots=True)
class Window:
    """A window. Its id becomes the id of the batch.

    `closes_at` is None if it only closes when it is full. `size` is the number of deliveries that have joined it, and
    `parts` the number of rows with the ids of their objects.
    """

    window_id: str
    opened_at: str
    closes_at: str | None
    auto_submit: bool
    size: int = 0
    parts: int = 0


@dataclass(frozen=True, slots=True)
class Join:
    """An object of a delivery that joins a window. `batching` is the configuration of the adapter at that time.

    `attempt` is the number of the attempt to apply the delivery that has created or updated the object.
    """

    object_id: str
    batching: Mapping[str, Any]
    delivery_id: str
    attempt: int


@dataclass(slots=True)
class Joining:
    """Adds objects to windows, one after another. `open` is the window that accepts objects, if there is one.

    `ids` are the ids that were added to each window, and `closed` are the windows that have become full.
    """

    now: datetime
    new_id: Callable[[], str]
    open: Window | None
    ids: dict[str, list[str]] = field(default_factory=dict)
    closed: list[Window] = field(default_factory=list)

    def add(self, join: Join) -> None:
        """Adds one object to the open window, or to a new one."""
        batching = join.batching
        if batching["mode"] == IMMEDIATE:
            if self.open is not None:  # the mode has been changed, and nothing else would close this window
                self.closed.append(self.open)
                self.open = None
            self.closed.append(self._joined(self._new(batching), join))
            return
        window = self._joined(self._with_end(self.open or self._new(batching), batching), join)
        is_full = window.size >= batching["max_batch_size"]
        self.open = None if is_full else window
        if is_full:
            self.closed.append(window)

    def finish(self) -> dict[str, tuple[int, list[str]]]:
        """Counts the new rows of ids. Returns, by window, the number of its new row and the ids in it."""
        rows = {}
        for window in [*self.closed, *([self.open] if self.open else [])]:
            if window.window_id in self.ids:
                rows[window.window_id] = (window.parts, self.ids[window.window_id])
        self.closed = [self._counted(window) for window in self.closed]
        self.open = self._counted(self.open) if self.open else None
        return rows

    def _counted(self, window: Window) -> Window:
        return replace(window, parts=window.parts + 1) if window.window_id in self.ids else window

    def _new(self, batching: Mapping[str, Any]) -> Window:
        return Window(self.new_id(), format_timestamp(self.now), None, batching["auto_submit"])

    def _with_end(self, window: Window, batching: Mapping[str, Any]) -> Window:
        if window.closes_at is not None or batching["mode"] != TIME_WINDOW:
            return window
        end = self.now + timedelta(seconds=batching["window_seconds"])
        return replace(window, closes_at=format_timestamp(end))

    def _joined(self, window: Window, join: Join) -> Window:
        self.ids.setdefault(window.window_id, []).append(join.object_id)
        return replace(window, size=window.size + 1, auto_submit=join.batching["auto_submit"])


def to_document(window: Window) -> dict[str, Any]:
    """Returns the form in which a window is stored."""
    return {
        "window_id": window.window_id,
        "opened_at": window.opened_at,
        "closes_at": window.closes_at,
        "auto_submit": window.auto_submit,
        "size": window.size,
        "parts": window.parts,
    }


def from_document(document: Mapping[str, Any]) -> Window:
    """Returns the window in its stored form."""
    return Window(**{name: document.get(name) for name in Window.__slots__})  # type: ignore[arg-type]
