"""Observes the calls of BatchGetItem, in the threads that make them, and makes chosen ones fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.support.client_events import handling
from tests.support.faults import Fault

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# How long a test waits for calls that do not begin before it fails.
MAX_WAIT_SECONDS = 60.0


@contextmanager
def before_reads(client: DynamoDBClient, act: Callable[[int], object]) -> Iterator[None]:
    """Calls `act` in the thread of each call, before it, with the number of its keys."""
    event = "provide-client-params.dynamodb.BatchGetItem"

    def before(params: dict[str, Any], **_: Any) -> None:
        act(sum(len(request["Keys"]) for request in params["RequestItems"].values()))

    with handling(client, event, before):
        yield


@contextmanager
def failing_reads(client: DynamoDBClient, key_count: int, fault: Fault) -> Iterator[None]:
    """Each call with this number of keys fails before it is executed."""
    event = "before-call.dynamodb.BatchGetItem"
    current = threading.local()

    def before(**_: Any) -> Any:
        assert fault.instead is not None
        return fault.instead() if current.key_count == key_count else None

    with handling(client, event, before), before_reads(client, lambda count: setattr(current, "key_count", count)):
        yield
