"""The command group `blobs`, for the stored files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import click

from chalicelib.admin.arguments import PeriodType
from chalicelib.admin.commands import with_services
from chalicelib.admin.output import as_json, show_all
from chalicelib.blobs.orphans import orphans as without_object
from chalicelib.blobs.store import StoredFile
from chalicelib.blobs.writer import BLOBS, blobs_prefix
from chalicelib.core.clock import format_timestamp
from chalicelib.keys import partition
from chalicelib.services import Services

COLUMNS = ("key", "size_bytes", "stored_at")
PROGRESS_EVERY = 1000
REMOVE_BATCH_SIZE = 1000


@click.group()
def blobs() -> None:
    """Find and remove stored files."""


@blobs.command()
@click.option("--organization", metavar="ID", help="Id of the organization.")
@click.option("--namespace", metavar="NAME_OR_ID", help="The bucket's namespace.")
@click.argument("bucket", required=False)
@click.option("--all", "everything", is_flag=True, help="The files of all buckets, deleted ones included.")
@click.option("--older-than", type=PeriodType(), default="1h", show_default=True, metavar="PERIOD", help="1h, 30d ...")
@click.option("--remove", is_flag=True, help="Remove the listed files.")
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
    """List stored files that no object refers to. A process that ends during a write can leave them.

    Newer files may belong to a request that is still running. By default, only files older than an hour are listed.

    Name a BUCKET with its organization and namespace, or --all.
    """
    prefix = _prefix(services, organization, namespace, bucket, everything=everything)
    stored = _with_progress(services.blobs.list_files(prefix))
    found = list(without_object(services.objects.store, stored, before=datetime.now(UTC) - older_than))
    rows = [
        {"key": file.key, "size_bytes": file.size_bytes, "stored_at": format_timestamp(file.stored_at)}
        for file in found
    ]
    show_all(COLUMNS, rows, as_json=as_json)
    if remove:
        _remove(services, found)


def _prefix(
    services: Services, organization: str | None, namespace: str | None, bucket: str | None, *, everything: bool
) -> str:
    """Returns the key prefix of the files that the arguments select. Raises UsageError for a wrong combination."""
    if everything:
        if organization or namespace or bucket:
            raise click.UsageError("--all cannot be combined with a name")
        return f"{BLOBS}/"
    if not (organization and namespace and bucket):
        raise click.UsageError("name a BUCKET with its --organization and --namespace, or use --all")
    services.access.get_organization(organization)
    resolved = services.namespaces.resolve(organization, namespace, include_expired=True)
    return blobs_prefix(services.buckets.get(partition(organization, resolved.namespace_id), bucket).bucket_id)


def _with_progress(files: Iterable[StoredFile]) -> Iterator[StoredFile]:
    """Yields the files, and prints a line to standard error after every PROGRESS_EVERY files."""
    for number, file in enumerate(files, 1):
        if number % PROGRESS_EVERY == 0:
            click.echo(f"{number} files examined, up to {file.key}", err=True)
        yield file


def _remove(services: Services, found: list[StoredFile]) -> None:
    remaining, removed = iter(found), 0
    while chunk := [file.key for file in islice(remaining, REMOVE_BATCH_SIZE)]:
        services.blobs.remove(chunk)
        removed += len(chunk)
        click.echo(f"{removed} of {len(found)} removed", err=True)
