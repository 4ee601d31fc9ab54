"""What may be done with namespaces, and how a request finds its own."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.foundation.caching import Cache
from chalicelib.foundation.ids import Ids
from chalicelib.foundation.refusals import Busy, NotEnabled, invalid
from chalicelib.foundation.times import Clock, stamp
from chalicelib.namespaces.models import (
    NOT_ENABLED,
    CreateNamespaceRequest,
    FeatureExtractor,
    PatchNamespaceRequest,
    UpdateNamespaceRequest,
)
from chalicelib.namespaces.namespace import Namespace
from chalicelib.namespaces.refusals import NamespaceNotFound, NamespaceUnresolved
from chalicelib.namespaces.store import NamespaceStore, RevisionMoved

TURNS = 40
LONGEST_IDENTIFIER = 128


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace that a request has found: its id, its name, and when its time is over."""

    namespace_id: str
    name: str
    expires_at: str | None


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The namespaces of every organization; a call never leaves the organization it names."""

    store: NamespaceStore
    ids: Ids
    clock: Clock
    places: Cache[tuple[str, str], Place]
    pause: Callable[[float], None] = field(default=time.sleep)

    def resolve(self, organization: str, identifier: str, *, ended_too: bool = False) -> Place:
        """The namespace that a request names, from memory for at most a minute.

        Raises NamespaceUnresolved where there is none, or its time is over and `ended_too` is not said.
        """
        place = self.places.get((organization, identifier))
        if place is None:
            found = self._find(organization, identifier)
            if found is None:
                raise NamespaceUnresolved(identifier)
            place = Place(found.namespace_id, found.name, found.expires_at)
            self.places.put((organization, identifier), place)
        if not ended_too and place.expires_at is not None and place.expires_at <= stamp(self.clock()):
            raise NamespaceUnresolved(identifier)
        return place

    def create(self, organization: str, new: CreateNamespaceRequest) -> Namespace:
        """A new namespace. Raises NotEnabled, NamespaceNameTaken, NamespaceIdTaken, RequestInvalid."""
        _check_enabled(new)
        now = self.clock()
        namespace_id = new.namespace_id or self.ids.timed("ns")
        namespace = Namespace(
            namespace_id=namespace_id,
            name=_name(new, namespace_id),
            revision=1,
            created_at=stamp(now),
            updated_at=stamp(now),
            expires_at=_ends(now, new.ttl_seconds),
            settings={
                "description": new.description,
                "namespace_type": new.namespace_type,
                "scope": new.scope,
                "mode": new.mode,
                "feature_extractors": _extractors(new.feature_extractors),
                "payload_indexes": _declared(new.payload_indexes),
                "vector_configs": _declared(new.vector_configs),
            },
        )
        self.store.add(organization, namespace)
        return namespace

    def get(self, organization: str, identifier: str) -> Namespace:
        """The namespace of this id or name, with its totals. Raises NamespaceNotFound."""
        return self.store.with_totals(organization, [self._get(organization, identifier)])[0]

    def change(self, organization: str, identifier: str, change: UpdateNamespaceRequest) -> Namespace:
        """The namespace after a change; only keys that the request holds change anything.

        Raises NamespaceNotFound, NotEnabled, NamespaceNameTaken, RequestInvalid.
        """
        _check_enabled(change)
        for turn in range(TURNS):
            old = self._get(organization, identifier)
            new = self._changed(old, change)
            if new == old:
                break
            new = replace(new, revision=old.revision + 1, updated_at=stamp(self.clock()))
            try:
                self.store.replace(organization, old, new)
            except RevisionMoved:
                self.pause(random.uniform(0, 0.01 * min(turn, 20)))  # noqa: S311 (jitter, no secret)
                continue
            self.places.clear()
            break
        else:
            raise Busy()
        return self.store.with_totals(organization, [new])[0]

    def list(self, organization: str) -> list[Namespace]:
        """All namespaces of the organization, with their totals."""
        return self.store.with_totals(organization, list(self.store.walk(organization)))

    def _get(self, organization: str, identifier: str) -> Namespace:
        found = self._find(organization, identifier)
        if found is None:
            raise NamespaceNotFound(identifier)
        return found

    def _find(self, organization: str, identifier: str) -> Namespace | None:
        if not 0 < len(identifier) <= LONGEST_IDENTIFIER:
            return None
        return self.store.find(organization, identifier)

    def _changed(self, old: Namespace, change: UpdateNamespaceRequest) -> Namespace:
        settings: dict[str, Any] = dict(old.settings)
        present = change.model_fields_set
        if "payload_indexes" in present:
            settings["payload_indexes"] = _declared(change.payload_indexes)
        new = replace(old, name=change.namespace_name or old.name, settings=settings)
        if not isinstance(change, PatchNamespaceRequest):
            return new
        if "description" in present:
            settings["description"] = change.description
        known = {entry["feature_extractor_id"]: entry for entry in settings["feature_extractors"]}
        added = {entry["feature_extractor_id"]: entry for entry in _extractors(change.feature_extractors)}
        settings["feature_extractors"] = list({**known, **added}.values())
        return replace(new, expires_at=self._expiry(old, change))

    def _expiry(self, old: Namespace, change: PatchNamespaceRequest) -> str | None:
        present = change.model_fields_set & {"expires_at", "ttl_seconds"}
        if len(present) == 2:
            raise invalid("body", "ttl_seconds", message="expires_at and ttl_seconds exclude each other")
        if change.expires_at is not None:
            return stamp(change.expires_at)
        return _ends(self.clock(), change.ttl_seconds) if present else old.expires_at


def _name(new: CreateNamespaceRequest, namespace_id: str) -> str:
    # Only the standalone request may come without a name.
    if new.namespace_name:
        return new.namespace_name
    if new.namespace_id is None:
        raise invalid("body", "namespace_name", message="Field required", type="missing")
    if not 3 <= len(namespace_id) <= 64:
        raise invalid("body", "namespace_name", message="Required where the id is not 3 to 64 characters long")
    return namespace_id


def _ends(now: datetime, ttl_seconds: int | None) -> str | None:
    return stamp(now + timedelta(seconds=ttl_seconds)) if ttl_seconds is not None else None


def _extractors(declared: list[FeatureExtractor] | None) -> list[dict[str, Any]]:
    entries = _declared(declared)
    for entry in entries:
        entry["feature_extractor_id"] = f"{entry['feature_extractor_name']}_{entry['version']}"
    return entries


def _declared(entries: list[Any] | None) -> list[dict[str, Any]]:
    return [entry.model_dump(exclude_none=True) for entry in entries or []]


def _check_enabled(request: UpdateNamespaceRequest | CreateNamespaceRequest) -> None:
    asked: Mapping[str, Any] = {name: getattr(request, name, None) for name in NOT_ENABLED}
    for name, value in asked.items():
        if value:
            raise NotEnabled(f"{name} is not enabled here", details={"field": name})
