"""Optimistic locking: read a row, change it, and write it on the condition that it has not changed in between."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from chalicelib.core.errors import Unavailable

R = TypeVar("R")

# After a conflict the row is read again. This many conflicts in a row indicate a fault.
MAX_ATTEMPTS = 40
MAX_PAUSE_SECONDS = 0.2


class VersionConflict(Unavailable):
    """The row changed after it was read.

    `retry_on_conflict` catches it. Clients only receive Unavailable (503), after MAX_ATTEMPTS conflicts.
    """


def retry_on_conflict(attempt: Callable[[], R], pause: Callable[[float], None]) -> R:
    """Calls `attempt` until it raises no VersionConflict, and returns its result.

    Raises Unavailable after MAX_ATTEMPTS attempts. `pause` waits for the given number of seconds.
    """
    for number in range(MAX_ATTEMPTS):
        try:
            return attempt()
        except VersionConflict:
            pause(random.uniform(0, min(0.01 * number, MAX_PAUSE_SECONDS)))  # noqa: S311 (jitter, no secret)
    raise Unavailable()


def revise(
    read: Callable[[], R],
    revised: Callable[[R], R],
    write: Callable[[R, R], R],
    pause: Callable[[float], None],
    *,
    stored: Callable[[R], object],
) -> R:
    """Changes a stored state and returns the new state, or the old one if the change makes no difference.

    `read` returns the current state. `revised` returns the changed state; errors that it raises end the call.
    `write(old, new)` replaces the old state, and raises VersionConflict if another writer changed it first.
    `stored` returns the row of a state. Raises Unavailable after MAX_ATTEMPTS conflicts.
    """

    def attempt() -> R:
        old = read()
        new = revised(old)
        # Rows are compared, not the states: in Python True equals 1, in stored JSON text they differ.
        return old if stored(new) == stored(old) else write(old, new)

    return retry_on_conflict(attempt, pause)
