"""`blobs`: the bytes of files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import click

from chalicelib.admin.arguments import PeriodType
from chalicelib.admin.commands import with_services
from chalicelib.admin.output import as_json, show_all
from chalicelib.blobs.orphans import orphans as without_object
from chalicelib.blobs.store import Held
from chalicelib.blobs.writer import BLOBS, blobs_prefix
from chalicelib.core.clock import format_timestamp
from chalicelib.keys import partition
from chalicelib.services import Services

COLUMNS = ("key", "size_bytes", "stored_at")
TOLD_EVERY = 1000
REMOVED_AT_ONCE = 1000


@click.group()
def blobs() -> None:
    """Look after the bytes of files."""


@blobs.command()
@click.option("--organization", metavar="ID", help="Id of the organization.")
@click.option("--namespace", metavar="NAME_OR_ID", help="The bucket's namespace.")
@click.argument("bucket", required=False)
@click.option("--all", "everything", is_flag=True, help="The files of all buckets, and of those that are no more.")
@click.option("--older-than", type=PeriodType(), default="1h", show_default=True, metavar="PERIOD", help="1h, 30d ...")
@click.option("--remove", is_flag=True, help="Remove them.")
@as_json
@with_services
def orphans(
    services: Services,
    *,
    organization: str | None,
    namespace: str | None,
    bucket: str | None,
    everything: bool,
    older_than: timedelta,
    remove: bool,
    as_json: bool,
) -> None:
    """List bytes that no object refers to: writers leave them that die, or lose a race and die.

    Younger ones may belong to a request under way, so none are listed that an hour has not passed over.

    Name a BUCKET with its organization and namespace, or --all.
    """
    prefix = _prefix(services, organization, namespace, bucket, everything=everything)
    held = _told(services.blobs.listing(prefix))
    found = list(without_object(services.objects.store, held, before=datetime.now(UTC) - older_than))
    rows = [
        {"key": each.key, "size_bytes": each.size_bytes, "stored_at": format_timestamp(each.stored_at)}
        for each in found
    ]
    show_all(COLUMNS, rows, as_json=as_json)
    if remove:
        _remove(services, found)


def _prefix(
    services: Services, organization: str | None, namespace: str | None, bucket: str | None, *, everything: bool
) -> str:
    """Where the bytes lie that are meant. Raises UsageError where the arguments do not go together."""
    if everything:
        if organization or namespace or bucket:
            raise click.UsageError("--all goes without a name")
        return f"{BLOBS}/"
    if not (organization and namespace and bucket):
        raise click.UsageError("name a BUCKET with its --organization and --namespace, or say --all")
    services.access.get_organization(organization)
    place = services.namespaces.resolve(organization, namespace, include_expired=True)
    return blobs_prefix(services.buckets.get(partition(organization, place.namespace_id), bucket).bucket_id)


def _told(held: Iterable[Held]) -> Iterator[Held]:
    """What is held, with a line on standard error for every thousand."""
    for number, each in enumerate(held, 1):
        if number % TOLD_EVERY == 0:
            click.echo(f"{number} looked at, up to {each.key}", err=True)
        yield each


def _remove(services: Services, found: list[Held]) -> None:
    remaining, removed = iter(found), 0
    while chunk := [each.key for each in islice(remaining, REMOVED_AT_ONCE)]:
        services.blobs.remove(chunk)
        removed += len(chunk)
        click.echo(f"{removed} of {len(found)} removed", err=True)
