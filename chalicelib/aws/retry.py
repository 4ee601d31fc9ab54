"""Retries of calls to DynamoDB and S3, with exponential backoff and jitter.

Retries of botocore are disabled, so that every attempt is counted. The retries of a call end with the budget of the
call, or earlier with the time limit of the request (`core.deadline`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from chalicelib.core.deadline import deadline_of, expired
from chalicelib.core.errors import Unavailable
from chalicelib.core.record import record

INITIAL_WAIT_SECONDS = 0.05
MAX_WAIT_SECONDS = 1.0
# A conflict ends with the other transaction, within milliseconds. Longer waits would only end more requests with a 503
# (`bench/contention.py`).
MAX_CONFLICT_WAIT_SECONDS = 0.25

_RETRYABLE_CODES = frozenset(
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
_CONFLICT = "TransactionConflict"
_RETRYABLE_REASONS = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", _CONFLICT})
# The reason code of the steps that did not cause the cancellation.
_NO_REASON = "None"
_NO_RESPONSE = (HTTPClientError, ConnectionError, ResponseParserError)
_NEVER_SENT = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)


class OutcomeUnknown(Unavailable):
    """No attempt of a write returned its outcome, so it is unknown whether the write was applied."""

    message = "The storage did not respond in time; the change may or may not have been applied"
    code = "unsettled"


class ResponseLost(Exception):
    """An attempt may have been applied although no response arrived, and must not be repeated without a check.

    Only `Table` meets it.
    """


class DeadlineExceeded(Unavailable):
    """The time limit of the request ended before everything was read, or before a write started."""


@record
class RetryPolicy:
    """The time budget of each call, in seconds, and the clock, sleep function and random numbers (0 to 1) to use."""

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    jitter: Callable[[], float]
    budget_seconds: float


class Attempts:
    """The attempts of one call.

    `maybe_applied` is true if an attempt may have been applied although no response arrived. `count` is called before
    each attempt.
    """

    __slots__ = ("_count", "_deadline", "_policy", "_wait", "_writing", "maybe_applied")

    def __init__(
        self, policy: RetryPolicy, *, writing: bool = False, count: Callable[[], None] = count_round_trip
    ) -> None:
        self._count = count
        self._policy = policy
        self._writing = writing
        self._deadline = deadline_of(policy.clock(), policy.budget_seconds)
        self._wait = INITIAL_WAIT_SECONDS
        self.maybe_applied = False

    def call(self, operation: Callable[..., Any], params: Mapping[str, Any], *, repeat_lost: bool = True) -> Any:
        """Returns the response of `operation`, and retries temporary errors.

        Raises Unavailable when the budget is exhausted, or its subclass OutcomeUnknown if a write may have been
        applied. Without `repeat_lost`, raises ResponseLost after a wait if an attempt may have been applied. Other
        errors, such as a failed condition, propagate to the caller. A write does not start after the time limit of the
        request.
        """
        if self._writing and not self.maybe_applied and expired(self._policy.clock()):
            raise DeadlineExceeded()
        while True:
            self._count()
            try:
                return operation(**params)
            except _NO_RESPONSE as error:
                self._wait_to_repeat(error, lost=not isinstance(error, _NEVER_SENT), repeat_lost=repeat_lost)
            except ClientError as error:
                server_error = error.response["ResponseMetadata"].get("HTTPStatusCode", 0) >= 500
                if not server_error and not _is_retryable(error):
                    raise
                self._wait_to_repeat(error, lost=server_error, repeat_lost=repeat_lost)

    def _wait_to_repeat(self, cause: Exception, *, lost: bool, repeat_lost: bool) -> None:
        self.maybe_applied |= lost
        self.pause(cause)
        if lost and not repeat_lost:
            raise ResponseLost() from cause

    def pause(self, cause: Exception | None = None) -> None:
        """Waits before the next attempt. Raises Unavailable or OutcomeUnknown if the wait would exceed the budget."""
        policy = self._policy
        longest = MAX_CONFLICT_WAIT_SECONDS if _is_conflict(cause) else MAX_WAIT_SECONDS
        wait = min(self._wait, longest) * (0.5 + policy.jitter() / 2)
        if policy.clock() + wait >= self._deadline:
            raise (OutcomeUnknown() if self._writing and self.maybe_applied else Unavailable()) from cause
        policy.sleep(wait)
        self._wait = min(2 * self._wait, MAX_WAIT_SECONDS)


def error_code(error: ClientError) -> str:
    """Returns the error code of an AWS error, or an empty string."""
    return error.response["Error"].get("Code", "")


def cancellation_reasons(error: ClientError) -> list[dict[str, Any]]:
    """Returns the reasons for a cancelled transaction, one for each of its steps, in their order."""
    per_step: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    return per_step


def is_retryable_code(name: str) -> bool:
    """Returns whether an error code means a temporary condition, such as throttling, that a retry may overcome."""
    return name in _RETRYABLE_CODES


def _is_retryable(error: ClientError) -> bool:
    if is_retryable_code(error_code(error)):
        return True
    # If one step failed for another reason, such as its condition, a retry cannot succeed.
    codes = _cancellation_codes(error)
    return bool(codes) and codes <= _RETRYABLE_REASONS


def _is_conflict(error: Exception | None) -> bool:
    """Returns whether a call failed only because another transaction was changing the same row."""
    if not isinstance(error, ClientError):
        return False
    return error_code(error) == "TransactionConflictException" or _cancellation_codes(error) == {_CONFLICT}


def _cancellation_codes(error: ClientError) -> set[str]:
    return {reason.get("Code", _NO_REASON) for reason in cancellation_reasons(error)} - {_NO_REASON}
