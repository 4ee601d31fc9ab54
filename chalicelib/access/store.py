"""The rows of organizations and API keys in the catalog table.

A key has two rows: the key itself, in a partition named by the hash of its secret, which is the only row that
authentication reads; and a pointer in the partition of its organization, by which keys are listed. An organization has
two rows as well: its own, and an entry in the partition that lists all organizations.
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
    """Reads and writes organizations and API keys."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add_organization(self, organization: Organization) -> None:
        """Stores a new organization."""
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
        """Returns the organization with this id, or None."""
        row = self._table.get(keys.organization(organization_id))
        return _organization(row) if row else None

    def list_organizations(self) -> list[Organization]:
        """Returns all organizations, oldest first."""
        entries = self._table.query(equals("pk", keys.organization_entry("")["pk"]))
        rows = self._table.get_many([keys.organization(entry["organization_id"]) for entry in entries])
        return sorted(map(_organization, rows), key=lambda organization: organization.created_at)

    def find_key(self, digest: str) -> ApiKey | None:
        """Returns the key whose secret has this hash, or None."""
        row = self._table.get(keys.api_key(digest))
        return _key(row) if row else None

    def list_keys(self, organization_id: str) -> Iterator[ApiKey]:
        """Returns the keys of an organization, oldest first."""
        partition = keys.organization(organization_id)["pk"]
        rows = self._table.query(all_of(equals("pk", partition), between("sk", *keys.api_keys_range())))
        pointers = list(rows)
        key_rows = self._table.get_many([keys.api_key(row["digest"]) for row in pointers])
        by_id = {row["key_id"]: _key(row) for row in key_rows}
        # A key that was rotated between the two reads is missing in the second, and is read again.
        listed = (by_id.get(row["key_id"]) or self._find(organization_id, row["key_id"]) for row in pointers)
        return (key for key in listed if key is not None)

    def get_key(self, organization_id: str, key_id: str) -> ApiKey:
        """Returns the key with this id. Raises KeyNotFound."""
        # Tried twice: the key may be rotated between the read of its pointer and the read of its row.
        key = self._find(organization_id, key_id) or self._find(organization_id, key_id)
        if key is None:
            raise KeyNotFound(key_id)
        return key

    def add_key(self, key: ApiKey) -> None:
        """Stores a new key. Raises OrganizationNotFound or SecretTaken."""
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
        """Replaces a key by the same key with a new secret. Raises KeyChanged or KeyEnded."""

        def conflict(row: Item | None) -> ApiError:
            return KeyEnded(old.key_id, row["status"]) if row else KeyChanged(old.key_id)

        self._table.transact(
            [
                # The condition fails if the key was revoked after it was read, so that the revocation is not lost.
                Delete(keys.api_key(old.digest), equals("status", "active"), conflict),
                Put(_row(new), absent("pk")),
                Put(_pointer(new), equals("digest", old.digest), lambda _: KeyChanged(old.key_id)),
            ]
        )

    def revoke(self, key: ApiKey) -> None:
        """Sets the status of a key to `revoked`. Raises KeyChanged if the key has been rotated."""
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
    operations = {} if scope.operations is None else {"operations": list(scope.operations)}
    return {"resource_type": scope.resource_type, "resource_id": scope.resource_id, **operations}


def _pointer(key: ApiKey) -> Item:
    return {
        **keys.api_key_pointer(key.organization_id, key.key_id),
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
