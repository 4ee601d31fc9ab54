"""Where the settings of a bucket are stored: in the bucket's row, or in a row of their own if they are large.

A list that filters reads the rows of all buckets of a namespace. DynamoDB charges for entire rows, so a schema in them
would cost read units even if the filter does not name it. A bucket with large settings keeps only a summary in its row:
what filters and searches usually read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from chalicelib.buckets.errors import BucketTooLarge
from chalicelib.buckets.settings import BucketSettings, read_settings
from chalicelib.core.json_codec import bounded, escaped_bytes, to_json

# DynamoDB limits an item to 400 KB. The other attributes of a row need much less than the remaining 100 KB.
MAX_SETTINGS_BYTES = 300_000
# Larger settings have a row of their own.
MAX_INLINE_BYTES = 2_000
MAX_SUMMARY_FIELD_BYTES = 1_000
SUMMARY_FIELDS = frozenset({"description", "metadata", "storage_class"})
SETTINGS_FIELDS = SUMMARY_FIELDS | {"bucket_schema", "unique_key", "source_adapter"}


def digest_of(settings: BucketSettings) -> str | None:
    """Returns what identifies the settings in a row of their own, or None if they fit into the bucket's row."""
    encoded = settings.text.encode()
    return sha256(encoded).hexdigest() if len(encoded) > MAX_INLINE_BYTES else None


def attributes_of(settings: BucketSettings) -> dict[str, Any]:
    """Returns what the bucket's row has of its settings. Raises BucketTooLarge."""
    text = bounded(settings.text, MAX_SETTINGS_BYTES, lambda: BucketTooLarge(MAX_SETTINGS_BYTES))
    digest = digest_of(settings)
    if digest is None:
        return {"settings": text}
    return {
        "settings_digest": digest,
        "settings_bytes": escaped_bytes(text),
        "summary": to_json(_summary(settings)),
    }


def _summary(settings: BucketSettings) -> dict[str, Any]:
    """Returns the fields that filters and searches usually read, without those that are large."""
    fields = {name: getattr(settings, name) for name in sorted(SUMMARY_FIELDS)}
    return {name: value for name, value in fields.items() if len(to_json(value).encode()) <= MAX_SUMMARY_FIELD_BYTES}


def separate_settings(settings: BucketSettings, digest: str) -> dict[str, Any]:
    """Returns the attributes of the settings' own row, except its keys."""
    return {"digest": digest, "settings": settings.text}


def inline_settings(item: Mapping[str, Any]) -> BucketSettings | None:
    """Returns the settings in a bucket's row, or None if they have a row of their own."""
    return read_settings(item["settings"]) if "settings" in item else None


def known_settings(item: Mapping[str, Any]) -> tuple[BucketSettings, frozenset[str]]:
    """Returns the settings of a bucket as far as its row has them, and the names of the fields that it lacks."""
    settings = inline_settings(item)
    if settings is not None:
        return settings, frozenset()
    summary = json.loads(item["summary"])
    return BucketSettings({}, **summary), SETTINGS_FIELDS - summary.keys()
