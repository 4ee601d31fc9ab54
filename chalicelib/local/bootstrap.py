"""What the first start makes, so that a client can call at once: organization, key, namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib.access.errors import KeyRefused, OrganizationNotFound, SecretTaken
from chalicelib.access.models import PERMISSIONS
from chalicelib.core.errors import BadRequest
from chalicelib.namespaces.errors import NamespaceUnresolved
from chalicelib.namespaces.models import CreateNamespaceRequest

if TYPE_CHECKING:
    from chalicelib.access.service import Access
    from chalicelib.local.journal.folder import Folder
    from chalicelib.services import Services

CREDENTIALS_FILE = "credentials.json"
DEFAULT_NAMESPACE = "default"


class Credentials(NamedTuple):
    """What a client needs besides the address."""

    api_key: str
    namespace: str


class DevKeyRevoked(BadRequest):
    """The key that was given exists and opens nothing any more."""

    message = "BUCKETS_DEV_KEY is a key that has been revoked; give another"


def first_credentials(services: Services, folder: Folder, dev_key: str | None) -> Credentials:
    """A key that works, with every permission, and a namespace that exists; made where there is none yet.

    The key is `dev_key`, or else the one kept in the folder, readable for its owner alone.
    """
    kept = folder.read(CREDENTIALS_FILE)
    api_key = dev_key or str(kept.get("api_key", ""))
    try:
        organization_id = services.access.authenticate(f"Bearer {api_key}").organization_id
    except KeyRefused:
        organization_id = _organization(services.access, str(kept.get("organization_id", "")))
        api_key = _key(services.access, organization_id, dev_key)
        # A key that is given with the environment stays there.
        folder.write(
            CREDENTIALS_FILE, kept | {"organization_id": organization_id} | ({} if dev_key else {"api_key": api_key})
        )
    ensure_default_namespace(services, organization_id)
    return Credentials(api_key, DEFAULT_NAMESPACE)


def _key(access: Access, organization_id: str, secret: str | None) -> str:
    try:
        return access.create_key(
            organization_id, name="Local development", permissions=PERMISSIONS, secret=secret
        ).secret
    except SecretTaken:
        raise DevKeyRevoked() from None


def _organization(access: Access, organization_id: str) -> str:
    try:
        return access.get_organization(organization_id).organization_id
    except OrganizationNotFound:
        return access.create_organization("Local").organization_id


def ensure_default_namespace(services: Services, organization_id: str) -> None:
    """The organization has the namespace that clients are told of."""
    try:
        services.namespaces.resolve(organization_id, DEFAULT_NAMESPACE)
    except NamespaceUnresolved:
        services.namespaces.create(organization_id, CreateNamespaceRequest(namespace_name=DEFAULT_NAMESPACE))
