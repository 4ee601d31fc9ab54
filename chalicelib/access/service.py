"""Making, changing and recognising API keys."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
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

KEY_PREFIX = "sk_"
MAX_VISIBLE_LENGTH = 10
MAX_SECRET_LENGTH = 200
MAX_NAME_LENGTH = 200
MAX_REVOKE_ATTEMPTS = 10

_SECRET = re.compile(f"{KEY_PREFIX}[!-~]{{1,{MAX_SECRET_LENGTH - len(KEY_PREFIX)}}}")


@dataclass(frozen=True, slots=True)
class Access:
    """The organizations, their keys, and who a request's key makes its caller.

    Keys are remembered for as long as `key_cache` keeps them, so a revocation takes effect that much later
    at most; expiry takes effect to the millisecond.
    """

    store: AccessStore
    ids: Ids
    clock: Clock
    key_cache: Cache[str, ApiKey]

    def authenticate(self, authorization: str | None) -> Caller:
        """The caller whose key is in an `Authorization: Bearer …` header. Raises KeyRefused."""
        key = self.key_cache.find(_digest(_bearer(authorization)), self.store.find_key)
        if key is None or not key.is_usable(format_timestamp(self.clock())):
            raise KeyRefused()
        return Caller(key.organization_id, key.key_id, key.permissions, key.scopes)

    def create_organization(self, name: str) -> Organization:
        """A new organization, without keys and namespaces. Raises RequestInvalid for a name that is none."""
        _check_name(name)
        organization = Organization(self.ids.random("int", 24), name, format_timestamp(self.clock()))
        self.store.add_organization(organization)
        return organization

    def get_organization(self, organization_id: str) -> Organization:
        """The organization of this id. Raises OrganizationNotFound."""
        organization = self.store.find_organization(organization_id)
        if organization is None:
            raise OrganizationNotFound(organization_id)
        return organization

    def list_organizations(self) -> list[Organization]:
        """Every organization there is, oldest first."""
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
        """A new key. Its secret is in the result and nowhere else.

        Raises OrganizationNotFound, SecretTaken, or RequestInvalid for a name, permission, scope or secret
        that is none.
        """
        _check_name(name)
        _check_permissions(permissions)
        for scope in scopes:
            _check_scope(scope)
        secret = secret or new_secret()
        if not _SECRET.fullmatch(secret):
            message = f"A key is {KEY_PREFIX} and visible ASCII characters, up to {MAX_SECRET_LENGTH} in all"
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
        """The keys of an organization, oldest first, revoked and expired ones included."""
        return list(self.store.list_keys(organization_id))

    def rotate_key(self, organization_id: str, key_id: str) -> NewKey:
        """The same key with a new secret, which takes the place of the old one.

        Raises KeyNotFound, KeyEnded (no secret would open anything), KeyChanged.
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
        """The key opens nothing any more, however often it is said. Raises KeyNotFound."""
        for _ in range(MAX_REVOKE_ATTEMPTS):
            key = self.store.get_key(organization_id, key_id)
            try:
                self.store.revoke(key)
            except KeyChanged:
                continue  # rotated just now, and a revocation is not to be lost
            self.key_cache.clear()
            return
        raise Unavailable()


def new_secret() -> str:
    """A secret of 256 random bits."""
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
    # A short secret, chosen by hand, is not to be given away.
    return secret[: min(MAX_VISIBLE_LENGTH, len(secret) // 2)]


def _check_name(name: str) -> None:
    if not (name.strip() and len(name) <= MAX_NAME_LENGTH and name.isprintable()):
        raise invalid("name", message=f"A name is 1 to {MAX_NAME_LENGTH} printable characters")


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
