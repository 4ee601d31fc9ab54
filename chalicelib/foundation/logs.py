"""Structured logs: one JSON object a line, and never a secret."""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from typing import Any

logger = logging.getLogger("buckets")
INFO, ERROR = logging.INFO, logging.ERROR

_SECRET = re.compile(r"\b(sk_|whsec_)[A-Za-z0-9_\-]+")

_ENCODE = json.JSONEncoder(default=str, ensure_ascii=False).encode


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {"level": record.levelname, "message": record.getMessage(), **getattr(record, "fields", {})}
        if record.exc_info and record.exc_info[1]:
            fields["exception"] = _told(record.exc_info[1])
        return _SECRET.sub(r"\1…", _ENCODE(fields))


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


def configure(level: str) -> None:
    """Sends our log to standard output as JSON lines, once, apart from any other logger."""
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
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
