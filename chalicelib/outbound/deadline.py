"""One time limit for all steps of a request."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.core.deadline import deadline_of
from chalicelib.outbound.errors import RequestTimedOut


class Deadline:
    """A time limit that starts now. It does not end later than that of the API request during which it is used."""

    __slots__ = ("_clock", "_end")

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._end = deadline_of(clock(), seconds)

    def remaining(self) -> float:
        """Returns the seconds that are left. Raises RequestTimedOut if there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise RequestTimedOut()
        return left

    def at_most(self, seconds: float) -> Deadline:
        """Returns a time limit of this many seconds from now, which does not end later than this one."""
        return Deadline(self._clock, min(seconds, self.remaining()))

    def waited(self, seconds: float, count: int) -> None:
        """Is told how long a read of so many bytes has taken. It makes no difference."""

    def now(self) -> float:
        """Returns the time of the clock."""
        return self._clock()


class Pace(Deadline):
    """A time limit that also ends if fewer than `min_bytes` arrive within `seconds` of waiting for them.

    The time between two reads does not count: the receiver may be slow.
    """

    __slots__ = ("_bytes", "_min_bytes", "_seconds", "_waited")

    def __init__(self, deadline: Deadline, min_bytes: int, seconds: float) -> None:
        super().__init__(deadline._clock, deadline.remaining())
        self._min_bytes, self._seconds = min_bytes, seconds
        self._bytes, self._waited = 0, 0.0

    def remaining(self) -> float:
        """Returns the seconds that the next read may take. Raises RequestTimedOut if there are none."""
        left = self._seconds - self._waited
        if left <= 0:
            raise RequestTimedOut()
        return min(left, super().remaining())

    def waited(self, seconds: float, count: int) -> None:
        """Counts a read. After `min_bytes`, the time starts again."""
        self._waited += seconds
        self._bytes += count
        if self._bytes >= self._min_bytes:
            self._bytes, self._waited = 0, 0.0
