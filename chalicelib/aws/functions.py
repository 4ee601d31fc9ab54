"""Calls Lambda functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from chalicelib.aws.retry import error_code, is_retryable_code
from chalicelib.aws.usage import count_round_trip

Reason = Literal["busy", "denied", "timed out", "unreachable", "rejected"]

_DENIED = ("AccessDenied", "ExpiredToken", "InvalidClientTokenId", "UnrecognizedClient", "InvalidSignature")
_BUSY = ("TooManyRequestsException", "ResourceNotReadyException", "ResourceConflictException")


class FunctionClient(Protocol):
    """A Lambda client that invokes functions."""

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> Any:
        """Invokes a function, and waits for its response."""


@dataclass(frozen=True, slots=True)
class FunctionResponse:
    """The response of a function. `failed`: whether it is a description of the function's error."""

    failed: bool
    payload: bytes


class InvocationFailed(Exception):
    """Lambda did not return the response of the function."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


def invoke(client: FunctionClient, function: str, payload: bytes, *, max_bytes: int) -> FunctionResponse:
    """Calls a function once and returns its response. More than `max_bytes` of it are cut off.

    Raises InvocationFailed. The call is not repeated, because a function may have effects.
    """
    count_round_trip()
    try:
        response = client.invoke(FunctionName=function, InvocationType="RequestResponse", Payload=payload)
        return FunctionResponse("FunctionError" in response, response["Payload"].read(max_bytes + 1))
    except ClientError as error:
        code = error_code(error)
        raise InvocationFailed(_reason(code, error), f"Lambda responded with {code}") from error
    except (BotoCoreError, ResponseParserError) as error:
        raise InvocationFailed(_reason_without_response(error), type(error).__name__) from error


def _reason(code: str, error: ClientError) -> Reason:
    if any(part in code for part in _DENIED):
        return "denied"
    status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
    return "busy" if status >= 500 or code in _BUSY or is_retryable_code(code) else "rejected"


def _reason_without_response(error: Exception) -> Reason:
    if isinstance(error, ReadTimeoutError):
        return "timed out"
    is_network = isinstance(error, HTTPClientError | ConnectionError | ResponseParserError)
    return "unreachable" if is_network else "denied"  # the others are missing credentials
