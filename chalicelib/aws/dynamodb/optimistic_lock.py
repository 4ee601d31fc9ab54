"""Read, revise, write on condition that nothing moved meanwhile: how a row changes that many may change."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from chalicelib.core.errors import Unavailable

R = TypeVar("R")

# Whoever loses a turn reads again; this many lost turns in a row mean that something is wrong.
MAX_ATTEMPTS = 40
MAX_PAUSE_SECONDS = 0.2


class VersionConflict(Unavailable):
    """The row was written since it was read. It is read again; a client hears of it as Unavailable at most."""


def retry_on_conflict(attempt: Callable[[], R], pause: Callable[[float], None]) -> R:
    """The result of the attempt, repeated while it raises VersionConflict. Raises Unavailable after MAX_ATTEMPTS."""
    for turn in range(MAX_ATTEMPTS):
        try:
            return attempt()
        except VersionConflict:
            pause(random.uniform(0, min(0.01 * turn, MAX_PAUSE_SECONDS)))  # noqa: S311 (jitter, no secret)
    raise Unavailable()


def revise(
    read: Callable[[], R],
    revised: Callable[[R], R],
    write: Callable[[R, R], R],
    pause: Callable[[float], None],
    *,
    stored: Callable[[R], object],
) -> R:
    """The state after a change, or the same state where the change makes no difference to what is `stored`.

    `revised` gives the new state and may refuse; `write` puts it in place of the old one and raises
    VersionConflict where that is no longer there. Raises Unavailable when every turn is lost.
    """

    def attempt() -> R:
        old = read()
        new = revised(old)
        # Not the values themselves are compared: to Python true is 1.
        return old if stored(new) == stored(old) else write(old, new)

    return retry_on_conflict(attempt, pause)
