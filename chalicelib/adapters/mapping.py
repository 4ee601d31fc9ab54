"""Maps the payload of a delivery to an object: event type, identity, fields, and file.

The functions use only the adapter, the schema and the payload, so the same delivery always has the same outcome. The
payload is parsed JSON from another system. Only signed deliveries get here, but their content may be anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from chalicelib.adapters.errors import Unmappable
from chalicelib.adapters.mux import is_rendition_name, rendition_url
from chalicelib.adapters.paths import MISSING, find, find_dotted
from chalicelib.adapters.payload_values import MAX_QUOTED_CHARS, Steps, check_value, describe, is_unicode
from chalicelib.adapters.presets import preset_of
from chalicelib.core.json_codec import to_json
from chalicelib.core.record import record

__all__ = [
    "Mapped",
    "Unmappable",
    "dedup_identity",
    "dedup_value",
    "event_type",
    "idempotency_key",
    "map_payload",
    "unwanted_reason",
]

MAX_EVENT_TYPE_CHARS = 200
MAX_DEDUP_CHARS = 500
MAX_URL_CHARS = 2083
MAX_LISTED_EVENTS = 10

_URL = re.compile(r"https?://[^\s/?#\x00-\x1f\x7f-\x9f]+[^\s\x00-\x1f\x7f-\x9f]*", re.IGNORECASE)


@record
class Mapped:
    """The object that a payload becomes, before it is checked against the bucket's schema.

    `blob` is `{"property", "type", "data": url}`, or None if the object gets no file. `paths` has the path in the
    payload by the name of each field, also of the file's field, so that errors can name both.
    """

    fields: dict[str, Any]
    blob: dict[str, str] | None
    paths: dict[str, str]


def event_type(adapter_type: str, payload: Any) -> str | None:
    """Returns the event type in a payload, or None. It never comes from a header, because headers are not signed."""
    for paths in preset_of(adapter_type).event_type_paths:
        values = [find_dotted(payload, path) for path in paths]
        if all(isinstance(value, str) and value for value in values):
            text = ".".join(values)
            if len(text) <= MAX_EVENT_TYPE_CHARS and is_unicode(text):
                return text
    return None


def unwanted_reason(adapter: Mapping[str, Any], payload: Any) -> str | None:
    """Returns why an adapter ignores a payload, or None if it takes it.

    A payload that is not a JSON object is not ignored: mapping it raises Unmappable.
    """
    if not adapter.get("enabled", True):
        return "the adapter is disabled"
    preset = preset_of(adapter["adapter_type"])
    accepted = (adapter.get("event_filter") or {}).get("event_types") or preset.default_events
    found = event_type(adapter["adapter_type"], payload)
    if not accepted or found in accepted or not isinstance(payload, Mapping):
        return None
    if found is None:
        return f"the payload has no event type; accepted ones: {_listed(accepted)}"
    reason = f"event type {_quoted(found)} is not among the accepted ones: {_listed(accepted)}"
    return f"{reason}; {preset.why_unwanted[found]}" if found in preset.why_unwanted else reason


def dedup_value(adapter: Mapping[str, Any], payload: Any, body_sha256: str) -> str:
    """Returns the text that identifies what a delivery is about. `body_sha256` is the hash of the raw body in hex.

    Raises Unmappable if the value is missing, blank, too long, or neither a text, a number nor a boolean.
    """
    return _dedup(adapter, payload, body_sha256)[0]


def dedup_identity(adapter_type: str, value: str, event: str) -> str:
    """Returns the idempotency key of the object for a `dedup_value`.

    `event` is the event type if the value identifies an asset, about which several events are sent, and else empty.
    """
    return f"adapter:{sha256(to_json([adapter_type, value, event]).encode()).hexdigest()[:48]}"


def idempotency_key(adapter: Mapping[str, Any], payload: Any, body_sha256: str) -> str:
    """Returns the idempotency key of the object that a payload becomes. Raises Unmappable as `dedup_value` does."""
    value, is_asset = _dedup(adapter, payload, body_sha256)
    event = event_type(adapter["adapter_type"], payload) if is_asset else None
    return dedup_identity(adapter["adapter_type"], value, event or "")


def map_payload(adapter: Mapping[str, Any], payload: Any, schema: Mapping[str, Any]) -> Mapped:
    """Returns the fields and the file of the object that a payload becomes. The rest of the payload is not used.

    If several paths lead to one field, the first that is not missing counts. Raises Unmappable.
    """
    _check_object(payload)
    steps = Steps()
    fields: dict[str, Any] = {}
    paths: dict[str, str] = {}
    for path, name in (adapter.get("field_mapping") or {}).items():
        if name not in fields and (value := find(payload, path, steps)) is not MISSING:
            check_value(value, path, steps)
            fields[name], paths[name] = value, path
    if (found := _blob(adapter, payload, schema, steps)) is None:
        return Mapped(fields, None, paths)
    blob, path = found
    return Mapped(fields, blob, {**paths, blob["property"]: path})


def _check_object(payload: Any) -> None:
    if not isinstance(payload, Mapping):
        raise Unmappable(f"The payload must be a JSON object: found {describe(payload)}")


def _dedup(adapter: Mapping[str, Any], payload: Any, body_sha256: str) -> tuple[str, bool]:
    """Returns the value that identifies a delivery, and whether it identifies an asset."""
    _check_object(payload)
    if path := adapter.get("dedup_key"):
        return _identifier(find(payload, path, Steps()), path), False
    preset = preset_of(adapter["adapter_type"])
    path = preset.dedup_path_by_event.get(event_type(adapter["adapter_type"], payload) or "", preset.dedup_path)
    value = find_dotted(payload, path) if path else MISSING
    # Unlike a `dedup_key`, the default is not the user's choice, so null means that the sender has no such value.
    if preset.hash_if_missing and (value is MISSING or value is None):
        return f"sha256:{body_sha256}", False
    return _identifier(value, path or ""), preset.dedup_is_asset


def _identifier(value: Any, path: str) -> str:
    if value is MISSING:
        raise Unmappable(f"The payload has no value at {path!r}, which identifies a delivery")
    if value is None or isinstance(value, dict | list):
        message = "a delivery is identified by a text, a number or a boolean"
        raise Unmappable(f"The value at {path!r} is {describe(value)}, but {message}")
    check_value(value, path, Steps())
    # 1 and 1.0 are the same number in JSON.
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    text = number if isinstance(number, str) else to_json(number)
    if not text.strip() or len(text) > MAX_DEDUP_CHARS:
        raise Unmappable(f"The value at {path!r} must have 1 to {MAX_DEDUP_CHARS} characters and not be blank")
    return text


def _blob(
    adapter: Mapping[str, Any], payload: Any, schema: Mapping[str, Any], steps: Steps
) -> tuple[dict[str, str], str] | None:
    """Returns the blob of the object and the path that its URL comes from, or None if the object gets no file."""
    if source := adapter.get("blob_source"):
        name, type_, path = source["target_property"], source["blob_type"], source["file_field"]
        return {"property": name, "type": type_, "data": _file_url(adapter, payload, path, steps)}, path
    default_file = preset_of(adapter["adapter_type"]).file
    videos = [name for name, field in schema["properties"].items() if field["type"] == "video"]
    if default_file is None or len(videos) != 1:
        return None
    url, path = default_file(payload)
    return {"property": videos[0], "type": "video", "data": url}, path


def _file_url(adapter: Mapping[str, Any], payload: Any, path: str, steps: Steps) -> str:
    value = find(payload, path, steps)
    if value is MISSING:
        raise Unmappable(f"The payload has no value at {path!r}, where the file's URL is expected")
    if adapter["adapter_type"] == "mux" and is_rendition_name(value):
        return rendition_url(payload, value)
    if not _is_url(value):
        message = f"must be an http or https URL of at most {MAX_URL_CHARS} characters"
        raise Unmappable(f"The value at {path!r} {message}: found {describe(value)}")
    return str(value)


def _is_url(value: Any) -> bool:
    if not isinstance(value, str) or len(value) > MAX_URL_CHARS or not _URL.fullmatch(value) or not is_unicode(value):
        return False
    try:
        parts = urlsplit(value)
        # Reading the port checks it.
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _listed(events: Sequence[str]) -> str:
    more = f" and {len(events) - MAX_LISTED_EVENTS} more" if len(events) > MAX_LISTED_EVENTS else ""
    return ", ".join(map(_quoted, events[:MAX_LISTED_EVENTS])) + more


def _quoted(text: str) -> str:
    return repr(text) if len(text) <= MAX_QUOTED_CHARS else f"{text[:MAX_QUOTED_CHARS]!r}…"
