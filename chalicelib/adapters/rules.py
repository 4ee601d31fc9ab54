"""A bucket's source adapter: the rules of its configuration, what is stored of it and what is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chalicelib.adapters.graph import find_cycle
from chalicelib.adapters.models import BatchingConfig, ExternalConnection, SourceAdapterConfig
from chalicelib.adapters.view import REDACTED, shown_adapter
from chalicelib.core.errors import NotEnabled, Problem, RequestInvalid, invalid
from chalicelib.schemas.rules import SCHEMA
from chalicelib.schemas.values import Location

__all__ = [
    "SourceAdapterConfig",
    "check_adapter",
    "check_adapter_fits",
    "find_cycle",
    "sets_secret",
    "shown_adapter",
    "stored_adapter",
    "webhook_url",
]

ADAPTER = ("body", "source_adapter")
WEBHOOK_TYPES = frozenset({"mux", "iconik", "generic_webhook", "supabase"})
MAX_ADAPTER_BYTES = 20_000

_FOR_COLLECTIONS = ("source_collection_id", "source_filters")


def webhook_url(public_url: str, adapter_type: str, bucket_id: str) -> str | None:
    """Where events for a bucket are to be posted; None for an adapter that takes no events."""
    if adapter_type not in WEBHOOK_TYPES:
        return None
    return f"{public_url.rstrip('/')}/v1/webhooks/{adapter_type}/{bucket_id}"


def check_adapter(config: SourceAdapterConfig, schema: Mapping[str, Any], *, location: Location = ADAPTER) -> None:
    """Refuses a configuration that could not work with the bucket's schema, or contradicts itself.

    Raises NotEnabled for what belongs to collections, RequestInvalid for everything else.
    """
    _check_enabled(config, location)
    if problems := [*_schema_problems(config, schema, location), *_source_problems(config, location)]:
        raise RequestInvalid(problems)
    size = len(config.model_dump_json().encode())
    if size > MAX_ADAPTER_BYTES:
        message = f"An adapter has at most {MAX_ADAPTER_BYTES} bytes of JSON; this one has {size}"
        raise invalid(*location, message=message, type="adapter_too_large")


def check_adapter_fits(stored: Mapping[str, Any], schema: Mapping[str, Any], *, location: Location = SCHEMA) -> None:
    """Refuses (RequestInvalid) a new schema in which a stored adapter finds a field missing or of another type."""
    misfits = _misfits(stored.get("field_mapping") or {}, stored.get("blob_source"), schema)
    if problems := [
        Problem((*location, "properties", name), f"{name!r} is in the source adapter: {message}", type_)
        for _, name, message, type_ in misfits
    ]:
        raise RequestInvalid(problems)


def stored_adapter(
    config: SourceAdapterConfig,
    previous: Mapping[str, Any] | None,
    *,
    new_secret: Callable[[], str],
    webhook_url: str | None,
    location: Location = ADAPTER,
) -> dict[str, Any]:
    """A checked configuration as the document to store, defaults filled in; secrets in clear.

    What was written as `redacted` is taken from the previous document. Raises RequestInvalid where that
    holds nothing to keep, and for a `webhook_url` other than the one that is or was shown.
    """
    before = previous or {}
    if config.webhook_url is not None and config.webhook_url not in (webhook_url, before.get("webhook_url")):
        message = "The webhook URL is assigned by the service"
        raise invalid(*location, "webhook_url", message=message, type="read_only")
    stored = config.model_dump()
    stored["field_mapping"] = config.field_mapping or {}
    stored["batching"] = (config.batching or BatchingConfig()).model_dump()
    stored["webhook_url"] = webhook_url
    stored["webhook_secret"] = _secret(config, before, new_secret, location)
    if config.connection is not None:
        stored["connection"]["credentials"] = _credentials(config, before, location)
    return stored


def sets_secret(config: SourceAdapterConfig) -> bool:
    """Whether storing this configuration sets or generates a secret, which its answer then reveals."""
    return config.adapter_type in WEBHOOK_TYPES and config.webhook_secret != REDACTED


def _check_enabled(config: SourceAdapterConfig, location: Location) -> None:
    if config.adapter_type == "collection":
        raise _not_enabled("adapter_type", location)
    for name in _FOR_COLLECTIONS:
        if getattr(config, name):
            raise _not_enabled(name, location)


def _not_enabled(name: str, location: Location) -> NotEnabled:
    field = ".".join(str(part) for part in (*location[1:], name))
    return NotEnabled(f"{field} needs collections, which are not enabled here", details={"field": field})


def _schema_problems(config: SourceAdapterConfig, schema: Mapping[str, Any], location: Location) -> Iterator[Problem]:
    blob = config.blob_source.model_dump() if config.blob_source else None
    for place, _, message, type_ in _misfits(config.field_mapping or {}, blob, schema):
        yield Problem((*location, *place), message, type_)


def _misfits(
    field_mapping: Mapping[str, str], blob_source: Mapping[str, str] | None, schema: Mapping[str, Any]
) -> Iterator[tuple[Location, str, str, str]]:
    """What an adapter asks of a schema in vain: the place in the adapter, the field, a message and its type."""
    fields = schema["properties"]
    for path, name in field_mapping.items():
        if name not in fields:
            yield ("field_mapping", path), name, f"The bucket schema has no field {name!r}", "unknown_field"
    if blob_source is None:
        return
    name, type_ = blob_source["target_property"], blob_source["blob_type"]
    if name not in fields:
        place = ("blob_source", "target_property")
        yield place, name, f"The bucket schema has no field {name!r}", "unknown_field"
    elif fields[name]["type"] != type_:
        message = f"{name!r} is of type {fields[name]['type']}, not {type_}"
        yield ("blob_source", "blob_type"), name, message, "type_mismatch"


def _source_problems(config: SourceAdapterConfig, location: Location) -> Iterator[Problem]:
    sources, place = config.source_bucket_ids or [], (*location, "source_bucket_ids")
    if config.adapter_type != "bucket":
        if sources:
            yield Problem(place, "Only an adapter of type bucket has source buckets", "contradiction")
        return
    if not sources:
        yield Problem(place, "An adapter of type bucket names its source buckets", "missing")
    for index, id_ in enumerate(sources):
        if id_ in sources[:index]:
            yield Problem((*place, index), f"{id_!r} is named twice", "duplicate")
    if config.webhook_secret is not None:
        message = "An adapter of type bucket receives no webhooks"
        yield Problem((*location, "webhook_secret"), message, "contradiction")


def _secret(
    config: SourceAdapterConfig, before: Mapping[str, Any], new_secret: Callable[[], str], location: Location
) -> str | None:
    if config.adapter_type not in WEBHOOK_TYPES:
        return None
    if config.webhook_secret != REDACTED:
        return config.webhook_secret or new_secret()
    kept: str | None = before.get("webhook_secret")
    if kept is None:
        raise _nothing_to_keep((*location, "webhook_secret"))
    return kept


def _credentials(config: SourceAdapterConfig, before: Mapping[str, Any], location: Location) -> dict[str, Any]:
    connection, previous = config.connection or ExternalConnection(), before.get("connection") or {}
    # Kept for the host they were given for only: who may not read them could else have them sent elsewhere.
    same_host = previous.get("api_base_url") == connection.api_base_url
    kept = (previous.get("credentials") or {}) if same_host else {}
    given = connection.credentials or {}
    for name, value in given.items():
        if value == REDACTED and name not in kept:
            raise _nothing_to_keep((*location, "connection", "credentials", name))
    return {name: kept[name] if value == REDACTED else value for name, value in given.items()}


def _nothing_to_keep(place: Location) -> RequestInvalid:
    message = f"{REDACTED!r} keeps the stored value, and there is none"
    return invalid(*place, message=message, type="nothing_to_keep")
