"""Cursors, which continue a list after the last row of a page. They are opaque to clients.

A cursor holds the sort position of the last row that was returned and a hash of the query that it was issued for.
It holds no database key, so a forged cursor can only ask for another position in the caller's own list.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

from chalicelib.core.errors import BadRequest, RequestInvalid
from chalicelib.core.json_codec import check_json

VERSION = 1
MAX_CURSOR_LENGTH = 8_000


class CursorInvalid(BadRequest):
    """The cursor cannot be decoded, or was issued for another query."""

    message = "The cursor is not valid for this query"
    code = "cursor_invalid"


def fingerprint(*parts: Any) -> str:
    """Returns a hash of JSON values, 16 hexadecimal digits long. It is the same in every process."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def encode(position: list[Any], *, query: str) -> str:
    """Returns the cursor for a position in the list of a query. `query` is the query's fingerprint.

    The cursor needs no escaping in a URL (base64url without padding, RFC 4648 section 5).
    """
    text = json.dumps([VERSION, query, position], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(text: str, *, query: str) -> list[Any]:
    """Returns the position that was given to `encode`. Raises CursorInvalid for any other text."""
    position = _read(text, query)
    if not isinstance(position, list):
        raise CursorInvalid()
    return position


def _read(text: str, query: str) -> Any:
    if len(text) > MAX_CURSOR_LENGTH or not text.isascii():
        raise CursorInvalid()
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        check_json(raw)
        version, issued_for, position = json.loads(raw)
    except (binascii.Error, ValueError, TypeError, RequestInvalid) as error:
        raise CursorInvalid() from error
    if version != VERSION or issued_for != query:
        raise CursorInvalid()
    return position
