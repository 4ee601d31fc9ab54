"""Creates the first organization, API key and namespace, so that a client can call a new server at once."""

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
    """What a client needs in addition to the server's address."""

    api_key: str
    namespace: str


class DevKeyRevoked(BadRequest):
    """The key in BUCKETS_DEV_KEY exists and has been revoked or has expired."""

    message = "BUCKETS_DEV_KEY is a key that has been revoked; set another key"


def first_credentials(services: Services, folder: Folder, dev_key: str | None) -> Credentials:
    """Returns a valid API key with every permission, and an existing namespace. Creates what does not exist yet.

    The key is `dev_key` if it is given, else the key in the folder's credentials file, which only the user can read.
    Raises DevKeyRevoked when `dev_key` is an existing key that is no longer valid.
    """
    saved = folder.read(CREDENTIALS_FILE)
    api_key = dev_key or str(saved.get("api_key", ""))
    try:
        organization_id = services.access.authenticate(f"Bearer {api_key}").organization_id
    except KeyRefused:
        organization_id = _organization(services.access, str(saved.get("organization_id", "")))
        api_key = _create_key(services.access, organization_id, dev_key)
        # A key from the environment is not written to the disk.
        new_key = {} if dev_key else {"api_key": api_key}
        folder.write(CREDENTIALS_FILE, saved | {"organization_id": organization_id} | new_key)
    ensure_default_namespace(services, organization_id)
    return Credentials(api_key, DEFAULT_NAMESPACE)


def _create_key(access: Access, organization_id: str, secret: str | None) -> str:
    try:
        return access.create_key(
            organization_id, name="Local development", permissions=PERMISSIONS, secret=secret
        ).secret
    except SecretTaken:
        raise DevKeyRevoked() from None


def _organization(access: Access, organization_id: str) -> str:
    """Returns the id of this organization if it exists, else that of a new one."""
    try:
        return access.get_organization(organization_id).organization_id
    except OrganizationNotFound:
        return access.create_organization("Local").organization_id


def ensure_default_namespace(services: Services, organization_id: str) -> None:
    """Creates the organization's default namespace if it does not exist."""
    try:
        services.namespaces.resolve(organization_id, DEFAULT_NAMESPACE)
    except NamespaceUnresolved:
        services.namespaces.create(organization_id, CreateNamespaceRequest(namespace_name=DEFAULT_NAMESPACE))
