"""The exceptions that failed calls to AWS raise."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

FAILURES = (BotoCoreError, ClientError)


def failure_code(error: BaseException) -> str | None:
    """Returns the error code of an error response of AWS, or None for other errors, such as missing credentials."""
    return error.response["Error"].get("Code") if isinstance(error, ClientError) else None
