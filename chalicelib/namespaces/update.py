"""Computes the state of a namespace after a create or update request, and validates the request."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core.clock import format_timestamp
from chalicelib.core.errors import NotEnabled, invalid
from chalicelib.core.json_codec import Document
from chalicelib.namespaces.models import (
    MAX_DECLARED,
    NOT_ENABLED,
    SWITCHES,
    CreateNamespaceRequest,
    FeatureExtractor,
    PatchNamespaceRequest,
    UpdateNamespaceRequest,
)
from chalicelib.namespaces.namespace import Namespace


def new_namespace(new: CreateNamespaceRequest, namespace_id: str, now: datetime) -> Namespace:
    """Returns the namespace that a request creates. Raises NotEnabled or RequestInvalid."""
    _check_enabled(new)
    if new.scope == "system":  # a system namespace would be visible to all organizations
        raise NotEnabled("scope system is not enabled here", details={"field": "scope"})
    return Namespace(
        namespace_id=namespace_id,
        name=_name(new, namespace_id),
        revision=1,
        created_at=format_timestamp(now),
        updated_at=format_timestamp(now),
        expires_at=_expiry(now, new.ttl_seconds),
        settings={
            "description": new.description,
            "namespace_type": new.namespace_type,
            "scope": new.scope,
            "mode": new.mode,
            "feature_extractors": _extractors(new.feature_extractors),
            "payload_indexes": _to_json(new.payload_indexes),
            "vector_configs": _to_json(new.vector_configs),
        },
    )


def updated_namespace(old: Namespace, change: UpdateNamespaceRequest, now: datetime) -> Namespace:
    """Returns the namespace after an update. Only fields that the request contains change; a null name changes nothing.

    Raises NotEnabled or RequestInvalid.
    """
    _check_enabled(change)
    settings = Document(old.settings)
    present = change.model_fields_set
    if "payload_indexes" in present:
        settings["payload_indexes"] = _to_json(change.payload_indexes)
    new = replace(old, name=change.namespace_name or old.name, settings=settings)
    if not isinstance(change, PatchNamespaceRequest):
        return new
    if "description" in present:
        settings["description"] = change.description
    settings["feature_extractors"] = _merged(settings["feature_extractors"], _extractors(change.feature_extractors))
    return replace(new, expires_at=_changed_expiry(old, change, now))


def _merged(existing: list[dict[str, Any]], added: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the extractors of both lists; an added one replaces the existing one with the same id.

    Raises RequestInvalid if there are more than MAX_DECLARED, and more than before.
    """
    by_id = {entry["feature_extractor_id"]: entry for entry in [*existing, *added]}
    if len(by_id) > max(MAX_DECLARED, len(existing)):
        message = f"A namespace declares at most {MAX_DECLARED} feature extractors; the request results in {len(by_id)}"
        raise invalid("body", "feature_extractors", message=message, type="too_long")
    return list(by_id.values())


def _changed_expiry(old: Namespace, change: PatchNamespaceRequest, now: datetime) -> str | None:
    present = change.model_fields_set & {"expires_at", "ttl_seconds"}
    if len(present) == 2:
        raise invalid("body", "ttl_seconds", message="expires_at and ttl_seconds cannot both be set")
    if change.expires_at is not None:
        try:
            return format_timestamp(change.expires_at)
        except OverflowError:
            raise invalid("body", "expires_at", message="The time in UTC is not in the years 1 to 9999") from None
    return _expiry(now, change.ttl_seconds) if present else old.expires_at


def _name(new: CreateNamespaceRequest, namespace_id: str) -> str:
    # The name is required, except in a request for a standalone namespace that has an id.
    if new.namespace_name:
        return new.namespace_name
    if new.namespace_id is None:
        raise invalid("body", "namespace_name", message="Field required", type="missing")
    if not 3 <= len(namespace_id) <= 64:
        raise invalid("body", "namespace_name", message="Required if the id is not 3 to 64 characters long")
    return namespace_id


def _expiry(now: datetime, ttl_seconds: int | None) -> str | None:
    return format_timestamp(now + timedelta(seconds=ttl_seconds)) if ttl_seconds is not None else None


def _extractors(declared: list[FeatureExtractor] | None) -> list[dict[str, Any]]:
    entries = _to_json(declared)
    for entry in entries:
        entry["feature_extractor_id"] = f"{entry['feature_extractor_name']}_{entry['version']}"
    return entries


def _to_json(entries: list[Any] | None) -> list[dict[str, Any]]:
    return [entry.model_dump(exclude_none=True) for entry in entries or []]


def _check_enabled(request: UpdateNamespaceRequest | CreateNamespaceRequest) -> None:
    for name in NOT_ENABLED:
        value = getattr(request, name, None)
        empty = value in ([], {}) or (value is False and name in SWITCHES)
        if value is not None and not empty:
            raise NotEnabled(f"{name} is not enabled here", details={"field": name})
