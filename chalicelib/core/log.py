"""Structured logs: one JSON object a line, and never a secret."""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from typing import Any, TextIO

logger = logging.getLogger("buckets")
INFO, ERROR = logging.INFO, logging.ERROR

# All that a key or a webhook secret may consist of. A letter before it makes it another word, as in `task_`,
# unless the letter is of an escape, as in the message of a KeyError.
_SECRET = re.compile(r"(?:(?<![A-Za-z])|(?<=\\[a-z]))(sk_|whsec_)[!-~]+")

# ASCII, so that a line is one line to every reader, and half a surrogate pair cannot keep it from being written.
_ENCODE = json.JSONEncoder(default=str).encode


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {"level": record.levelname, "message": record.getMessage(), **getattr(record, "fields", {})}
        if record.exc_info and record.exc_info[1]:
            fields["exception"] = _told(record.exc_info[1])
        line = _ENCODE(fields)
        # Looked for again in the values themselves: in a line an escape may stand before a secret, or within.
        return _ENCODE(_redacted(fields)) if "sk_" in line or "whsec_" in line else line


def _redacted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _redacted(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_redacted(member) for member in value]
    return value if isinstance(value, int | float | None) else _SECRET.sub(r"\1…", str(value))


def _told(error: BaseException) -> dict[str, Any]:
    """The exception without the values it met: pydantic quotes the input, which may be a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    words = "" if hasattr(error, "errors") else str(error)
    cause = error.__cause__ or error.__context__
    told = {
        "type": type(error).__name__,
        "message": words[:2000],
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-20:]],
    }
    return {**told, "cause": _told(cause)} if cause is not None else told


def redacted_text(text: str) -> str:
    """The text with every key and webhook secret in it cut down to its beginning."""
    return _SECRET.sub(r"\1…", text)


def configure(level: str, to: TextIO | None = None) -> None:
    """Sends our log to standard output, or to `to`, as JSON lines, once, apart from any other logger."""
    if not logger.handlers:
        # What no line of ours tells is not looked up for each.
        logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
        handler = logging.StreamHandler(to or sys.stdout)
        handler.setFormatter(_Line())
        logger.addHandler(handler)
        logger.propagate = False
    logger.setLevel(level)


def log(message: str, *, level: int = INFO, error: BaseException | None = None, **fields: Any) -> None:
    """One line. `fields` become keys of the object; never pass a header, a body or a key."""
    if logger.isEnabledFor(level):
        # Made by hand, since looking for the caller's line, which is always this one, takes longer than all else.
        raised = (type(error), error, error.__traceback__) if error is not None else None
        record = logging.LogRecord(logger.name, level, "", 0, message, (), raised)
        record.fields = fields
        logger.handle(record)
