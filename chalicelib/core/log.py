"""Structured logs: one JSON object per line. API keys and webhook secrets are redacted."""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO

from chalicelib.core.clock import format_timestamp

logger = logging.getLogger("buckets")
INFO, ERROR = logging.INFO, logging.ERROR

# Matches API keys and webhook secrets. After a letter, `sk_` is usually the end of another word, such as `task_`. But
# the letter may belong to an escape sequence such as `\n`, as in the message of a KeyError.
_SECRET = re.compile(r"(?:(?<![A-Za-z])|(?<=\\[a-z]))(sk_|whsec_)[!-~]+")

# The output is ASCII, so that the line separators of Unicode cannot split a line and unpaired surrogates can be
# written. It has no blanks between members, because CloudWatch charges for each byte.
_ENCODE = json.JSONEncoder(default=str, separators=(",", ":")).encode


@dataclass(slots=True)
class RequestFields:
    """The id of the current request, which all of its lines have, and fields for the line at its end."""

    request_id: str
    found: dict[str, str] = field(default_factory=dict)


_request: ContextVar[RequestFields | None] = ContextVar("request", default=None)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": format_timestamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1]:
            fields["exception"] = _described(record.exc_info[1])
        line = _ENCODE(fields)
        # The values are redacted, not the line, because the line may have escape sequences before or inside a secret.
        return _ENCODE(_redacted(fields)) if "sk_" in line or "whsec_" in line else line


def _redacted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _redacted(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_redacted(member) for member in value]
    return value if isinstance(value, int | float | None) else _SECRET.sub(r"\1…", str(value))


def _described(error: BaseException) -> dict[str, Any]:
    """Returns type, message, stack and cause of an exception.

    The message of a pydantic error is omitted, because it quotes the input, which may contain a secret.
    """
    frames = traceback.extract_tb(error.__traceback__)
    message = "" if hasattr(error, "errors") else str(error)
    cause = error.__cause__ or error.__context__
    described = {
        "type": type(error).__name__,
        "message": message[:2000],
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-20:]],
    }
    return {**described, "cause": _described(cause)} if cause is not None else described


def redacted_text(text: str) -> str:
    """Returns the text with each API key and webhook secret replaced by its prefix and an ellipsis."""
    return _SECRET.sub(r"\1…", text)


def configure(level: str, to: TextIO | None = None) -> None:
    """Sets the minimum log level. The first call also sets the stream of the log, by default standard output.

    Other loggers are not changed.
    """
    if not logger.handlers:
        # No line contains the thread or the process, so logging need not look them up.
        logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
        handler = logging.StreamHandler(to or sys.stdout)
        handler.setFormatter(_JsonFormatter())
        logger.addHandler(handler)
        logger.propagate = False
    logger.setLevel(level)


@contextmanager
def request_context(request_id: str) -> Iterator[RequestFields]:
    """Adds the request id to all lines inside the block, also in threads that run in a copy of its context."""
    fields = RequestFields(request_id)
    token = _request.set(fields)
    try:
        yield fields
    finally:
        _request.reset(token)


def add_request_fields(**fields: str) -> None:
    """Adds fields to the line at the end of the current request, such as the id of a resource. Replaces earlier ones.

    Does nothing outside a request. Callers must not pass names or other values that clients choose.
    """
    current = _request.get()
    if current is not None:
        current.found.update(fields)


def log(message: str, *, level: int = INFO, error: BaseException | None = None, **fields: Any) -> None:
    """Writes one line. `fields` become keys of its JSON object. Callers must not pass headers, bodies or API keys."""
    if logger.isEnabledFor(level):
        # `logger.log` would look up its caller, which is always this function. The lookup would take most of the time.
        exc_info = (type(error), error, error.__traceback__) if error is not None else None
        record = logging.LogRecord(logger.name, level, "", 0, message, (), exc_info)
        request = _request.get()
        record.fields = fields if request is None else {"request_id": request.request_id, **fields}
        logger.handle(record)
