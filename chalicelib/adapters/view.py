"""The form of a source adapter in responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REDACTED = "redacted"
# What is stored of the secret before the last rotation. No response about a bucket contains it.
PREVIOUS_SECRET = ("previous_secret", "previous_secret_expires_at")


def shown_adapter(stored: Mapping[str, Any], *, webhook_secret: str | None = None) -> dict[str, Any]:
    """Returns a stored adapter with redacted credentials, and with `webhook_secret` or a redacted one."""
    shown = {name: value for name, value in stored.items() if name not in PREVIOUS_SECRET}
    if shown["webhook_secret"] is not None:
        shown["webhook_secret"] = REDACTED if webhook_secret is None else webhook_secret
    if (connection := stored.get("connection")) is not None:
        credentials = dict.fromkeys(connection.get("credentials") or {}, REDACTED)
        shown["connection"] = {**connection, "credentials": credentials}
    return shown
