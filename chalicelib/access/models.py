"""Permissions, scopes, keys, and the caller they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from chalicelib.access.errors import OutOfReach, PermissionMissing
from chalicelib.core.ids import is_id
from chalicelib.http.operation import Permission

# Strongest first: a permission includes those that follow it.
PERMISSIONS: tuple[Permission, ...] = ("admin", "delete", "write", "read")
DEFAULT_PERMISSIONS: tuple[Permission, ...] = ("read", "write", "delete")
RESOURCES = ("organization", "namespace", "bucket")

Status = Literal["active", "revoked"]


def includes(held: Iterable[str], needed: Permission) -> bool:
    """Whether one of the permissions held is the needed one or a stronger one."""
    enough = PERMISSIONS[: PERMISSIONS.index(needed) + 1]
    return any(permission in enough for permission in held)


@dataclass(frozen=True, slots=True)
class ResourceScope:
    """A part of the organization that a key is bound to.

    `resource_id` may hold `*` for any run of characters; `operations`, where given, narrows what the
    key may do there.
    """

    resource_type: str
    resource_id: str
    operations: tuple[str, ...] | None = None

    def allows(self, permission: Permission) -> bool:
        """Whether the operation is among those of the scope."""
        return self.operations is None or includes(self.operations, permission)

    def covers(self, resource_type: str, ids: Iterable[str]) -> bool:
        """Whether the scope is of this kind of resource, and one of the ids fits its pattern."""
        return self.resource_type == resource_type and any(fits(id_, self.resource_id) for id_ in ids)


def fits(text: str, pattern: str) -> bool:
    """Whether the whole text fits a pattern in which `*` stands for any run of characters."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == first
    *middle, last = rest
    if not text.startswith(first) or len(text) < len(first) + len(last) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, place, end)
        if found < 0:
            return False
        place = found + len(piece)
    return True


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as it is kept: its secret only as a hash and a visible beginning."""

    key_id: str
    organization_id: str
    name: str
    digest: str
    visible: str
    permissions: tuple[str, ...]
    created_at: str
    status: Status = "active"
    expires_at: str | None = None
    scopes: tuple[ResourceScope, ...] = ()

    def is_usable(self, now: str) -> bool:
        """Whether the key opens anything at this time."""
        return self.status == "active" and (self.expires_at is None or self.expires_at > now)

    def state(self, now: str) -> str:
        """`active`, `revoked` or `expired`."""
        if self.status == "revoked":
            return "revoked"
        return "active" if self.is_usable(now) else "expired"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made, with the secret that nobody will see again."""

    key: ApiKey
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Organization:
    """The owner of namespaces and keys; nothing reaches from one organization into another."""

    organization_id: str
    name: str
    created_at: str
    namespace_count: int = 0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling: an organization, through one of its keys."""

    organization_id: str
    key_id: str
    permissions: tuple[str, ...]
    scopes: tuple[ResourceScope, ...] = ()

    def check_permission(self, permission: Permission) -> None:
        """Raises PermissionMissing where the key's permissions do not include this one."""
        if not includes(self.permissions, permission):
            raise PermissionMissing(permission)

    def can_see(self, *, namespace_ids: tuple[str, ...] = (), bucket_id: str | None = None) -> bool:
        """Whether a key may learn that this place is there: its scopes cover it, or it has none.

        An organization scope covers everything, a namespace scope what is in a namespace of that id or
        name, a bucket scope a bucket addressed by its id. What belongs to no namespace (the list of
        namespaces, a new one) needs the organization, or all namespaces.
        """
        return not self.scopes or any(_covers(scope, namespace_ids, bucket_id) for scope in self.scopes)

    def has_bucket_scope(self) -> bool:
        """Whether a scope of the key is of buckets, which says nothing about namespaces."""
        return any(scope.resource_type == "bucket" for scope in self.scopes)

    def check_scope(
        self, permission: Permission, *, namespace_ids: tuple[str, ...] = (), bucket_id: str | None = None
    ) -> None:
        """Raises OutOfReach where no scope of a scoped key both covers this place and allows the operation."""
        if self.scopes and not any(
            scope.allows(permission) and _covers(scope, namespace_ids, bucket_id) for scope in self.scopes
        ):
            raise OutOfReach()


def _covers(scope: ResourceScope, namespace_ids: tuple[str, ...], bucket_id: str | None) -> bool:
    if scope.resource_type == "organization":
        return True
    if not namespace_ids:
        return scope.resource_type == "namespace" and scope.resource_id == "*"
    if scope.covers("namespace", namespace_ids):
        return True
    # Names do not count: whoever may write could name a bucket so that it fits the pattern.
    return bucket_id is not None and is_id(bucket_id, "bkt") and scope.covers("bucket", (bucket_id,))


def read_scope(document: Mapping[str, Any]) -> ResourceScope:
    """The scope in a stored document."""
    operations = tuple(document["operations"]) if "operations" in document else None
    return ResourceScope(document["resource_type"], document["resource_id"], operations)
