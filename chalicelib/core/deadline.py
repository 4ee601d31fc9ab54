"""A time limit that several calls share, such as all calls to AWS that one request makes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class TimeLimit:
    """A time limit that starts with the first call.

    It never ends later than `outer`, the limit of the enclosing block.
    """

    __slots__ = ("_deadline", "_outer", "_seconds")

    def __init__(self, seconds: float, outer: TimeLimit | None) -> None:
        self._seconds = seconds
        self._outer = outer
        self._deadline: float | None = None

    def deadline(self, now: float) -> float:
        """Returns when the limit ends, on the same clock as `now`. The first call starts the limit."""
        if self._deadline is None:
            self._deadline = now + self._seconds
        return self._deadline if self._outer is None else min(self._deadline, self._outer.deadline(now))


# Outside any `time_limit` block, as in event handlers and admin commands, only the limit of each call applies.
_current: ContextVar[TimeLimit | None] = ContextVar("time_limit", default=None)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Limits the total time of all calls inside the block. Each call may use the remaining time.

    Other threads are not limited. A block inside another block cannot extend the outer limit.
    """
    token = _current.set(TimeLimit(seconds, _current.get()))
    try:
        yield
    finally:
        _current.reset(token)


def expired(now: float) -> bool:
    """Returns whether the shared time limit has ended. Always false outside a `time_limit` block."""
    shared = _current.get()
    return shared is not None and now >= shared.deadline(now)


def deadline_of(now: float, seconds: float) -> float:
    """Returns the deadline of a call that starts `now` and has a limit of `seconds` of its own."""
    shared = _current.get()
    return now + seconds if shared is None else min(now + seconds, shared.deadline(now))
