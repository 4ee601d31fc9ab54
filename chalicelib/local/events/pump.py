"""The pump: a thread that delivers the engine's events to the application's event handlers, as AWS does.

One thread serves all sources, one after another. It sleeps until something has been written, and then waits a moment,
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
    """A source of events for an event handler."""

    def deliver(self) -> float | None:
        """Delivers at most one batch.

        Returns in how many seconds it must be called again, or None if it must be called only after a new write.
        """


class Pump:
    """A thread that calls each source after `start`, after every write, and when the source asks for it."""

    def __init__(self, new_writes: threading.Event, sources: Sequence[Source]) -> None:
        """`new_writes` must be set after every write. The pump clears it."""
        self._new_writes = new_writes
        self._sources = sources
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pump", daemon=True)

    def start(self) -> None:
        """Starts the thread. It first delivers the events that are already waiting."""
        self._new_writes.set()
        self._thread.start()

    def stop(self, wait_seconds: float = SHUTDOWN_SECONDS) -> None:
        """Stops the thread. Events that can be delivered at once and within `wait_seconds` are delivered before."""
        self._stopping.set()
        self._new_writes.set()
        self._thread.join(wait_seconds)

    def _run(self) -> None:
        watching.leave_signals_to_main()
        delay: float | None = None
        while not self._stopping.is_set():
            if delay != 0.0:
                self._new_writes.wait(delay)
                self._stopping.wait(GATHER_SECONDS)
            self._new_writes.clear()
            delay = self._deliver_all()
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        while time.monotonic() < deadline and self._deliver_all() == 0.0:
            pass

    def _deliver_all(self) -> float | None:
        """Calls each source once. Returns the shortest of their delays, or None if no source has one."""
        delays = [delay for source in self._sources if (delay := source.deliver()) is not None]
        return min(delays, default=None)
