"""The command group `keys`, for the API keys of an organization. A key is printed only when it is created."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click

from chalicelib.access.models import DEFAULT_PERMISSIONS, PERMISSIONS, ApiKey, NewKey, ResourceScope
from chalicelib.admin.arguments import EndTimeType, ScopeType, end_time
from chalicelib.admin.commands import with_services
from chalicelib.admin.organizations import organization_option
from chalicelib.admin.output import as_json, show, show_all
from chalicelib.admin.scopes import check_scopes
from chalicelib.core.clock import format_timestamp
from chalicelib.services import Services

COLUMNS = ("key_id", "name", "visible", "state", "permissions", "scopes", "created_at", "expires_at")

permission_option = click.option(
    "--permission",
    "permissions",
    multiple=True,
    type=click.Choice(PERMISSIONS),
    help=f"A permission of the key; repeat for several. Each includes those that follow it in {', '.join(PERMISSIONS)}."
    f" Default: {', '.join(DEFAULT_PERMISSIONS)}.",
)
scope_option = click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=ScopeType(),
    metavar="TYPE:ID[:OPERATIONS]",
    help="A scope of the key; repeat for several. TYPE is organization, namespace or bucket; ID is an id, for a "
    "namespace also a name, and * stands for any characters; OPERATIONS restricts the permissions there. Example: "
    "namespace:films:read,write. Without a scope, the key can access everything in the organization.",
)
expires_option = click.option(
    "--expires",
    type=EndTimeType(),
    metavar="WHEN",
    help="When the key expires: a date (2027-01-01, at its start in UTC), a time (2027-01-01T12:00Z), or a period from "
    "now in days or hours (90d, 12h). Without it, the key does not expire.",
)


@click.group()
def keys() -> None:
    """Create, list, rotate and revoke the API keys of an organization."""


@keys.command()
@organization_option
@click.option("--name", required=True, help="A description of what the key is for.")
@permission_option
@scope_option
@expires_option
@as_json
@with_services
def create(
    services: Services,
    *,
    organization: str,
    name: str,
    permissions: tuple[str, ...],
    scopes: tuple[ResourceScope, ...],
    expires: datetime | timedelta | None,
    as_json: bool,
) -> None:
    """Create a key and print it. It cannot be printed again.

    The namespaces and buckets of its scopes must exist.
    """
    services.access.get_organization(organization)
    for warning in check_scopes(services, organization, scopes):
        click.echo(f"Warning: {warning}", err=True)
    new_key = services.access.create_key(
        organization,
        name=name,
        permissions=permissions or DEFAULT_PERMISSIONS,
        scopes=scopes,
        expires_at=end_time(expires, services.access.clock()),
    )
    _print_new_key(services, new_key, as_json=as_json)


@keys.command("list")
@organization_option
@as_json
@with_services
def list_(services: Services, organization: str, as_json: bool) -> None:
    """List the keys of the organization, oldest first. Only the first characters of each key are shown."""
    services.access.get_organization(organization)
    now = format_timestamp(services.access.clock())
    rows = [_row(key, now) for key in services.access.list_keys(organization)]
    show_all(COLUMNS, rows, as_json=as_json)


@keys.command()
@organization_option
@click.argument("key_id")
@as_json
@with_services
def rotate(services: Services, organization: str, key_id: str, as_json: bool) -> None:
    """Give the key KEY_ID a new secret and print it. It cannot be printed again.

    The old secret becomes invalid; a server that has just used it may accept it for another minute. The other
    properties of the key stay the same.
    """
    _print_new_key(services, services.access.rotate_key(organization, key_id), as_json=as_json)


@keys.command()
@organization_option
@click.argument("key_id")
@with_services
def revoke(services: Services, organization: str, key_id: str) -> None:
    """Revoke the key KEY_ID permanently.

    A server that has just used it may accept it for another minute.
    """
    services.access.revoke_key(organization, key_id)
    click.echo(f"Revoked {key_id}; servers may accept it for another minute.", err=True)


def _print_new_key(services: Services, new_key: NewKey, *, as_json: bool) -> None:
    if as_json:
        show({"key": new_key.secret, **_row(new_key.key, format_timestamp(services.access.clock()))}, as_json=True)
    else:
        click.echo(new_key.secret)
    click.echo(f"This is the key {new_key.key.key_id}. Keep it safe: it will not be shown again.", err=True)


def _row(key: ApiKey, now: str) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "visible": key.visible,
        "state": key.state(now),
        "permissions": list(key.permissions),
        "scopes": [_scope(scope) for scope in key.scopes],
        "created_at": key.created_at,
        "expires_at": key.expires_at,
    }


def _scope(scope: ResourceScope) -> str:
    operations = "" if scope.operations is None else f":{','.join(scope.operations)}"
    return f"{scope.resource_type}:{scope.resource_id}{operations}"
