"""The command group `organizations`. Namespaces and keys belong to organizations."""

from __future__ import annotations

from dataclasses import asdict

import click

from chalicelib.access.models import Organization
from chalicelib.admin.commands import with_services
from chalicelib.admin.output import as_json, show, show_all
from chalicelib.services import Services

# The option of all commands that need an organization.
organization_option = click.option("--organization", required=True, metavar="ID", help="Id of the organization.")


@click.group()
def organizations() -> None:
    """Create, list and show organizations, which own namespaces and keys."""


@organizations.command()
@click.argument("name")
@as_json
@with_services
def create(services: Services, name: str, as_json: bool) -> None:
    """Create an organization with this NAME. Create a key for it with `keys create`."""
    show(asdict(services.access.create_organization(name)), as_json=as_json)


@organizations.command("list")
@as_json
@with_services
def list_(services: Services, as_json: bool) -> None:
    """List all organizations, oldest first."""
    columns = list(Organization.__dataclass_fields__)
    show_all(columns, [asdict(organization) for organization in services.access.list_organizations()], as_json=as_json)


@organizations.command("show")
@click.argument("organization_id", metavar="ID")
@as_json
@with_services
def show_(services: Services, organization_id: str, as_json: bool) -> None:
    """Show the organization with this ID."""
    show(asdict(services.access.get_organization(organization_id)), as_json=as_json)
