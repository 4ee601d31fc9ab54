"""Creates organizations and API keys, and authenticates requests."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.access.errors import KeyChanged, KeyEnded, KeyRefused, OrganizationNotFound
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
from chalicelib.access.store import AccessStore
from chalicelib.core.cache import Cache
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.errors import Unavailable, invalid
from chalicelib.core.ids import Ids
from chalicelib.core.record import record

KEY_PREFIX = "sk_"
MAX_VISIBLE_LENGTH = 10
MAX_SECRET_LENGTH = 200
MAX_NAME_LENGTH = 200
MAX_REVOKE_ATTEMPTS = 10

_SECRET = re.compile(f"{KEY_PREFIX}[!-~]{{1,{MAX_SECRET_LENGTH - len(KEY_PREFIX)}}}")


@record
class Access:
    """Organizations and their API keys.

    `key_cache` holds keys by the hash of their secret. A revocation or rotation by another process takes effect when
    the cached key expires from the cache; the expiry time of a key is checked on each request.
    """

    store: AccessStore
    ids: Ids
    clock: Clock
    key_cache: Cache[str, ApiKey]

    def authenticate(self, authorization: str | None) -> Caller:
        """Returns the caller whose key is in the header `Authorization: Bearer …`. Raises KeyRefused."""
        key = self.key_cache.find(_digest(_bearer(authorization)), self.store.find_key)
        if key is None or not key.is_usable(format_timestamp(self.clock())):
            raise KeyRefused()
        return Caller(key.organization_id, key.key_id, key.permissions, key.scopes)

    def create_organization(self, name: str) -> Organization:
        """Creates an organization without keys and namespaces. Raises RequestInvalid if the name is invalid."""
        _check_name(name)
        organization = Organization(self.ids.random("int", 24), name, format_timestamp(self.clock()))
        self.store.add_organization(organization)
        return organization

    def get_organization(self, organization_id: str) -> Organization:
        """Returns the organization with this id. Raises OrganizationNotFound."""
        organization = self.store.find_organization(organization_id)
        if organization is None:
            raise OrganizationNotFound(organization_id)
        return organization

    def list_organizations(self) -> list[Organization]:
        """Returns all organizations, oldest first."""
        return self.store.list_organizations()

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
        """Creates a key and returns it with its secret, which is not stored.

        Without `secret`, a random one is generated. Raises OrganizationNotFound, SecretTaken, and RequestInvalid if
        the name, a permission, a scope or the secret is invalid.
        """
        _check_name(name)
        _check_permissions(permissions)
        for scope in scopes:
            _check_scope(scope)
        secret = secret or new_secret()
        if not _SECRET.fullmatch(secret):
            message = (
                f"A key is {KEY_PREFIX} followed by visible ASCII characters, at most {MAX_SECRET_LENGTH} in total"
            )
            raise invalid("secret", message=message)
        key = ApiKey(
            key_id=self.ids.timed("key"),
            organization_id=organization_id,
            name=name,
            digest=_digest(secret),
            visible=_visible(secret),
            permissions=tuple(permissions),
            created_at=format_timestamp(self.clock()),
            expires_at=format_timestamp(expires_at) if expires_at else None,
            scopes=tuple(scopes),
        )
        self.store.add_key(key)
        return NewKey(key, secret)

    def list_keys(self, organization_id: str) -> list[ApiKey]:
        """Returns the keys of an organization, oldest first, including revoked and expired ones."""
        return list(self.store.list_keys(organization_id))

    def rotate_key(self, organization_id: str, key_id: str) -> NewKey:
        """Replaces the secret of a key and returns the key with its new secret. The old secret becomes invalid.

        Raises KeyNotFound, KeyEnded if the key is revoked or expired, and KeyChanged if another call rotated the key.
        """
        old, now = self.store.get_key(organization_id, key_id), format_timestamp(self.clock())
        if not old.is_usable(now):
            raise KeyEnded(key_id, old.state(now))
        secret = new_secret()
        new = replace(old, digest=_digest(secret), visible=_visible(secret))
        self.store.replace_key(old, new)
        self.key_cache.clear()
        return NewKey(new, secret)

    def revoke_key(self, organization_id: str, key_id: str) -> None:
        """Revokes a key. Revoking a revoked key has no effect. Raises KeyNotFound."""
        for _ in range(MAX_REVOKE_ATTEMPTS):
            key = self.store.get_key(organization_id, key_id)
            try:
                self.store.revoke(key)
            except KeyChanged:
                continue  # another call rotated the key: revoke the new secret
            self.key_cache.clear()
            return
        raise Unavailable()


def new_secret() -> str:
    """Returns a secret with 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not _SECRET.fullmatch(token):
        raise KeyRefused()
    return token


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _visible(secret: str) -> str:
    # At most half of a short secret, which an operator has chosen, is shown.
    return secret[: min(MAX_VISIBLE_LENGTH, len(secret) // 2)]


def _check_name(name: str) -> None:
    if not (name.strip() and len(name) <= MAX_NAME_LENGTH and name.isprintable()):
        raise invalid("name", message=f"A name has 1 to {MAX_NAME_LENGTH} printable characters")


def _check_permissions(permissions: Sequence[str]) -> None:
    unknown = [permission for permission in permissions if permission not in PERMISSIONS]
    if unknown or not permissions:
        message = f"Permissions are one or more of {', '.join(PERMISSIONS)}"
        raise invalid("permissions", message=message)


def _check_scope(scope: ResourceScope) -> None:
    if scope.resource_type not in RESOURCES or not 1 <= len(scope.resource_id) <= 100:
        message = f"A scope is <{'|'.join(RESOURCES)}>:<id or pattern of 1 to 100 characters>"
        raise invalid("scopes", message=message)
    if scope.operations is not None:
        _check_permissions(scope.operations)
