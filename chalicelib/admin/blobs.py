"""The command group `blobs`, for the stored files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import click

from chalicelib import keys
from chalicelib.admin.arguments import PeriodType
from chalicelib.admin.bucket_selection import Progress, Selected, selected_files
from chalicelib.admin.commands import with_services
from chalicelib.admin.output import Row, as_json, rows_as_found
from chalicelib.blobs.file_version import StoredFile
from chalicelib.blobs.missing_files import Reference
from chalicelib.blobs.orphans import orphans as without_object
from chalicelib.core.clock import format_timestamp
from chalicelib.objects.missing_files import missing_object_files
from chalicelib.services import Services
from chalicelib.uploads.orphans import UploadOrphans
from chalicelib.uploads.upload import STAGING

# The width of each column of the table.
COLUMNS = {"problem": 12, "size_bytes": 12, "stored_at": 27, "referenced_by": 30, "key": 0}
UNREFERENCED = "unreferenced"
MISSING = "missing"
LIST_BATCH_SIZE = 1000
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
@click.option("--remove", is_flag=True, help="Remove the unreferenced files.")
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
    """List stored files that nothing refers to, and references to files that are missing.

    A process that ends during a write, or a lost record of the stream, can leave an unreferenced file. --remove removes
    these files, and nothing else. It keeps the file of an upload if an object has begun to use it.
    Newer files may belong to a request that is still running. By default, only files older than an hour are listed.

    A missing file is never the result of a process that ended. It was removed in S3, or it was not restored from a
    backup. --remove does not change what refers to it.

    Name a BUCKET with its organization and namespace, or --all.
    """
    selected = selected_files(services, organization, namespace, bucket, everything=everything)
    now = datetime.now(UTC)
    unreferenced = _unreferenced(selected, before=now - older_than, now=now)
    with rows_as_found(COLUMNS, as_json=as_json) as show:
        for file in _removing(selected, unreferenced) if remove else unreferenced:
            show(_file_row(file))
        for reference in _missing(selected):
            show(_reference_row(reference))


def _unreferenced(selected: Selected, *, before: datetime, now: datetime) -> Iterator[StoredFile]:
    """Yields the files that nothing refers to: those of objects and uploads, and those that were not checked."""
    services, progress = selected.services, Progress("files examined")
    uploads, needed = UploadOrphans(services.uploads.store), selected.shared_files.needed
    files = progress.of(services.blobs.list_files(selected.prefix), lambda file: file.key)
    while chunk := list(islice(files, LIST_BATCH_SIZE)):
        yield from without_object(services.objects.store, chunk, before=before, needed=needed)
        yield from uploads.unreferenced(chunk, before=before, needed=needed)
    staged = progress.of(services.blobs.list_files(f"{STAGING}/"), lambda file: file.key)
    yield from uploads.staged(staged, before=before, now=now, bucket_id=selected.bucket_id)


def _missing(selected: Selected) -> Iterator[Reference]:
    """Yields the references of objects and uploads to files that are not in S3."""
    services, progress = selected.services, Progress("objects and uploads examined")
    uploads = UploadOrphans(services.uploads.store)
    for each, bucket_id in selected.buckets():
        objects = progress.of(services.objects.store.walk(bucket_id), lambda stored: stored.object_id)
        yield from missing_object_files(services.objects.store, services.blobs, bucket_id, objects)
        rows = keys.uploads(each, bucket_id)
        found = progress.of(uploads.store.walk(rows, descending=False), lambda upload: upload.upload_id)
        yield from uploads.missing(services.blobs, rows, found)


def _removing(selected: Selected, files: Iterator[StoredFile]) -> Iterator[StoredFile]:
    """Removes files, and yields them afterwards. Keeps and omits those that an object has begun to use meanwhile."""
    removed = 0
    while chunk := list(islice(files, REMOVE_BATCH_SIZE)):
        removable = selected.shared_files.removable(file.key for file in chunk)
        gone = [file for file in chunk if file.key in removable]
        selected.services.blobs.remove(file.key for file in gone)
        removed += len(gone)
        click.echo(f"{removed} files removed", err=True)
        yield from gone


def _file_row(file: StoredFile) -> Row:
    found = {"size_bytes": file.size_bytes, "stored_at": format_timestamp(file.stored_at), "referenced_by": None}
    return {"problem": UNREFERENCED, **found, "key": file.key}


def _reference_row(reference: Reference) -> Row:
    found = {"size_bytes": None, "stored_at": None, "referenced_by": reference.owner_id}
    return {"problem": MISSING, **found, "key": reference.key}
