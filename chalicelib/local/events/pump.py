"""The pump: a thread that delivers the engine's events to the application's event handlers, as AWS does.

One pump serves the streams and the tasks, one source after another. Each thread that processes batches is a pump of
its own, because a hook may take a minute for an object. A pump sleeps until something has been written or sent, and
then waits a moment, so that writes in quick succession become one batch.
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

        Returns in how many seconds it must be called again, or None if it must be called only after the pump was woken.
        """


class Pump:
    """A thread that calls each source after `start`, when it is woken, and when the source asks for it."""

    def __init__(
        self,
        wake: threading.Event,
        sources: Sequence[Source],
        *,
        stopping: threading.Event | None = None,
        drain_seconds: float = SHUTDOWN_SECONDS,
    ) -> None:
        """`wake` must be set after every write or message that concerns a source. The pump clears it.

        `stopping` is set when the pump is asked to stop. It then delivers further events for up to `drain_seconds`, if
        they can be delivered at once.
        """
        self._wake = wake
        self._sources = sources
        self._drain_seconds = drain_seconds
        self._stopping = stopping or threading.Event()
        self._thread = threading.Thread(target=self._run, name="pump", daemon=True)

    def start(self) -> None:
        """Starts the thread. It first delivers the events that are already waiting."""
        self._wake.set()
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Makes the thread end, without waiting for it."""
        self._stopping.set()
        self._wake.set()

    def stop(self, wait_seconds: float = SHUTDOWN_SECONDS) -> None:
        """Stops the thread, and waits at most this long for the event that it is delivering."""
        self.ask_to_stop()
        self._thread.join(wait_seconds)

    def _run(self) -> None:
        watching.leave_signals_to_main()
        delay: float | None = None
        while not self._stopping.is_set():
            if delay != 0.0:
                self._wake.wait(delay)
                self._stopping.wait(GATHER_SECONDS)
            self._wake.clear()
            delay = self._deliver_all()
        deadline = time.monotonic() + self._drain_seconds
        while time.monotonic() < deadline and self._deliver_all() == 0.0:
            pass

    def _deliver_all(self) -> float | None:
        """Calls each source once. Returns the shortest of their delays, or None if no source has one."""
        delays = [delay for source in self._sources if (delay := source.deliver()) is not None]
        return min(delays, default=None)
