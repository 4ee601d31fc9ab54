"""An in-memory cache whose entries expire."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """A thread-safe cache.

    An entry expires `seconds` after it was added. At `size` entries, a new entry replaces the oldest one.
    `now` returns the current time in seconds.
    """

    def __init__(self, now: Callable[[], float], *, seconds: float = 60.0, size: int = 1000) -> None:
        self._now, self._seconds, self._size = now, seconds, size
        self._entries: dict[K, tuple[float, V]] = {}
        # Reads need no lock. Finding the oldest entry iterates over the dict, which another thread may modify.
        self._lock = threading.Lock()
        self._clears = 0

    def find(self, key: K, look_up: Callable[[K], V | None]) -> V | None:
        """Returns the cached value, or else the result of `look_up`, which is cached unless it is None.

        The age of a new entry counts from before the call of `look_up`, because the value may change during the call.
        For the same reason the result is not cached if the cache was cleared during the call.
        """
        value = self.get(key)
        if value is None:
            started_at, clears = self._now(), self._clears
            value = look_up(key)
            if value is not None:
                self._add(key, value, started_at, clears)
        return value

    def get(self, key: K) -> V | None:
        """Returns the cached value, or None if there is no entry or it has expired."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        added_at, value = entry
        # A negative age means that the clock was set back: the real age is unknown, so the entry counts as expired.
        if 0 <= self._now() - added_at < self._seconds:
            return value
        with self._lock:
            self._entries.pop(key, None)
        return None

    def put(self, key: K, value: V) -> None:
        """Adds an entry or replaces the existing one."""
        self._add(key, value, self._now(), self._clears)

    def clear(self) -> None:
        """Removes all entries."""
        with self._lock:
            self._clears += 1
            self._entries.clear()

    def _add(self, key: K, value: V, added_at: float, clears: int) -> None:
        with self._lock:
            if clears != self._clears:
                return
            self._entries.pop(key, None)
            if len(self._entries) >= self._size:
                del self._entries[next(iter(self._entries))]
            self._entries[key] = (added_at, value)
