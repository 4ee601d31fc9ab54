"""The command group `stats`: verifies the statistics by counting, and recounts them."""

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
from chalicelib.stats.totals import Totals

Command = Callable[..., None]

VERIFY_COLUMNS = ("organization", "namespace", "bucket", "field", "shown", "counted")
RECOUNT_COLUMNS = ("organization", "namespace", "bucket", *Totals._fields)


@dataclass(frozen=True, slots=True)
class Target:
    """A bucket, or a namespace if `bucket` is None, whose statistics a command examines."""

    organization: str
    namespace: str
    bucket: str | None

    @property
    def ns(self) -> str:
        """Returns the partition of the namespace."""
        return partition(self.organization, self.namespace)

    @property
    def row(self) -> Row:
        """Returns the columns that identify the target."""
        return {"organization": self.organization, "namespace": self.namespace, "bucket": self.bucket}


@click.group()
def stats() -> None:
    """Verify the statistics by counting all objects and batches, and recount them if they differ.

    Name a BUCKET with its namespace, a namespace, an organization, or --all. The totals of a namespace are
    processed after those of its buckets.
    """


def targeted(command: Command) -> Command:
    """Adds the arguments that select targets to a command, and passes the targets to it."""

    @click.option("--organization", metavar="ID", help="Id of the organization.")
    @click.option("--namespace", metavar="NAME_OR_ID", help="Only this namespace of the organization.")
    @click.argument("bucket", required=False)
    @click.option("--all", "everything", is_flag=True, help="All buckets of all organizations.")
    @as_json
    @wraps(command)
    @with_services
    def run(services: Services, /, *, as_json: bool, **arguments: Any) -> None:
        command(services, list(targets(services, **arguments)), as_json=as_json)

    return run


@stats.command()
@targeted
def verify(services: Services, selected: list[Target], *, as_json: bool) -> None:
    """Count all objects and batches, and print every field that differs. The exit code is 1 if a field differs.

    Statistics follow a write after some seconds, so a difference is checked again before it is printed.
    """
    rows = [
        {**target.row, "field": difference.name, "shown": difference.shown, "counted": difference.counted}
        for target in with_progress(selected)
        for difference in services.stats.verify(target.ns, target.bucket)
    ]
    if rows or as_json:
        show_all(VERIFY_COLUMNS, rows, as_json=as_json)
    if rows:
        click.get_current_context().exit(1)
    click.echo(f"Verified {len(selected)}; all statistics match the count.", err=True)


@stats.command()
@targeted
def recount(services: Services, selected: list[Target], *, as_json: bool) -> None:
    """Count again, while writes continue. Prints by how much the old statistics were too high (too low if negative)."""
    rows = []
    for target in with_progress(selected):
        drift = services.stats.recount(target.ns, target.bucket).drift
        rows.append({**target.row, **drift._asdict()})
    show_all(RECOUNT_COLUMNS, rows, as_json=as_json)


def targets(
    services: Services, *, organization: str | None, namespace: str | None, bucket: str | None, everything: bool
) -> Iterator[Target]:
    """Yields the targets that the arguments select. Raises UsageError for a wrong combination."""
    if everything:
        if organization or namespace or bucket:
            raise click.UsageError("--all cannot be combined with a name")
        for owner in services.access.list_organizations():
            yield from _of_organization(services, owner.organization_id)
    elif not organization or (bucket and not namespace):
        raise click.UsageError("name an --organization, with a BUCKET its --namespace as well, or use --all")
    elif namespace:
        services.access.get_organization(organization)
        resolved = services.namespaces.resolve(organization, namespace, include_expired=True)
        yield from _of_namespace(services, organization, resolved.namespace_id, bucket)
    else:
        services.access.get_organization(organization)
        yield from _of_organization(services, organization)


def with_progress(selected: list[Target]) -> Iterator[Target]:
    """Yields the targets. If there are several, prints a line to standard error before each."""
    for number, target in enumerate(selected, 1):
        if len(selected) > 1:
            click.echo(f"{number}/{len(selected)} {target.bucket or target.namespace}", err=True)
        yield target


def _of_organization(services: Services, organization: str) -> Iterator[Target]:
    for namespace in services.namespaces.list(organization):
        yield from _of_namespace(services, organization, namespace.namespace_id, None)


def _of_namespace(services: Services, organization: str, namespace: str, bucket: str | None) -> Iterator[Target]:
    namespace_totals = Target(organization, namespace, None)
    if bucket is not None:
        yield Target(organization, namespace, services.buckets.get(namespace_totals.ns, bucket).bucket_id)
        return
    for bucket_id in services.stats.bucket_ids(namespace_totals.ns):
        yield Target(organization, namespace, bucket_id)
    yield namespace_totals
