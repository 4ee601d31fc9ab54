"""Organizations and keys in the catalog table.

A key has two rows: one found by the hash of its secret, which is all that a request reads, and a pointer
among its organization's rows, from which keys are listed. An organization has its row and an entry among all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib import keys
from chalicelib.access.errors import KeyChanged, KeyEnded, KeyNotFound, OrganizationNotFound, SecretTaken
from chalicelib.access.models import ApiKey, Organization, ResourceScope, read_scope
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.expressions import UpdateExpression, absent, all_of, between, equals, exists
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import ConditionCheck, Delete, Put, Update
from chalicelib.core.errors import ApiError


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
        entry = {
            **keys.organization_entry(organization.organization_id),
            "organization_id": organization.organization_id,
        }
        self._table.transact([Put(item, absent("pk")), Put(entry, absent("pk"))])

    def find_organization(self, organization_id: str) -> Organization | None:
        """The organization of this id."""
        row = self._table.get(keys.organization(organization_id))
        return _organization(row) if row else None

    def list_organizations(self) -> list[Organization]:
        """Every organization, oldest first."""
        entries = self._table.query(equals("pk", keys.organization_entry("")["pk"]))
        rows = self._table.get_many([keys.organization(entry["organization_id"]) for entry in entries])
        return sorted(map(_organization, rows), key=lambda organization: organization.created_at)

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
        by_id = {row["key_id"]: _key(row) for row in found}
        # A key that was rotated between the two reads is looked for once more.
        listed = (by_id.get(row["key_id"]) or self._find(organization_id, row["key_id"]) for row in pointers)
        return (key for key in listed if key is not None)

    def get_key(self, organization_id: str, key_id: str) -> ApiKey:
        """The key of this id, or refuses: KeyNotFound."""
        # Looked for twice, because a rotation may come between the two reads of the first time.
        key = self._find(organization_id, key_id) or self._find(organization_id, key_id)
        if key is None:
            raise KeyNotFound(key_id)
        return key

    def add_key(self, key: ApiKey) -> None:
        """Adds a key, or refuses: OrganizationNotFound, SecretTaken."""
        self._table.transact(
            [
                ConditionCheck(
                    keys.organization(key.organization_id),
                    exists("pk"),
                    lambda _: OrganizationNotFound(key.organization_id),
                ),
                Put(_row(key), absent("pk"), lambda _: SecretTaken()),
                Put(_pointer(key), absent("pk")),
            ]
        )

    def replace_key(self, old: ApiKey, new: ApiKey) -> None:
        """Lets a new secret take the place of the old one, or refuses: KeyChanged, KeyEnded."""

        def refused(row: Item | None) -> ApiError:
            return KeyEnded(old.key_id, row["status"]) if row else KeyChanged(old.key_id)

        self._table.transact(
            [
                # Still active: a revocation since the key was read must not be lost.
                Delete(keys.api_key(old.digest), equals("status", "active"), refused),
                Put(_row(new), absent("pk")),
                Put(_pointer(new), equals("digest", old.digest), lambda _: KeyChanged(old.key_id)),
            ]
        )

    def revoke(self, key: ApiKey) -> None:
        """Makes a key open nothing, or refuses: KeyChanged. Doing it again changes nothing."""
        revoked = UpdateExpression(set={"status": "revoked"})
        self._table.write(Update(keys.api_key(key.digest), revoked, exists("pk"), lambda _: KeyChanged(key.key_id)))

    def _find(self, organization_id: str, key_id: str) -> ApiKey | None:
        pointer = self._table.get(keys.api_key_pointer(organization_id, key_id))
        return self.find_key(pointer["digest"]) if pointer else None


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
        "scopes": [_scope(scope) for scope in key.scopes],
    }


def _scope(scope: ResourceScope) -> Item:
    narrowed = {} if scope.operations is None else {"operations": list(scope.operations)}
    return {"resource_type": scope.resource_type, "resource_id": scope.resource_id, **narrowed}


def _pointer(key: ApiKey) -> Item:
    place = keys.api_key_pointer(key.organization_id, key.key_id)
    return {
        **place,
        "key_id": key.key_id,
        "digest": key.digest,
        "name": key.name,
        "created_at": key.created_at,
    }


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
