"""Organizations, API keys, their permissions and scopes, and the caller of a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any, Literal

from chalicelib.access.errors import OutOfReach, PermissionMissing
from chalicelib.core.ids import is_id
from chalicelib.core.record import record
from chalicelib.core.text import matches_wildcard
from chalicelib.http.operation import Permission

# In descending order: a permission includes those that follow it.
PERMISSIONS: tuple[Permission, ...] = ("admin", "delete", "write", "read")
DEFAULT_PERMISSIONS: tuple[Permission, ...] = ("read", "write", "delete")
RESOURCES = ("organization", "namespace", "bucket")

Status = Literal["active", "revoked"]


def includes(granted: Iterable[str], required: Permission) -> bool:
    """Returns whether one of the granted permissions is the required one or includes it."""
    sufficient = PERMISSIONS[: PERMISSIONS.index(required) + 1]
    return any(permission in sufficient for permission in granted)


@record
class ResourceScope:
    """A scope of an API key: a part of its organization to which the key is limited.

    `resource_type` is one of RESOURCES. `resource_id` is an id, or a pattern in which `*` matches any number of
    characters. `operations`, if set, are the permissions that the key has there; otherwise the key has all of its own
    permissions there.
    """

    resource_type: str
    resource_id: str
    operations: tuple[str, ...] | None = None

    def allows(self, permission: Permission) -> bool:
        """Returns whether the scope allows operations that require this permission."""
        return self.operations is None or includes(self.operations, permission)

    def matches(self, resource_type: str, ids: Iterable[str]) -> bool:
        """Returns whether the scope has this resource type and one of the ids matches its pattern."""
        return self.resource_type == resource_type and any(matches_wildcard(id_, self.resource_id) for id_ in ids)


@record
class ApiKey:
    """An API key as it is stored.

    The secret itself is not stored: `digest` is its SHA-256 hash in hexadecimal, and `visible` its first characters,
    by which people recognize the key. Times are ISO 8601 strings, as `format_timestamp` writes them.
    """

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
        """Returns whether the key is active and not expired at this time."""
        return self.status == "active" and (self.expires_at is None or self.expires_at > now)

    def state(self, now: str) -> str:
        """Returns the state at this time: `active`, `revoked` or `expired`."""
        if self.status == "revoked":
            return "revoked"
        return "active" if self.is_usable(now) else "expired"


@record
class NewKey:
    """A new or rotated key with its secret, which cannot be read again later."""

    key: ApiKey
    secret: str = field(repr=False)


@record
class Organization:
    """The owner of namespaces and API keys. A caller can access only the data of its own organization."""

    organization_id: str
    name: str
    created_at: str
    namespace_count: int = 0


@record
class Caller:
    """The caller of a request: an organization, authenticated by one of its API keys."""

    organization_id: str
    key_id: str
    permissions: tuple[str, ...]
    scopes: tuple[ResourceScope, ...] = ()

    def check_permission(self, permission: Permission) -> None:
        """Raises PermissionMissing if the permissions of the key do not include this one."""
        if not includes(self.permissions, permission):
            raise PermissionMissing(permission)

    def can_see(self, *, namespace_ids: tuple[str, ...] = (), bucket_id: str | None = None) -> bool:
        """Returns whether the caller may know that a resource exists: a scope includes it, or the key has no scopes.

        `namespace_ids` are the id and the name of the namespace of the resource, and `bucket_id` is its bucket, if any.

        An organization scope includes everything. A namespace scope includes everything in the namespaces whose id or
        name matches. A bucket scope includes a bucket that is addressed by its id. Operations outside a namespace
        (list namespaces, create a namespace) require an organization scope or a scope for all namespaces.
        """
        return not self.scopes or any(_includes(scope, namespace_ids, bucket_id) for scope in self.scopes)

    def can_see_all_namespaces(self) -> bool:
        """Returns whether the caller may know of every namespace of its organization."""
        return self.can_see()

    def has_bucket_scope(self) -> bool:
        """Returns whether the key has a scope for a bucket. Such a scope gives no access to the namespace itself."""
        return any(scope.resource_type == "bucket" for scope in self.scopes)

    def has_bucket_in_scope(self, bucket_id: str | None) -> bool:
        """Returns whether a bucket scope of the key includes the bucket with this id, in whichever namespace it is."""
        return any(_includes_bucket(scope, bucket_id) for scope in self.scopes)

    def check_scope(
        self, permission: Permission, *, namespace_ids: tuple[str, ...] = (), bucket_id: str | None = None
    ) -> None:
        """Raises OutOfReach if the key has scopes, but none that includes the resource and allows the operation.

        The parameters have the same meaning as those of `can_see`.
        """
        if self.scopes and not any(
            scope.allows(permission) and _includes(scope, namespace_ids, bucket_id) for scope in self.scopes
        ):
            raise OutOfReach()


def _includes(scope: ResourceScope, namespace_ids: tuple[str, ...], bucket_id: str | None) -> bool:
    if scope.resource_type == "organization":
        return True
    if not namespace_ids:
        return scope.resource_type == "namespace" and scope.resource_id == "*"
    if scope.matches("namespace", namespace_ids):
        return True
    return _includes_bucket(scope, bucket_id)


def _includes_bucket(scope: ResourceScope, bucket_id: str | None) -> bool:
    # A bucket name is not compared: a caller with write permission could choose a name that matches the pattern.
    return bucket_id is not None and is_id(bucket_id, "bkt") and scope.matches("bucket", (bucket_id,))


def read_scope(document: Mapping[str, Any]) -> ResourceScope:
    """Returns the scope that is stored in this document."""
    operations = tuple(document["operations"]) if "operations" in document else None
    return ResourceScope(document["resource_type"], document["resource_id"], operations)
