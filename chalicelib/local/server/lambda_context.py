"""The Lambda context that event handlers get from the embedded engine."""

from __future__ import annotations

import threading
from typing import Any

from chalice.local import LambdaContext

MEMORY_MEGABYTES = 1024


def lambda_context(milliseconds: int) -> Any:
    """Returns the context of a call that starts now and may take this many milliseconds."""
    return LambdaContext("local", MEMORY_MEGABYTES, milliseconds)


class StoppableContext:
    """A Lambda context whose time is up when it ends, or when `stopping` is set. Handlers then save their work."""

    def __init__(self, context: Any, stopping: threading.Event) -> None:
        self._context = context
        self._stopping = stopping

    def get_remaining_time_in_millis(self) -> int:
        """Returns the remaining milliseconds, at least 0."""
        return 0 if self._stopping.is_set() else max(0, self._context.get_remaining_time_in_millis())
