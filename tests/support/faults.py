"""Makes a client's calls go wrong in the ways that AWS and networks do, on the call that a test names.

A call can fail before it reaches the engine, or be applied there and its answer be lost or replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError

ENDPOINT = "https://dynamodb.us-east-1.amazonaws.com"
Answer = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What happens instead of a call, or to the answer of one that was made."""

    instead: Callable[[], tuple[AWSResponse, Answer]] | None = None
    afterwards: Callable[[Answer], None] | None = None


def answers(code: str, *, status: int = 400, **fields: Any) -> Fault:
    """AWS says no, and has done nothing."""
    answer: Answer = {
        "Error": {"Code": code, "Message": code},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **fields,
    }
    return Fault(instead=lambda: (AWSResponse(ENDPOINT, status, HTTPHeaders(), None), dict(answer)))


def cancelled(*codes: str) -> Fault:
    """A transaction is cancelled, for one reason per step."""
    return answers("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


def never_sent() -> Fault:
    """No connection was made."""
    return Fault(instead=lambda: _fail(ConnectTimeoutError(endpoint_url=ENDPOINT)))


def lost() -> Fault:
    """The request went out, nothing was applied, no answer came."""
    return Fault(instead=lambda: _fail(ReadTimeoutError(endpoint_url=ENDPOINT)))


def applied_then_timeout() -> Fault:
    """The engine does what was asked, and the answer never comes."""
    return Fault(afterwards=lambda answer: _fail(ReadTimeoutError(endpoint_url=ENDPOINT)))


def applied_then_closed() -> Fault:
    """The engine does what was asked, and the connection breaks."""
    return Fault(afterwards=lambda answer: _fail(ConnectionClosedError(endpoint_url=ENDPOINT)))


def altered(change: Callable[[Answer], None]) -> Fault:
    """The call is made; its answer is another one."""
    return Fault(afterwards=change)


throttled = answers("ThrottlingException")
over_capacity = answers("ProvisionedThroughputExceededException")
conflicting_write = answers("TransactionConflictException")
conflicting_transaction = cancelled("None", "TransactionConflict")
in_progress = answers("TransactionInProgressException")
internal_error = answers("InternalServerError", status=500)
unavailable = answers("ServiceUnavailable", status=503)


class Faults:
    """The faults of one client, each on the n-th of its calls, counted from 1, or on every call."""

    def __init__(self, client: BaseClient) -> None:
        self._events: Any = client.meta.events
        service = client.meta.service_model.service_name
        self._before_call, self._after_call = f"before-call.{service}", f"after-call.{service}"
        self._planned: dict[int, Fault] = {}
        self._always: Fault | None = None
        self._calls = 0
        self._events.register(self._before_call, self._before)
        self._events.register(self._after_call, self._after)

    def on(self, call: int, fault: Fault) -> Faults:
        """Plans a fault for one call."""
        self._planned[self._calls + call] = fault
        return self

    def always(self, fault: Fault) -> Faults:
        """Plans a fault for every call that has none of its own."""
        self._always = fault
        return self

    def remove(self) -> None:
        """The client is well again."""
        self._events.unregister(self._before_call, self._before)
        self._events.unregister(self._after_call, self._after)

    def _present(self) -> Fault:
        return self._planned.get(self._calls) or self._always or Fault()

    def _before(self, **_: Any) -> Any:
        self._calls += 1
        instead = self._present().instead
        return instead() if instead else None

    def _after(self, parsed: Answer, **_: Any) -> None:
        afterwards = self._present().afterwards
        if afterwards:
            afterwards(parsed)


def _fail(error: Exception) -> NoReturn:
    raise error
