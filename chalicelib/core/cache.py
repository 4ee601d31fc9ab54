"""A small memory with a time limit, for what may be a minute old."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Keeps values for at most `seconds`, and at most `size` of them; the oldest go first. Threads may share it."""

    def __init__(self, now: Callable[[], float], *, seconds: float = 60.0, size: int = 1000) -> None:
        self._now, self._seconds, self._size = now, seconds, size
        self._kept: dict[K, tuple[float, V]] = {}
        # Reading needs no lock. Finding the oldest does: another thread may be changing the dict.
        self._changing = threading.Lock()

    def find(self, key: K, look_up: Callable[[K], V | None]) -> V | None:
        """The value kept, else what `look_up` finds; its age counts from before it was looked up."""
        value = self.get(key)
        if value is None:
            asked_at = self._now()
            value = look_up(key)
            if value is not None:
                self._keep(key, value, asked_at)
        return value

    def get(self, key: K) -> V | None:
        """The value, if it is less than `seconds` old."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        since, value = kept
        if 0 <= self._now() - since < self._seconds:  # a clock that was set back says nothing about age
            return value
        with self._changing:
            self._kept.pop(key, None)
        return None

    def put(self, key: K, value: V) -> None:
        """Keeps the value from now on."""
        self._keep(key, value, self._now())

    def clear(self) -> None:
        """Forgets everything."""
        with self._changing:
            self._kept.clear()

    def _keep(self, key: K, value: V, since: float) -> None:
        with self._changing:
            self._kept.pop(key, None)
            if len(self._kept) >= self._size:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = (since, value)
