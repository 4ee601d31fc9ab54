"""The form of a source adapter in responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REDACTED = "redacted"


def shown_adapter(stored: Mapping[str, Any], *, reveal_secret: bool) -> dict[str, Any]:
    """Returns a stored adapter with redacted credentials and, unless `reveal_secret`, a redacted webhook secret."""
    shown = dict(stored)
    if shown["webhook_secret"] is not None and not reveal_secret:
        shown["webhook_secret"] = REDACTED
    if (connection := stored.get("connection")) is not None:
        credentials = dict.fromkeys(connection.get("credentials") or {}, REDACTED)
        shown["connection"] = {**connection, "credentials": credentials}
    return shown
