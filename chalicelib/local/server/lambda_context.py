"""The Lambda context that event handlers get from the embedded engine."""

from __future__ import annotations

from typing import Any

from chalice.local import LambdaContext

MEMORY_MEGABYTES = 1024


def lambda_context(milliseconds: int) -> Any:
    """Returns the context of a call that starts now and may take this many milliseconds."""
    return LambdaContext("local", MEMORY_MEGABYTES, milliseconds)
