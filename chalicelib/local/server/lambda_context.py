"""The context that event handlers get from the embedded engine in place of Lambda's."""

from __future__ import annotations

from typing import Any

from chalice.local import LambdaContext

MEMORY_MEGABYTES = 1024


def lambda_context(milliseconds: int) -> Any:
    """A context of a call that begins now and may take so many milliseconds."""
    return LambdaContext("local", MEMORY_MEGABYTES, milliseconds)
