"""The command group `adapters`: the source adapters of buckets, their deliveries and secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from chalicelib import keys
from chalicelib.admin.adapter_replay import State, replay_all, state_option, stored_deliveries
from chalicelib.admin.commands import with_services
from chalicelib.admin.organizations import organization_option
from chalicelib.admin.output import as_json, is_terminal, printable, show, show_all, show_line
from chalicelib.core.clock import format_timestamp
from chalicelib.services import Services

if TYPE_CHECKING:
    from chalicelib.buckets.bucket import Bucket

COLUMNS = ("received_at", "state", "result", "event_type", "attempt", "repeats", "object_id", "delivery_id", "reason")
REGISTER_COLUMNS = ("organization", "namespace", "bucket_id", "bucket_name", "adapter_type")
DAY_SECONDS = 86_400
PROGRESS_EVERY = 100

event_type_option = click.option("--event-type", metavar="TYPE", help="Only deliveries with this event type.")


@dataclass(frozen=True, slots=True)
class Place:
    """The bucket that a command is about: the partition of its namespace, and its id or name."""

    partition: str
    bucket: str


@click.group()
def adapters() -> None:
    """Show the source adapters of buckets and their deliveries, replay deliveries, and rotate secrets."""


def of_bucket(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the arguments that name a bucket to a command, and passes its place."""

    @organization_option
    @click.option("--namespace", required=True, metavar="NAME_OR_ID", help="The bucket's namespace.")
    @click.argument("bucket")
    @wraps(command)
    @with_services
    def run(services: Services, /, *, organization: str, namespace: str, bucket: str, **more: Any) -> None:
        services.access.get_organization(organization)
        resolved = services.namespaces.resolve(organization, namespace, include_expired=True)
        command(services, Place(keys.partition(organization, resolved.namespace_id), bucket), **more)

    return run


@adapters.command()
@of_bucket
@as_json
def status(services: Services, place: Place, *, as_json: bool) -> None:
    """Show the state of a bucket's source adapter, with counters of its deliveries.

    BUCKET is an id or a name.
    """
    from chalicelib.deliveries.status import show_status

    found = services.deliveries
    bucket = found.buckets.get(place.partition, place.bucket)
    state = found.states.find(keys.deliveries(place.partition, bucket.bucket_id))
    shown: dict[str, Any] = {**show_status(bucket, state, format_timestamp(found.clock()))}
    show(shown if as_json else _flat(shown), as_json=as_json)


@adapters.command()
@of_bucket
@state_option
@event_type_option
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Maximum number of deliveries.")
def deliveries(services: Services, place: Place, *, state: State | None, event_type: str | None, limit: int) -> None:
    """List the deliveries to a bucket of the last 30 days, newest first: a table on a terminal, else JSON lines.

    BUCKET is an id or a name.
    """
    from chalicelib.deliveries.views import show as shown

    rows = services.deliveries.rows(place.partition, place.bucket)
    wanted = stored_deliveries(services.deliveries, rows, state=state, event_type=event_type, descending=True)
    found: Iterator[Mapping[str, Any]] = (shown(each) for each in islice(wanted, limit))
    if is_terminal():
        show_all(COLUMNS, [printable(row) for row in found], as_json=False)
        return
    for row in found:
        show_line(row)


@adapters.command()
@of_bucket
@click.argument("delivery_ids", nargs=-1, metavar="[DELIVERY_ID]...")
@state_option
@event_type_option
@click.option("--dry-run", is_flag=True, help="Show what the replay would do. Nothing is written.")
def replay(
    services: Services,
    place: Place,
    *,
    delivery_ids: tuple[str, ...],
    state: State | None,
    event_type: str | None,
    dry_run: bool,
) -> None:
    """Apply deliveries again with the current source adapter: a line for each on a terminal, else its JSON.

    Name the deliveries, or choose all with a --state. They are applied in the order of their receipt, or in the order
    of the ids. The exit code is 1 if one of them could not be applied again, for example because it has expired.

    BUCKET is an id or a name.
    """
    if bool(delivery_ids) == (state is not None) or (delivery_ids and event_type):
        raise click.UsageError("give either delivery ids or a --state")
    found = services.deliveries
    bucket = found.with_adapter(place.partition, place.bucket)
    rows = keys.deliveries(place.partition, bucket.bucket_id)
    stored = stored_deliveries(found, rows, state=state, event_type=event_type, descending=False)
    ids = iter(delivery_ids) if delivery_ids else (each.delivery_id for each in stored)
    if replay_all(found, bucket, rows, ids, dry_run=dry_run):
        click.get_current_context().exit(1)


@adapters.command()
@of_bucket
@click.option(
    "--grace-seconds",
    type=click.IntRange(0, 7 * DAY_SECONDS),
    default=DAY_SECONDS,
    show_default=True,
    help="For how long the current secret remains valid beside the new one.",
)
@as_json
def rotate(services: Services, place: Place, *, grace_seconds: int, as_json: bool) -> None:
    """Give a bucket's source adapter a new webhook secret and print it. It cannot be printed again.

    BUCKET is an id or a name.
    """
    from chalicelib.deliveries.views import show_rotation

    found = services.deliveries
    bucket = found.rotation.rotate(place.partition, place.bucket, None, grace_seconds)
    secret = str(found.buckets.webhook_secret(bucket))
    rotated = show_rotation(bucket, secret, format_timestamp(found.clock()))
    if as_json:
        show({**rotated}, as_json=True)
    else:
        click.echo(secret)
    end = rotated["previous_secret_expires_at"]
    until = f"valid until {end}" if end else "not valid any longer"
    click.echo(f"The previous secret is {until}. Keep the new one safe: it will not be shown again.", err=True)


@adapters.command()
@as_json
@with_services
def register(services: Services, *, as_json: bool) -> None:
    """Let source adapters that an earlier version has stored receive webhooks. Prints their buckets.

    Run it once after the upgrade from a version that received no webhooks. It may be repeated: adapters that receive
    webhooks already do not change.
    """
    from chalicelib.buckets.registration import register_endpoint

    rows, number = [], 0
    for partition in services.partitions():
        for bucket in services.buckets.store.rows.all(partition):
            if register_endpoint(services.buckets, partition, bucket):
                rows.append(_registered(partition, bucket))
            number += 1
            if number % PROGRESS_EVERY == 0:
                click.echo(f"{number} buckets examined, {len(rows)} registered", err=True)
    if rows or as_json:
        show_all(REGISTER_COLUMNS, rows, as_json=as_json)
    click.echo(f"{number} buckets examined, {len(rows)} registered", err=True)


def _flat(shown: dict[str, Any]) -> dict[str, Any]:
    """Returns a status without nested values, and without characters that control a terminal."""
    batching = shown["batching"]
    described = " ".join(f"{name}={value}" for name, value in batching.items()) if batching else None
    values = {name: value for name, value in shown.items() if name != "stats"}
    return printable({**values, "batching": described, **shown["stats"]})


def _registered(partition: str, bucket: Bucket) -> dict[str, Any]:
    organization, namespace = keys.parse_partition(partition) or (None, None)
    return {
        "organization": organization,
        "namespace": namespace,
        "bucket_id": bucket.bucket_id,
        "bucket_name": bucket.name,
        "adapter_type": (bucket.settings.source_adapter or {}).get("adapter_type"),
    }
