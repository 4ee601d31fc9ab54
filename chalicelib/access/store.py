"""Organizations and keys in the catalog table.

A key has two rows: one found by the hash of its secret, which is all that a request reads, and a pointer
among its organization's rows, from which keys are listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.access.models import ApiKey, Organization, read_scope
from chalicelib.access.refusals import KeyNotFound, OrganizationNotFound
from chalicelib.foundation import keys
from chalicelib.foundation.expressions import Update, absent, all_of, between, equals, exists
from chalicelib.foundation.items import Item
from chalicelib.foundation.steps import Change, Check, Put, Remove
from chalicelib.foundation.table import Table


class AccessStore:
    """The organizations and their keys."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add_organization(self, organization: Organization) -> None:
        """Adds an organization."""
        item = {
            **keys.organization(organization.organization_id),
            "organization_id": organization.organization_id,
            "name": organization.name,
            "created_at": organization.created_at,
            "namespace_count": organization.namespace_count,
        }
        self._table.write(Put(item, absent("pk")))

    def find_organization(self, organization_id: str) -> Organization | None:
        """The organization of this id."""
        row = self._table.get(keys.organization(organization_id))
        return _organization(row) if row else None

    def find_key(self, digest: str) -> ApiKey | None:
        """The key whose secret has this hash."""
        row = self._table.get(keys.api_key(digest))
        return _key(row) if row else None

    def list_keys(self, organization_id: str) -> Iterator[ApiKey]:
        """The keys of an organization, oldest first."""
        place = keys.organization(organization_id)["pk"]
        rows = self._table.query(all_of(equals("pk", place), between("sk", *keys.api_keys_range())))
        pointers = list(rows)
        found = self._table.get_many([keys.api_key(row["digest"]) for row in pointers])
        by_digest = {row["digest"]: _key(row) for row in found}
        return (by_digest[row["digest"]] for row in pointers if row["digest"] in by_digest)

    def get_key(self, organization_id: str, key_id: str) -> ApiKey:
        """The key of this id, or refuses: KeyNotFound."""
        pointer = self._table.get(keys.api_key_pointer(organization_id, key_id))
        key = self.find_key(pointer["digest"]) if pointer else None
        if key is None:
            raise KeyNotFound(key_id)
        return key

    def add_key(self, key: ApiKey) -> None:
        """Adds a key, or refuses: OrganizationNotFound."""
        self._table.transact(
            [
                Check(
                    keys.organization(key.organization_id),
                    exists("pk"),
                    lambda _: OrganizationNotFound(key.organization_id),
                ),
                Put(_row(key), absent("pk")),
                Put(_pointer(key), absent("pk")),
            ]
        )

    def replace_key(self, old: ApiKey, new: ApiKey) -> None:
        """Lets a new secret take the place of the old one, which opens nothing from now on."""
        self._table.transact(
            [
                Remove(keys.api_key(old.digest), exists("pk"), lambda _: KeyNotFound(old.key_id)),
                Put(_row(new), absent("pk")),
                Put(_pointer(new), equals("digest", old.digest), lambda _: KeyNotFound(old.key_id)),
            ]
        )

    def revoke(self, key: ApiKey) -> None:
        """Makes a key open nothing; doing it again changes nothing."""
        revoked = Update(set={"status": "revoked"})
        self._table.write(Change(keys.api_key(key.digest), revoked, exists("pk"), lambda _: KeyNotFound(key.key_id)))


def _organization(row: Mapping[str, Any]) -> Organization:
    return Organization(row["organization_id"], row["name"], row["created_at"], row["namespace_count"])


def _row(key: ApiKey) -> Item:
    return {
        **keys.api_key(key.digest),
        "key_id": key.key_id,
        "organization_id": key.organization_id,
        "name": key.name,
        "digest": key.digest,
        "visible": key.visible,
        "permissions": list(key.permissions),
        "created_at": key.created_at,
        "status": key.status,
        "expires_at": key.expires_at,
        "scopes": [
            {
                "resource_type": scope.resource_type,
                "resource_id": scope.resource_id,
                "operations": list(scope.operations or ()),
            }
            for scope in key.scopes
        ],
    }


def _pointer(key: ApiKey) -> Item:
    place = keys.api_key_pointer(key.organization_id, key.key_id)
    return {**place, "digest": key.digest, "name": key.name, "created_at": key.created_at}


def _key(row: Mapping[str, Any]) -> ApiKey:
    return ApiKey(
        key_id=row["key_id"],
        organization_id=row["organization_id"],
        name=row["name"],
        digest=row["digest"],
        visible=row["visible"],
        permissions=tuple(row["permissions"]),
        created_at=row["created_at"],
        status=row["status"],
        expires_at=row.get("expires_at"),
        scopes=tuple(read_scope(scope) for scope in row.get("scopes", ())),
    )
