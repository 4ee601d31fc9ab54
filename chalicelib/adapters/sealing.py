"""Which values of a stored source adapter are secrets, and are encrypted if the deployment has a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from chalicelib.adapters.view import PREVIOUS_SECRET
from chalicelib.core.json_codec import to_json
from chalicelib.core.sealed import is_sealed

SECRETS = ("webhook_secret", "previous_secret")


class Protect(Protocol):
    """Encrypts secrets."""

    def __call__(self, text: str, *, stored: str | None = None) -> str:
        """Returns the form in which a secret is stored. `stored` is the form that it has now, if it has one."""


def sealed_adapter(adapter: Mapping[str, Any], previous: Mapping[str, Any] | None, protect: Protect) -> dict[str, Any]:
    """Returns the document of an adapter with all secrets as they are stored.

    `previous` is the currently stored document. Values that are encrypted already stay as they are, so a secret that
    was stored before the deployment had a key is encrypted when the adapter is next written. Raises the errors of
    `protect`.
    """
    before = previous or {}
    sealed: dict[str, Any] = {
        name: protect(adapter[name], stored=before.get(name)) for name in SECRETS if adapter.get(name) is not None
    }
    connection = adapter.get("connection")
    if connection is not None and connection.get("credentials"):
        kept = (before.get("connection") or {}).get("credentials") or {}
        credentials = {
            name: _sealed_value(value, kept.get(name), protect) for name, value in connection["credentials"].items()
        }
        sealed["connection"] = {**connection, "credentials": credentials}
    stored = {**adapter, **sealed}
    if "webhook_secret" not in sealed or sealed["webhook_secret"] != before.get("webhook_secret"):
        return stored
    # The secret does not change, for example because a rotation is repeated. The one before it stays valid as well.
    others = {name: value for name, value in stored.items() if name not in PREVIOUS_SECRET}
    return others | {name: before[name] for name in PREVIOUS_SECRET if name in before}


def _sealed_value(value: Any, stored: Any, protect: Protect) -> Any:
    """Returns a credential as it is stored: its JSON, encrypted, or without a key the value itself."""
    if is_sealed(value):
        return value
    text = to_json(value)
    sealed = protect(text, stored=stored if is_sealed(stored) else None)
    return value if sealed == text else sealed
