"""`buckets`: what only the operator may do with a bucket."""

from __future__ import annotations

from collections.abc import Callable

import click

from chalicelib.admin.commands import with_services
from chalicelib.admin.organizations import of_organization
from chalicelib.admin.output import as_json, show
from chalicelib.buckets.bucket import ACTIVE, Bucket
from chalicelib.buckets.service import Buckets
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.keys import partition
from chalicelib.services import Services

Decision = Callable[[Buckets, str, str], Bucket]


@click.group()
def buckets() -> None:
    """Lock and unlock, archive, suspend and reactivate buckets."""


def decided(name: str, decision: Decision, meaning: str) -> None:
    """Adds the command that says this of a bucket."""

    @buckets.command(name, help=f"{meaning}\n\nBUCKET is an id or a name.")
    @of_organization
    @click.option("--namespace", required=True, metavar="NAME_OR_ID", help="The bucket's namespace.")
    @click.argument("bucket")
    @as_json
    @with_services
    def decide(services: Services, *, organization: str, namespace: str, bucket: str, as_json: bool) -> None:
        services.access.get_organization(organization)
        # The operator also reaches a namespace whose time is over.
        place = services.namespaces.resolve(organization, namespace, include_expired=True)
        new = decision(services.buckets, partition(organization, place.namespace_id), bucket)
        row = {
            "bucket_id": new.bucket_id,
            "bucket_name": new.name,
            "status": new.status,
            "is_locked": new.is_locked,
            "updated_at": new.updated_at,
        }
        show(row, as_json=as_json)


def locking(locked: bool) -> Decision:
    """To lock a bucket, or to unlock it."""
    return lambda service, place, bucket: service.set_lock(place, bucket, locked=locked)


def becoming(status: str) -> Decision:
    """To give a bucket this status."""
    return lambda service, place, bucket: service.set_status(place, bucket, status)


decided("lock", locking(True), "Let a bucket take no writes until it is unlocked.")
decided("unlock", locking(False), "Let a locked bucket take writes again.")
decided("archive", becoming(TaskStatusEnum.ARCHIVED.value), "Retire a bucket: it can be read and takes no writes.")
decided("suspend", becoming(TaskStatusEnum.SUSPENDED.value), "Suspend a bucket: it can be read and takes no writes.")
decided("reactivate", becoming(ACTIVE), "Let an archived or suspended bucket take writes again.")
