"""The pump: hands what happened in the engine to the functions of the application, as AWS would.

One thread serves every source in turn. It sleeps until something has been written, and gathers for a moment,
so that writes in quick succession become one batch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Protocol

from chalicelib.local.server import watching

GATHER_SECONDS = 0.1
SHUTDOWN_SECONDS = 5.0


class Source(Protocol):
    """Something that has events for a function."""

    def deliver(self) -> float | None:
        """Delivers one batch at most. In how many seconds it wants another turn; None: when there is news."""


class Pump:
    """A thread that gives each source its turns, from `start` to `stop`. `news` says that there may be events."""

    def __init__(self, news: threading.Event, sources: Sequence[Source]) -> None:
        self._news = news
        self._sources = sources
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pump", daemon=True)

    def start(self) -> None:
        """Begins with what waits already."""
        self._news.set()
        self._thread.start()

    def stop(self, wait_seconds: float = SHUTDOWN_SECONDS) -> None:
        """Delivers what waits, if that can be done at once and within so many seconds, and ends."""
        self._stopping.set()
        self._news.set()
        self._thread.join(wait_seconds)

    def _run(self) -> None:
        watching.leave_signals_to_main()
        delay: float | None = None
        while not self._stopping.is_set():
            if delay != 0.0:
                self._news.wait(delay)
                self._stopping.wait(GATHER_SECONDS)
            self._news.clear()
            delay = self._round()
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        while time.monotonic() < deadline and self._round() == 0.0:
            pass

    def _round(self) -> float | None:
        """One turn for each source. In how many seconds the first wants another; None: when there is news."""
        rests = [delay for source in self._sources if (delay := source.deliver()) is not None]
        return min(rests, default=None)
