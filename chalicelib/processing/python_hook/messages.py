"""The messages between the worker and the child process.

The worker sends an item as a JSON object, and each piece of a file as its bytes after a first byte, PIECE. If a piece
cannot be read, the first byte is UNREADABLE, and a JSON object with category and text follows.

The child sends JSON objects: READY or UNLOADABLE once, and for each item STARTED, any number of READ, and then RETURNED
or FAILED.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from chalicelib.core.json_codec import to_json
from chalicelib.processing.fields import MAX_FIELDS_BYTES
from chalicelib.processing.processor import ERROR_TYPES, Category, ProcessingFailed
from chalicelib.tasks.error_text import one_line

READY, UNLOADABLE, STARTED, READ, RETURNED, FAILED = "ready", "unloadable", "started", "read", "returned", "failed"
PIECE, UNREADABLE = b"\0", b"\1"
# The size of a piece of a file: a request to S3 takes about as long as the transfer of so many bytes.
MAX_PIECE_BYTES = 1 << 20
# The limit of a message of the child.
MAX_MESSAGE_BYTES = MAX_FIELDS_BYTES + 10_000


class MessageInvalid(Exception):
    """The child sent something else than a message."""


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Asks for a piece of the file at this position of the item's files."""

    position: int
    offset: int
    size: int


def encode(kind: str, **members: Any) -> bytes:
    """Returns a message of the child."""
    return to_json({"kind": kind, **members}).encode("utf-8")


def returned(fields: bytes) -> bytes:
    """Returns the message with the fields that the hook returned, which are JSON text."""
    return b'{"kind":"returned","fields":' + fields + b"}"


def decode(content: bytes) -> dict[str, Any]:
    """Returns a message of the child. Raises MessageInvalid."""
    try:
        message = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise MessageInvalid() from error
    if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
        raise MessageInvalid()
    return message


def read_request(message: Mapping[str, Any], file_count: int) -> ReadRequest:
    """Returns the request in a READ message for an item with so many files. Raises MessageInvalid."""
    numbers = [message.get(name) for name in ("position", "offset", "size")]
    if any(type(number) is not int or number < 0 for number in numbers):
        raise MessageInvalid()
    request = ReadRequest(*numbers)  # type: ignore[arg-type]
    if request.position >= file_count or not 1 <= request.size <= MAX_PIECE_BYTES:
        raise MessageInvalid()
    return request


def fields_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields in a RETURNED message. Raises ProcessingFailed for a FAILED one, otherwise MessageInvalid."""
    if message["kind"] == FAILED:
        raise ProcessingFailed(*_failure(message))
    fields = message.get("fields")
    if message["kind"] != RETURNED or not isinstance(fields, dict):
        raise MessageInvalid()
    return fields


def _failure(message: Mapping[str, Any]) -> tuple[Category, str]:
    category, text = message.get("category"), message.get("text")
    if not isinstance(category, str) or category not in ERROR_TYPES or not isinstance(text, str):
        raise MessageInvalid()
    return cast(Category, category), one_line(text)


def encode_unreadable(failure: ProcessingFailed) -> bytes:
    """Returns the message of the worker for a piece that cannot be read."""
    return UNREADABLE + to_json({"category": failure.category, "text": failure.text}).encode("utf-8")
