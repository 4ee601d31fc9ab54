"""The command group `mirrors`, for the files by URL that are still to be copied."""

from __future__ import annotations

from collections.abc import Iterator

import click

from chalicelib.admin.bucket_selection import Progress, selected_files
from chalicelib.admin.commands import with_services
from chalicelib.blobs.mirror import PENDING
from chalicelib.mirroring.queue import MirrorMessage
from chalicelib.objects.stored_object import StoredObject
from chalicelib.services import Services


@click.group()
def mirrors() -> None:
    """Continue the copies of files by URL."""


@mirrors.command()
@click.option("--organization", metavar="ID", help="Id of the organization.")
@click.option("--namespace", metavar="NAME_OR_ID", help="The bucket's namespace.")
@click.argument("bucket", required=False)
@click.option("--all", "everything", is_flag=True, help="The files of all buckets.")
@with_services
def resend(
    services: Services, *, organization: str | None, namespace: str | None, bucket: str | None, everything: bool
) -> None:
    """Send the messages of all files that are still to be copied again.

    A message can be lost: if there was no queue, or after 14 days in it. A second message for a file does no harm.

    Name a BUCKET with its organization and namespace, or --all. Needs BUCKETS_MIRROR_QUEUE_URL. The embedded engine
    sends these messages whenever it starts.
    """
    queue = services.mirror_messages.queue
    if not queue.url:
        raise click.UsageError("BUCKETS_MIRROR_QUEUE_URL is not set")
    selected = selected_files(services, organization, namespace, bucket, everything=everything)
    examined, sent = Progress("objects examined"), 0
    for _, bucket_id in selected.buckets():
        found = examined.of(services.objects.store.walk(bucket_id), lambda stored: stored.object_id)
        for stored in found:
            messages = list(waiting(stored))
            queue.send(messages)
            sent += len(messages)
    click.echo(f"{sent} messages sent, for files of {examined.number} objects", err=True)


def waiting(stored: StoredObject) -> Iterator[MirrorMessage]:
    """Yields the message for each file of the object that is still to be copied."""
    for blob in stored.blobs:
        if blob.mirror is not None and blob.mirror.status == PENDING:
            yield MirrorMessage(
                stored.partition, stored.bucket_id, stored.object_id, blob.blob_id, blob.mirror.mirror_id
            )
