"""Observes the calls of an AWS client inside a block, and changes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def handling(client: Any, event: str, handle: Callable[..., Any]) -> Iterator[None]:
    """Calls `handle` at each event of botocore with this name, such as `before-call.dynamodb.Query`."""
    client.meta.events.register(event, handle)
    try:
        yield
    finally:
        client.meta.events.unregister(event, handle)


def rows_read(response: Mapping[str, Any]) -> int:
    """Returns how many rows a call of DynamoDB has read: those that a query evaluated, or those of BatchGetItem."""
    return int(response.get("ScannedCount", 0)) + sum(map(len, response.get("Responses", {}).values()))
