"""The command group `namespaces`, for the namespaces of an organization."""

from __future__ import annotations

from typing import Any

import click

from chalicelib.admin.commands import with_services
from chalicelib.admin.organizations import organization_option
from chalicelib.admin.output import as_json, show_all
from chalicelib.namespaces.namespace import Namespace
from chalicelib.services import Services

COLUMNS = ("namespace_id", "namespace_name", "bucket_count", "object_count", "created_at", "expires_at")


@click.group()
def namespaces() -> None:
    """List the namespaces of an organization."""


@namespaces.command("list")
@organization_option
@as_json
@with_services
def list_(services: Services, organization: str, as_json: bool) -> None:
    """List the namespaces of the organization, expired ones included."""
    services.access.get_organization(organization)
    show_all(COLUMNS, [_row(namespace) for namespace in services.namespaces.list(organization)], as_json=as_json)


def _row(namespace: Namespace) -> dict[str, Any]:
    return {
        "namespace_id": namespace.namespace_id,
        "namespace_name": namespace.name,
        "bucket_count": namespace.bucket_count,
        "object_count": namespace.tally.object_count,
        "created_at": namespace.created_at,
        "expires_at": namespace.expires_at,
    }
