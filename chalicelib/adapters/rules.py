"""The rules for the configuration of a source adapter, and the document that is stored for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chalicelib.adapters.graph import find_cycle
from chalicelib.adapters.models import BatchingConfig, ExternalConnection, SourceAdapterConfig
from chalicelib.adapters.paths import check_path
from chalicelib.adapters.view import PREVIOUS_SECRET, REDACTED, shown_adapter
from chalicelib.core.errors import NotEnabled, Problem, RequestInvalid, invalid
from chalicelib.core.json_codec import to_json
from chalicelib.core.sealed import MAX_SECRET_BYTES, is_sealed, sealed_problem
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
MIN_SECRET_CHARS = 16

_FOR_COLLECTIONS = ("source_collection_id", "source_filters")


def webhook_url(public_url: str, adapter_type: str, bucket_id: str) -> str | None:
    """Returns the URL to which events for a bucket are posted, or None if the adapter type receives no webhooks."""
    if adapter_type not in WEBHOOK_TYPES:
        return None
    return f"{public_url.rstrip('/')}/v1/webhooks/{adapter_type}/{bucket_id}"


def check_adapter(config: SourceAdapterConfig, schema: Mapping[str, Any], *, location: Location = ADAPTER) -> None:
    """Checks that a configuration is consistent and fits the bucket's schema.

    Raises NotEnabled if it uses collections, and RequestInvalid for all other problems.
    """
    _check_enabled(config, location)
    if problems := [
        *_schema_problems(config, schema, location),
        *_source_problems(config, location),
        *_path_problems(config, location),
        *_secret_problems(config, location),
    ]:
        raise RequestInvalid(problems)
    size = len(config.model_dump_json().encode())
    if size > MAX_ADAPTER_BYTES:
        message = f"An adapter has at most {MAX_ADAPTER_BYTES} bytes of JSON; this one has {size}"
        raise invalid(*location, message=message, type="adapter_too_large")


def check_adapter_fits(stored: Mapping[str, Any], schema: Mapping[str, Any], *, location: Location = SCHEMA) -> None:
    """Raises RequestInvalid if a field of the stored adapter is missing in a new schema or has another type there."""
    mismatches = _schema_mismatches(stored.get("field_mapping") or {}, stored.get("blob_source"), schema)
    if problems := [
        Problem((*location, "properties", name), f"{name!r} is in the source adapter: {message}", type_)
        for _, name, message, type_ in mismatches
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
    """Returns the document to store for a checked configuration, with defaults filled in and secrets in clear text.

    A value written as `redacted` is taken from `previous`, the currently stored document. Raises RequestInvalid if
    `previous` does not have that value, or if the URL in `config` is neither `webhook_url` nor the stored one.
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
    if config.webhook_secret == REDACTED:  # the secret is kept, and so is the one before the last rotation
        stored |= {name: before[name] for name in PREVIOUS_SECRET if name in before}
    if config.connection is not None:
        stored["connection"]["credentials"] = _credentials(config, before, location)
    return stored


def sets_secret(config: SourceAdapterConfig) -> bool:
    """Whether this configuration sets or generates a webhook secret. If so, the response contains it."""
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
    for relative_location, _, message, type_ in _schema_mismatches(config.field_mapping or {}, blob, schema):
        yield Problem((*location, *relative_location), message, type_)


def _schema_mismatches(
    field_mapping: Mapping[str, str], blob_source: Mapping[str, str] | None, schema: Mapping[str, Any]
) -> Iterator[tuple[Location, str, str, str]]:
    """Yields the mismatches with the schema: location in the adapter, name of the field, message, problem type."""
    fields = schema["properties"]
    for path, name in field_mapping.items():
        if name not in fields:
            yield ("field_mapping", path), name, f"The bucket schema has no field {name!r}", "unknown_field"
    if blob_source is None:
        return
    name, type_ = blob_source["target_property"], blob_source["blob_type"]
    if name not in fields:
        location = ("blob_source", "target_property")
        yield location, name, f"The bucket schema has no field {name!r}", "unknown_field"
    elif fields[name]["type"] != type_:
        message = f"{name!r} is of type {fields[name]['type']}, not {type_}"
        yield ("blob_source", "blob_type"), name, message, "type_mismatch"


def _source_problems(config: SourceAdapterConfig, location: Location) -> Iterator[Problem]:
    sources, sources_location = config.source_bucket_ids or [], (*location, "source_bucket_ids")
    if config.adapter_type != "bucket":
        if sources:
            yield Problem(sources_location, "Only an adapter of type bucket has source buckets", "contradiction")
        return
    if not sources:
        yield Problem(sources_location, "An adapter of type bucket requires source buckets", "missing")
    for index, id_ in enumerate(sources):
        if id_ in sources[:index]:
            yield Problem((*sources_location, index), f"{id_!r} is named twice", "duplicate")
    if config.webhook_secret is not None:
        message = "An adapter of type bucket receives no webhooks"
        yield Problem((*location, "webhook_secret"), message, "contradiction")


def _path_problems(config: SourceAdapterConfig, location: Location) -> Iterator[Problem]:
    for relative_location, path in _paths(config):
        try:
            check_path(path, (*location, *relative_location))
        except RequestInvalid as error:
            yield from error.problems


def _paths(config: SourceAdapterConfig) -> Iterator[tuple[Location, str]]:
    """Yields the paths into the payload, with their locations in the adapter."""
    for path in config.field_mapping or {}:
        yield ("field_mapping", path), path
    if config.blob_source is not None:
        yield ("blob_source", "file_field"), config.blob_source.file_field
    if config.dedup_key is not None:
        yield ("dedup_key",), config.dedup_key


def _secret_problems(config: SourceAdapterConfig, location: Location) -> Iterator[Problem]:
    """Yields the problems of secrets: one that could be guessed, and those that look like encrypted ones.

    A shorter secret that is stored already can be kept.
    """
    secret = config.webhook_secret
    credentials = (config.connection.credentials if config.connection else None) or {}
    given = [(("connection", "credentials", name), value) for name, value in credentials.items()]
    for relative_location, value in [(("webhook_secret",), secret), *given]:
        if (problem := sealed_problem(value, *location, *relative_location)) is not None:
            yield problem
    if secret is not None and secret != REDACTED and len(secret) < MIN_SECRET_CHARS:
        message = f"String should have at least {MIN_SECRET_CHARS} characters"
        yield Problem((*location, "webhook_secret"), message, "string_too_short")


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
    # Stored credentials are kept only if the URL is the same. Otherwise a caller who cannot read them could change the
    # URL and have them sent to another host.
    same_host = previous.get("api_base_url") == connection.api_base_url
    kept = (previous.get("credentials") or {}) if same_host else {}
    given = connection.credentials or {}
    for name, value in given.items():
        if value == REDACTED and name not in kept:
            raise _nothing_to_keep((*location, "connection", "credentials", name))
    credentials = {name: kept[name] if value == REDACTED else value for name, value in given.items()}
    for name, value in credentials.items():
        if not is_sealed(value) and len(to_json(value).encode()) > MAX_SECRET_BYTES:
            message = f"A credential has at most {MAX_SECRET_BYTES} bytes of JSON"
            raise invalid(*location, "connection", "credentials", name, message=message, type="credential_too_large")
    return credentials


def _nothing_to_keep(location: Location) -> RequestInvalid:
    message = f"{REDACTED!r} keeps the stored value, but no value is stored"
    return invalid(*location, message=message, type="nothing_to_keep")
