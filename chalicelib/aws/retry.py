"""Calling DynamoDB or S3 until it answers: what is worth another try, how long to wait, when to give up.

The client itself never tries twice, so every attempt is counted, waits with jitter, and fits a budget: that of
its call, and that which `patience` gives the request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import (
    ClientError,
    ConnectionError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
)
from botocore.parsers import ResponseParserError

from chalicelib.aws.usage import count_round_trip
from chalicelib.core.deadline import deadline_of
from chalicelib.core.errors import Unavailable

FIRST_WAIT_SECONDS = 0.05
MAX_WAIT_SECONDS = 1.0

_BUSY_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "InternalError",
        "OperationAborted",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_BUSY_REASONS = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})
_INNOCENT = "None"
_LOST = (HTTPClientError, ConnectionError, ResponseParserError)
_NEVER_SENT = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)


class OutcomeUnknown(Unavailable):
    """No try of a write was answered with its outcome, so nobody knows whether it was made."""

    message = "The storage did not answer in time; the change may or may not have been made"
    code = "unsettled"


class DeadlineExceeded(Unavailable):
    """The time that all calls of a request share ran out, and there was more to read."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How one call may spend its time, all of it given from outside."""

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    jitter: Callable[[], float]
    budget_seconds: float


class Attempts:
    """The attempts of one call. `maybe_applied`: one of them may have been applied without our hearing of it.

    `count` is called before each.
    """

    __slots__ = ("_count", "_deadline", "_pace", "_wait", "_writing", "maybe_applied")

    def __init__(
        self, pace: RetryPolicy, *, writing: bool = False, count: Callable[[], None] = count_round_trip
    ) -> None:
        self._count = count
        self._pace = pace
        self._writing = writing
        self._deadline = deadline_of(pace.clock(), pace.budget_seconds)
        self._wait = FIRST_WAIT_SECONDS
        self.maybe_applied = False

    def call(self, operation: Callable[..., Any], params: Mapping[str, Any]) -> Any:
        """The storage's answer. Raises Unavailable when the budget is spent, and lets faults and conditions fly."""
        while True:
            self._count()
            try:
                return operation(**params)
            except _LOST as error:
                self.maybe_applied |= not isinstance(error, _NEVER_SENT)
                self.pause(error)
            except ClientError as error:
                unanswered = error.response["ResponseMetadata"].get("HTTPStatusCode", 0) >= 500
                if not unanswered and not _is_busy(error):
                    raise
                self.maybe_applied |= unanswered
                self.pause(error)

    def pause(self, cause: Exception | None = None) -> None:
        """Waits before the next attempt, or raises Unavailable if that would go beyond the budget."""
        pace = self._pace
        wait = self._wait * (0.5 + pace.jitter() / 2)
        if pace.clock() + wait >= self._deadline:
            raise (OutcomeUnknown() if self._writing and self.maybe_applied else Unavailable()) from cause
        pace.sleep(wait)
        self._wait = min(2 * self._wait, MAX_WAIT_SECONDS)


def error_code(error: ClientError) -> str:
    """The storage's name for what went wrong."""
    return error.response["Error"].get("Code", "")


def cancellation_reasons(error: ClientError) -> list[dict[str, Any]]:
    """Why a transaction was cancelled, one reason for each of its steps, in their order."""
    given: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    return given


def is_retryable_code(name: str) -> bool:
    """Whether what goes by this name is about load, and worth another attempt."""
    return name in _BUSY_CODES


def _is_busy(error: ClientError) -> bool:
    if is_retryable_code(error_code(error)):
        return True
    # One reason that is not about load, a failed condition or a fault of ours, explains the cancellation.
    codes = {reason.get("Code", _INNOCENT) for reason in cancellation_reasons(error)} - {_INNOCENT}
    return bool(codes) and codes <= _BUSY_REASONS
