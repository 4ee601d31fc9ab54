"""Turns an exception into the one-line error message that a task shows to clients."""

from __future__ import annotations

import re

from chalicelib.core.errors import ApiError
from chalicelib.core.log import redacted_text

MAX_ERROR_TEXT = 300
_ARN = re.compile(r"arn:[!-~]+")


def error_text(error: BaseException) -> str:
    """The first line of an error, at most 300 characters: the text of an ApiError, otherwise its type and message.

    API keys, secrets and ARNs are redacted. For a pydantic error only the type is returned, because its message quotes
    the values that it rejects.
    """
    if isinstance(error, ApiError):
        text = error.text
    elif hasattr(error, "errors"):
        text = type(error).__name__
    else:
        text = f"{type(error).__name__}: {error}"
    return one_line(text) or type(error).__name__


def one_line(text: str) -> str:
    """The first line of a text, at most 300 characters. API keys, secrets and ARNs are redacted."""
    first_line = (text.strip().splitlines() or [""])[0]
    return redacted_text(_ARN.sub("arn:…", first_line))[:MAX_ERROR_TEXT]
