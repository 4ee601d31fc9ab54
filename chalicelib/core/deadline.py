"""How long the calls of one piece of work may take together, whichever tables and stores they go to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class TimeLimit:
    """A time that runs from the first call on. What lies around it goes on running too."""

    __slots__ = ("_ends", "_outer", "_seconds")

    def __init__(self, seconds: float, outer: TimeLimit | None) -> None:
        self._seconds = seconds
        self._outer = outer
        self._ends: float | None = None

    def ends(self, now: float) -> float:
        """When it is over, on the clock of whoever asks."""
        if self._ends is None:
            self._ends = now + self._seconds
        return self._ends if self._outer is None else min(self._ends, self._outer.ends(now))


# Work outside any `time_limit` block, such as a stream's or an operator's, has no end but that of each call.
_current: ContextVar[TimeLimit | None] = ContextVar("patience", default=None)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """The calls made inside the block share this time: each gets what those before it have left."""
    token = _current.set(TimeLimit(seconds, _current.get()))
    try:
        yield
    finally:
        _current.reset(token)


def expired(now: float) -> bool:
    """Whether the shared time has run out; never outside of any block."""
    shared = _current.get()
    return shared is not None and now >= shared.ends(now)


def deadline_of(now: float, seconds: float) -> float:
    """When a call that begins now, and may take so long by itself, has to give up."""
    shared = _current.get()
    return now + seconds if shared is None else min(now + seconds, shared.ends(now))
