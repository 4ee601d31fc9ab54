"""Adapters as they are stored, and what the tests of their mappings share."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from chalicelib.adapters.rules import SourceAdapterConfig, check_adapter, stored_adapter

SCHEMA = {
    "properties": {
        "title": {"type": "string"},
        "seconds": {"type": "number"},
        "tags": {"type": "array"},
        "clip": {"type": "video"},
        "poster": {"type": "image"},
    }
}
BODY = sha256(b"body").hexdigest()


def adapter(type_: str = "generic_webhook", **settings: Any) -> dict[str, Any]:
    """Returns an adapter as it is stored."""
    config = SourceAdapterConfig.model_validate({"adapter_type": type_, **settings})
    check_adapter(config, SCHEMA)
    return stored_adapter(config, None, new_secret=lambda: "a generated secret", webhook_url=None)
