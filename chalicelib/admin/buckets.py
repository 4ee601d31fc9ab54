"""The command group `buckets`: changes to a bucket that only the operator can make."""

from __future__ import annotations

from collections.abc import Callable

import click

from chalicelib.admin.commands import with_services
from chalicelib.admin.organizations import organization_option
from chalicelib.admin.output import as_json, show
from chalicelib.buckets.bucket import ACTIVE, Bucket
from chalicelib.buckets.service import Buckets
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.keys import partition
from chalicelib.services import Services

StateChange = Callable[[Buckets, str, str], Bucket]


@click.group()
def buckets() -> None:
    """Lock and unlock, archive, suspend and reactivate buckets."""


def add_command(name: str, change: StateChange, description: str) -> None:
    """Adds a command that changes the state of a bucket."""

    @buckets.command(name, help=f"{description}\n\nBUCKET is an id or a name.")
    @organization_option
    @click.option("--namespace", required=True, metavar="NAME_OR_ID", help="The bucket's namespace.")
    @click.argument("bucket")
    @as_json
    @with_services
    def run(services: Services, *, organization: str, namespace: str, bucket: str, as_json: bool) -> None:
        services.access.get_organization(organization)
        # The operator can also change the buckets of an expired namespace.
        resolved = services.namespaces.resolve(organization, namespace, include_expired=True)
        updated = change(services.buckets, partition(organization, resolved.namespace_id), bucket)
        row = {
            "bucket_id": updated.bucket_id,
            "bucket_name": updated.name,
            "status": updated.status,
            "is_locked": updated.is_locked,
            "updated_at": updated.updated_at,
        }
        show(row, as_json=as_json)


def set_lock(locked: bool) -> StateChange:
    """Returns a change that locks or unlocks a bucket."""
    return lambda service, ns, bucket: service.set_lock(ns, bucket, locked=locked)


def set_status(status: str) -> StateChange:
    """Returns a change that gives a bucket this status."""
    return lambda service, ns, bucket: service.set_status(ns, bucket, status)


add_command("lock", set_lock(True), "Lock a bucket: it can be read, and rejects writes until it is unlocked.")
add_command("unlock", set_lock(False), "Unlock a bucket, so that it accepts writes again.")
add_command(
    "archive", set_status(TaskStatusEnum.ARCHIVED.value), "Archive a bucket: it can be read and rejects writes."
)
add_command(
    "suspend", set_status(TaskStatusEnum.SUSPENDED.value), "Suspend a bucket: it can be read and rejects writes."
)
add_command(
    "reactivate", set_status(ACTIVE), "Reactivate an archived or suspended bucket, so that it accepts writes again."
)
