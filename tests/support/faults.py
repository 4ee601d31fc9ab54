"""Injects failures of AWS and of the network into chosen calls of a client.

A call fails before it reaches the engine, or it is executed and its response is lost or changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError

T = TypeVar("T")
ENDPOINT = "https://dynamodb.us-east-1.amazonaws.com"
ParsedResponse = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """A function that replaces a call, or one that changes the response of an executed call or raises an error."""

    instead: Callable[[], tuple[AWSResponse, ParsedResponse]] | None = None
    afterwards: Callable[[ParsedResponse], None] | None = None


def error_response(code: str, *, status: int = 400, **fields: Any) -> Fault:
    """AWS rejects the call with this error code. Nothing is executed."""
    response: ParsedResponse = {
        "Error": {"Code": code, "Message": code},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **fields,
    }
    return Fault(instead=lambda: (AWSResponse(ENDPOINT, status, HTTPHeaders(), None), dict(response)))


def unprocessed(**fields: Any) -> Fault:
    """AWS reports success, with these fields in its response, such as unprocessed items. Nothing is executed."""
    return Fault(
        instead=lambda: (
            AWSResponse(ENDPOINT, 200, HTTPHeaders(), None),
            {"ResponseMetadata": {"HTTPStatusCode": 200}, **fields},
        )
    )


def cancelled(*codes: str) -> Fault:
    """AWS cancels a transaction. There is one reason code per write."""
    return error_response("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


def never_sent() -> Fault:
    """The connection fails. Nothing is sent."""
    return Fault(instead=lambda: _fail(ConnectTimeoutError(endpoint_url=ENDPOINT)))


def lost() -> Fault:
    """The request times out. Nothing is executed."""
    return Fault(instead=lambda: _fail(ReadTimeoutError(endpoint_url=ENDPOINT)))


def applied_then_timeout() -> Fault:
    """The call is executed, and the response times out."""
    return Fault(afterwards=lambda response: _fail(ReadTimeoutError(endpoint_url=ENDPOINT)))


def applied_then_closed() -> Fault:
    """The call is executed, and the connection is closed without a response."""
    return Fault(afterwards=lambda response: _fail(ConnectionClosedError(endpoint_url=ENDPOINT)))


def applied_then(act: Callable[[], object]) -> Fault:
    """The call is executed, its response is lost, and `act` is called before the caller notices. Acts once."""
    pending = [act]

    def afterwards(_: ParsedResponse) -> None:
        while pending:
            pending.pop()()
        _fail(ConnectionClosedError(endpoint_url=ENDPOINT))

    return Fault(afterwards=afterwards)


def altered(change: Callable[[ParsedResponse], None]) -> Fault:
    """The call is executed, and its response is changed by this function."""
    return Fault(afterwards=change)


throttled = error_response("ThrottlingException")
over_capacity = error_response("ProvisionedThroughputExceededException")
conflicting_write = error_response("TransactionConflictException")
conflicting_transaction = cancelled("None", "TransactionConflict")
in_progress = error_response("TransactionInProgressException")
internal_error = error_response("InternalServerError", status=500)
unavailable = error_response("ServiceUnavailable", status=503)


class Faults:
    """The faults of one or more clients, planned by the number of the call. The next call has the number 1."""

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
        """Plans a fault for the call with this number."""
        self._planned[self.calls + call] = fault
        return self

    def always(self, fault: Fault, *, first: int = 1) -> Faults:
        """Plans a fault for each call from the number `first` on that has no fault of its own."""
        self._always, self._first = fault, self.calls + first
        return self

    def call(self, operation: Callable[[], T]) -> T:
        """Makes a call of another kind of client, such as a queue in memory, with its number and its fault."""
        if self._before() is not None:
            _fail(ConnectTimeoutError(endpoint_url=ENDPOINT))
        result = operation()
        self._after({})
        return result

    def remove(self) -> None:
        """Removes all faults."""
        for client in self._clients:
            service, events = client.meta.service_model.service_name, client.meta.events
            events.unregister(f"before-call.{service}", self._before)
            events.unregister(f"after-call.{service}", self._after)

    def _current(self) -> Fault:
        always = self._always if self.calls >= self._first else None
        return self._planned.get(self.calls) or always or Fault()

    def _before(self, **_: Any) -> Any:
        self.calls += 1
        instead = self._current().instead
        return instead() if instead else None

    def _after(self, parsed: ParsedResponse, **_: Any) -> None:
        afterwards = self._current().afterwards
        if afterwards:
            afterwards(parsed)


def _fail(error: Exception) -> NoReturn:
    raise error
