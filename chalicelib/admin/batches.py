"""The command group `batches`: list, show and watch, cancel, and retry batches."""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from chalicelib.admin.commands import with_services
from chalicelib.admin.organizations import organization_option
from chalicelib.admin.output import as_json, show, show_all
from chalicelib.core.statuses import TaskStatusEnum

if TYPE_CHECKING:
    from chalicelib.batches.facade import BatchServices
    from chalicelib.batches.response_models import BatchResponse
    from chalicelib.batches.store import Found
    from chalicelib.services import Services

COLUMNS = ("batch_id", "bucket_id", "status", "objects", "processed", "failed", "created_at", "batch_name")
SECONDS_BETWEEN_LOOKS = 1.0
status_type = click.Choice([*TaskStatusEnum], case_sensitive=False)
watch_option = click.option("--watch", is_flag=True, help="Show a progress bar until the batch has ended.")


@click.group()
def batches() -> None:
    """List, show and watch, cancel, and retry the batches of an organization."""


@batches.command("list")
@organization_option
@click.option("--status", type=status_type, help="Only batches in this status.")
@click.option("--bucket", metavar="ID", help="Only batches of this bucket.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Maximum number of batches.")
@as_json
@with_services
def list_(
    services: Services, *, organization: str, status: str | None, bucket: str | None, limit: int, as_json: bool
) -> None:
    """List the batches of the organization, newest first."""
    from chalicelib.batches.lists import BatchFilter, walk_organization

    services.access.get_organization(organization)
    wanted = BatchFilter(status=status, bucket_id=bucket)
    found = walk_organization(services.batches.batches, organization, wanted)
    show_all(COLUMNS, [_row(each) for each in islice(found, limit)], as_json=as_json)


@batches.command("show")
@organization_option
@click.argument("batch_id", metavar="ID")
@watch_option
@as_json
@with_services
def show_(services: Services, *, organization: str, batch_id: str, watch: bool, as_json: bool) -> None:
    """Show the batch with this ID, its progress, and its first failures."""
    if watch:
        _watch(services.batches, organization, batch_id)
    _show(services.batches, organization, batch_id, as_json=as_json)


@batches.command()
@organization_option
@click.argument("batch_id", metavar="ID")
@click.option("--reason", help="Why; kept with the batch.")
@as_json
@with_services
def cancel(services: Services, *, organization: str, batch_id: str, reason: str | None, as_json: bool) -> None:
    """Cancel the batch with this ID. Objects that are being processed are completed; no other object starts."""
    found = services.batches
    found.batches.cancel(found.reader.locate(organization, batch_id), batch_id, reason)
    _show(found, organization, batch_id, as_json=as_json)


@batches.command()
@organization_option
@click.argument("batch_id", metavar="ID")
@click.option("--all", "all_", is_flag=True, help="Retry all failed objects, not only those that failed temporarily.")
@click.option(
    "--max-retries",
    type=click.IntRange(1, 10),
    default=3,
    show_default=True,
    help="Leave out objects that were retried this many times.",
)
@watch_option
@as_json
@with_services
def retry(
    services: Services,
    *,
    organization: str,
    batch_id: str,
    all_: bool,
    max_retries: int,
    watch: bool,
    as_json: bool,
) -> None:
    """Process the failed objects of the batch with this ID again."""
    found = services.batches
    place = found.reader.locate(organization, batch_id)
    done = found.reruns.retry(place, batch_id, transient_only=not all_, max_retry_count=max_retries)
    click.echo(f"{done.retried} objects are retried, {done.skipped} are left out", err=True)
    if watch:
        _watch(found, organization, batch_id)
    _show(found, organization, batch_id, as_json=as_json)


def _show(services: BatchServices, organization: str, batch_id: str, *, as_json: bool) -> None:
    show(_details(_shown(services, organization, batch_id)), as_json=as_json)


def _shown(services: BatchServices, organization: str, batch_id: str) -> BatchResponse:
    place = services.reader.locate(organization, batch_id)
    return services.reader.shown(services.batches.get_with_tally(place, batch_id))


def _watch(services: BatchServices, organization: str, batch_id: str) -> None:
    """Shows a progress bar on standard error until the batch has ended. A draft is not watched."""
    batch = _shown(services, organization, batch_id)
    bar: Any = click.progressbar(
        length=batch["object_count"],
        label=batch_id,
        item_show_func=_message,
        show_pos=True,
        file=sys.stderr,
    )
    with bar:
        while True:
            processed = batch["progress"]["processed"] if batch["progress"] else 0
            bar.update(processed - bar.pos, batch["status_message"])
            if batch["status"] not in (TaskStatusEnum.PENDING, TaskStatusEnum.IN_PROGRESS):
                return
            services.batches.pause(SECONDS_BETWEEN_LOOKS)
            batch = _shown(services, organization, batch_id)


def _message(message: str | None) -> str | None:
    return message


def _row(found: Found) -> dict[str, Any]:
    from chalicelib.batches.views import totals_of

    batch, totals = found.batch, totals_of(found.batch, found.tally)
    return {
        "batch_id": batch.batch_id,
        "bucket_id": batch.bucket_id,
        "status": batch.status.value,
        "objects": batch.object_count,
        "processed": totals.processed,
        "failed": totals.failed,
        "created_at": batch.created_at,
        "batch_name": batch.name,
    }


def _details(batch: BatchResponse) -> dict[str, Any]:
    """Returns what an operator looks for in a batch."""
    names = (
        "batch_id",
        "bucket_id",
        "namespace_id",
        "batch_name",
        "status",
        "status_message",
        "lifecycle_reason",
        "health",
        "object_count",
        "progress",
        "error_summary",
        "failed_objects",
        "task_id",
        "report_key",
        "webhook",
        "created_at",
        "started_at",
        "completed_at",
    )
    values: dict[str, Any] = {name: batch[name] for name in names}  # type: ignore[literal-required]
    return {**values, "failed_objects": [_failure(each) for each in batch["failed_objects"] or ()]}


def _failure(failed: Any) -> str:
    return f"{failed['object_id']}: {failed['error']}"
