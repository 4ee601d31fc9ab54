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
ParsedResponse = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What happens instead of a call, or to the answer of one that was made."""

    instead: Callable[[], tuple[AWSResponse, ParsedResponse]] | None = None
    afterwards: Callable[[ParsedResponse], None] | None = None


def error_response(code: str, *, status: int = 400, **fields: Any) -> Fault:
    """AWS says no, and has done nothing."""
    answer: ParsedResponse = {
        "Error": {"Code": code, "Message": code},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **fields,
    }
    return Fault(instead=lambda: (AWSResponse(ENDPOINT, status, HTTPHeaders(), None), dict(answer)))


def unprocessed(**fields: Any) -> Fault:
    """AWS says yes and has done nothing, but for what it says that it left."""
    return Fault(
        instead=lambda: (
            AWSResponse(ENDPOINT, 200, HTTPHeaders(), None),
            {"ResponseMetadata": {"HTTPStatusCode": 200}, **fields},
        )
    )


def cancelled(*codes: str) -> Fault:
    """A transaction is cancelled, for one reason per step."""
    return error_response("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


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


def altered(change: Callable[[ParsedResponse], None]) -> Fault:
    """The call is made; its answer is another one."""
    return Fault(afterwards=change)


throttled = error_response("ThrottlingException")
over_capacity = error_response("ProvisionedThroughputExceededException")
conflicting_write = error_response("TransactionConflictException")
conflicting_transaction = cancelled("None", "TransactionConflict")
in_progress = error_response("TransactionInProgressException")
internal_error = error_response("InternalServerError", status=500)
unavailable = error_response("ServiceUnavailable", status=503)


class Faults:
    """The faults of some clients, each on the n-th of their calls, counted from 1, or on every call from one on."""

    def __init__(self, *clients: BaseClient) -> None:
        self._clients = clients
        self._planned: dict[int, Fault] = {}
        self._always: Fault | None = None
        self._first = 0
        self.calls = 0
        for client in clients:
            service, events = client.meta.service_model.service_name, client.meta.events
            events.register(f"before-call.{service}", self._before)
            events.register(f"after-call.{service}", self._after)

    def on(self, call: int, fault: Fault) -> Faults:
        """Plans a fault for one call."""
        self._planned[self.calls + call] = fault
        return self

    def always(self, fault: Fault, *, first: int = 1) -> Faults:
        """Plans a fault for every call from one on that has none of its own."""
        self._always, self._first = fault, self.calls + first
        return self

    def remove(self) -> None:
        """The client is well again."""
        for client in self._clients:
            service, events = client.meta.service_model.service_name, client.meta.events
            events.unregister(f"before-call.{service}", self._before)
            events.unregister(f"after-call.{service}", self._after)

    def _present(self) -> Fault:
        always = self._always if self.calls >= self._first else None
        return self._planned.get(self.calls) or always or Fault()

    def _before(self, **_: Any) -> Any:
        self.calls += 1
        instead = self._present().instead
        return instead() if instead else None

    def _after(self, parsed: ParsedResponse, **_: Any) -> None:
        afterwards = self._present().afterwards
        if afterwards:
            afterwards(parsed)


def _fail(error: Exception) -> NoReturn:
    raise error
