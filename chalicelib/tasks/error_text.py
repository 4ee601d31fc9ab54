"""What a task says about the error it met: a line that its owner may read."""

from __future__ import annotations

import re

from chalicelib.core.errors import ApiError
from chalicelib.core.log import redacted_text

MAX_ERROR_TEXT = 300
_ARN = re.compile(r"arn:[!-~]+")


def error_text(error: BaseException) -> str:
    """The first line of an error: a refusal's own words, or else its type and message.

    Without keys, secrets and names of AWS resources, and without values that pydantic met.
    """
    if isinstance(error, ApiError):
        words = error.text
    elif hasattr(error, "errors"):
        words = type(error).__name__
    else:
        words = f"{type(error).__name__}: {error}"
    first = (words.strip().splitlines() or [type(error).__name__])[0]
    return redacted_text(_ARN.sub("arn:…", first))[:MAX_ERROR_TEXT]
