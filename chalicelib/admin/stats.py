"""`stats`: whether statistics are what a count says, and making them so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from chalicelib.admin.commands import with_services
from chalicelib.admin.output import Row, as_json, show_all
from chalicelib.keys import partition
from chalicelib.services import Services

Command = Callable[..., None]

VERIFIED = ("organization", "namespace", "bucket", "field", "shown", "counted")
RECOUNTED = ("organization", "namespace", "bucket", "objects", "bytes", "failed")


@dataclass(frozen=True, slots=True)
class Target:
    """A bucket whose statistics are meant, or without one its namespace."""

    organization: str
    namespace: str
    bucket: str | None

    @property
    def ns(self) -> str:
        """The partition of the namespace."""
        return partition(self.organization, self.namespace)

    @property
    def row(self) -> Row:
        """What names it."""
        return {"organization": self.organization, "namespace": self.namespace, "bucket": self.bucket}


@click.group()
def stats() -> None:
    """Verify statistics by counting, and recount where they drifted.

    Name a BUCKET with its namespace, a namespace, an organization, or --all. A namespace's own totals are
    looked at after those of its buckets.
    """


def targeted(command: Command) -> Command:
    """Gives a command the targets that its arguments name."""

    @click.option("--organization", metavar="ID", help="Id of the organization.")
    @click.option("--namespace", metavar="NAME_OR_ID", help="Only this namespace of the organization.")
    @click.argument("bucket", required=False)
    @click.option("--all", "everything", is_flag=True, help="All buckets of all organizations.")
    @as_json
    @wraps(command)
    @with_services
    def run(services: Services, /, *, as_json: bool, **named: Any) -> None:
        command(services, list(targets(services, **named)), as_json=as_json)

    return run


@stats.command()
@targeted
def verify(services: Services, wholes: list[Target], *, as_json: bool) -> None:
    """Count all objects and compare: prints every field that shows something else, and ends with 1 if one does.

    What is written meanwhile is under way for seconds, so a difference is looked at again before it is told.
    """
    rows = [
        {**target.row, "field": found.name, "shown": found.shown, "counted": found.counted}
        for target in told(wholes)
        for found in services.stats.verify(target.ns, target.bucket)
    ]
    if rows or as_json:
        show_all(VERIFIED, rows, as_json=as_json)
    if rows:
        click.get_current_context().exit(1)
    click.echo(f"Verified {len(wholes)}; all show what a count gives.", err=True)


@stats.command()
@targeted
def recount(services: Services, wholes: list[Target], *, as_json: bool) -> None:
    """Count anew while writers go on, and print by how much too many, or too few, were shown."""
    rows = []
    for target in told(wholes):
        drift = services.stats.recount(target.ns, target.bucket).drift
        rows.append({**target.row, **drift._asdict()})
    show_all(RECOUNTED, rows, as_json=as_json)


def targets(
    services: Services, *, organization: str | None, namespace: str | None, bucket: str | None, everything: bool
) -> Iterator[Target]:
    """Everything that the arguments name. Raises UsageError where they do not go together."""
    if everything:
        if organization or namespace or bucket:
            raise click.UsageError("--all goes without a name")
        for each in services.access.list_organizations():
            yield from _of_organization(services, each.organization_id)
    elif not organization or (bucket and not namespace):
        raise click.UsageError("name an --organization, with a BUCKET its --namespace as well, or say --all")
    elif namespace:
        services.access.get_organization(organization)
        place = services.namespaces.resolve(organization, namespace, include_expired=True)
        yield from _of_namespace(services, organization, place.namespace_id, bucket)
    else:
        services.access.get_organization(organization)
        yield from _of_organization(services, organization)


def told(wholes: list[Target]) -> Iterator[Target]:
    """The targets one after the other; where there are several, each is announced on standard error."""
    for number, target in enumerate(wholes, 1):
        if len(wholes) > 1:
            click.echo(f"{number}/{len(wholes)} {target.bucket or target.namespace}", err=True)
        yield target


def _of_organization(services: Services, organization: str) -> Iterator[Target]:
    for namespace in services.namespaces.list(organization):
        yield from _of_namespace(services, organization, namespace.namespace_id, None)


def _of_namespace(services: Services, organization: str, namespace: str, bucket: str | None) -> Iterator[Target]:
    whole = Target(organization, namespace, None)
    if bucket is not None:
        yield Target(organization, namespace, services.buckets.get(whole.ns, bucket).bucket_id)
        return
    for bucket_id in services.stats.bucket_ids(whole.ns):
        yield Target(organization, namespace, bucket_id)
    yield whole
