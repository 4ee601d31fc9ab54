"""A stored source adapter as clients see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REDACTED = "redacted"


def shown_adapter(stored: Mapping[str, Any], *, reveal_secret: bool) -> dict[str, Any]:
    """A stored adapter as clients see it: credentials redacted, and the secret unless it is revealed."""
    shown = dict(stored)
    if shown["webhook_secret"] is not None and not reveal_secret:
        shown["webhook_secret"] = REDACTED
    if (connection := stored.get("connection")) is not None:
        credentials = dict.fromkeys(connection.get("credentials") or {}, REDACTED)
        shown["connection"] = {**connection, "credentials": credentials}
    return shown
