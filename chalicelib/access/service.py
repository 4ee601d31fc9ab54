"""Making, changing and recognising API keys."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.access.models import (
    DEFAULT_PERMISSIONS,
    PERMISSIONS,
    RESOURCES,
    ApiKey,
    Caller,
    NewKey,
    Organization,
    ResourceScope,
)
from chalicelib.access.refusals import KeyRefused, OrganizationNotFound
from chalicelib.access.store import AccessStore
from chalicelib.foundation.caching import Cache
from chalicelib.foundation.ids import Ids
from chalicelib.foundation.refusals import invalid
from chalicelib.foundation.times import Clock, stamp

PREFIX = "sk_"
VISIBLE_CHARS = 10
LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Access:
    """The organizations, their keys, and who a request's key makes its caller.

    Keys are remembered for as long as `known` keeps them, so a revocation takes effect that much later
    at most; expiry takes effect to the millisecond.
    """

    store: AccessStore
    ids: Ids
    clock: Clock
    known: Cache[str, ApiKey]

    def authenticate(self, authorization: str | None) -> Caller:
        """The caller whose key is in an `Authorization: Bearer …` header. Raises KeyRefused."""
        digest = _digest(_bearer(authorization))
        key = self.known.get(digest)
        if key is None:
            key = self.store.find_key(digest)
            if key is None:
                raise KeyRefused()
            self.known.put(digest, key)
        if not key.is_usable(stamp(self.clock())):
            raise KeyRefused()
        return Caller(key.organization_id, key.key_id, key.permissions, key.scopes)

    def create_organization(self, name: str) -> Organization:
        """A new organization, without keys and namespaces."""
        organization = Organization(self.ids.random("int", 24), name, stamp(self.clock()))
        self.store.add_organization(organization)
        return organization

    def get_organization(self, organization_id: str) -> Organization:
        """The organization of this id. Raises OrganizationNotFound."""
        organization = self.store.find_organization(organization_id)
        if organization is None:
            raise OrganizationNotFound(organization_id)
        return organization

    def create_key(
        self,
        organization_id: str,
        *,
        name: str,
        permissions: Sequence[str] = DEFAULT_PERMISSIONS,
        scopes: Sequence[ResourceScope] = (),
        expires_at: datetime | None = None,
        secret: str | None = None,
    ) -> NewKey:
        """A new key. Its secret is in the result and nowhere else.

        Raises OrganizationNotFound, or RequestInvalid for a permission, scope or secret that is none.
        """
        _check_permissions(permissions)
        for scope in scopes:
            _check_scope(scope)
        secret = secret or new_secret()
        if not _is_secret(secret):
            raise invalid("secret", message=f"A key is {PREFIX} and up to {LONGEST_KEY} ASCII characters in all")
        key = ApiKey(
            key_id=self.ids.timed("key"),
            organization_id=organization_id,
            name=name,
            digest=_digest(secret),
            visible=secret[:VISIBLE_CHARS],
            permissions=tuple(permissions),
            created_at=stamp(self.clock()),
            expires_at=stamp(expires_at) if expires_at else None,
            scopes=tuple(scopes),
        )
        self.store.add_key(key)
        return NewKey(key, secret)

    def list_keys(self, organization_id: str) -> list[ApiKey]:
        """The keys of an organization, oldest first, revoked and expired ones included."""
        return list(self.store.list_keys(organization_id))

    def rotate_key(self, organization_id: str, key_id: str) -> NewKey:
        """The same key with a new secret; the old secret opens nothing any more. Raises KeyNotFound."""
        old = self.store.get_key(organization_id, key_id)
        secret = new_secret()
        new = replace(old, digest=_digest(secret), visible=secret[:VISIBLE_CHARS])
        self.store.replace_key(old, new)
        return NewKey(new, secret)

    def revoke_key(self, organization_id: str, key_id: str) -> None:
        """The key opens nothing any more. Raises KeyNotFound."""
        self.store.revoke(self.store.get_key(organization_id, key_id))


def new_secret() -> str:
    """A secret of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not _is_secret(token):
        raise KeyRefused()
    return token


def _is_secret(token: str) -> bool:
    return token.startswith(PREFIX) and len(PREFIX) < len(token) <= LONGEST_KEY and token.isascii()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _check_permissions(permissions: Sequence[str]) -> None:
    unknown = [permission for permission in permissions if permission not in PERMISSIONS]
    if unknown or not permissions:
        message = f"Permissions are one or more of {', '.join(PERMISSIONS)}"
        raise invalid("permissions", message=message)


def _check_scope(scope: ResourceScope) -> None:
    if scope.resource_type not in RESOURCES or not 1 <= len(scope.resource_id) <= 100:
        message = f"A scope is <{'|'.join(RESOURCES)}>:<id or pattern of 1 to 100 characters>"
        raise invalid("scopes", message=message)
    if scope.operations:
        _check_permissions(scope.operations)
