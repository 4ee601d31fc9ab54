"""Failures of calls to AWS that the service does not handle, for code that reports them."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

FAILURES = (BotoCoreError, ClientError)


def failure_code(error: BaseException) -> str | None:
    """The error code that AWS answered with; None for other errors, such as missing credentials."""
    return error.response["Error"].get("Code") if isinstance(error, ClientError) else None
