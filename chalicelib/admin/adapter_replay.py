"""What the commands about deliveries share, and the replay of any number of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import click

from chalicelib.admin.output import is_terminal, printable, show_line

if TYPE_CHECKING:
    from chalicelib.buckets.bucket import Bucket
    from chalicelib.deliveries.delivery import Delivery
    from chalicelib.deliveries.facade import DeliveryServices

State = Literal["APPLIED", "IGNORED", "PARKED"]
PAGE_SIZE = 100

state_option = click.option(
    "--state",
    type=click.Choice(["APPLIED", "IGNORED", "PARKED"], case_sensitive=False),
    help="Only deliveries in this state.",
)


def stored_deliveries(
    services: DeliveryServices, rows: str, *, state: State | None, event_type: str | None, descending: bool
) -> Iterator[Delivery]:
    """Yields the deliveries to a bucket in the order of their receipt, page by page.

    `rows` is the partition key of the bucket's deliveries. Raises Unavailable.
    """
    from chalicelib.deliveries.delivery_log import LogQuery, read_page

    cursor = None
    while True:
        query = LogQuery(rows, PAGE_SIZE, state, event_type, cursor=cursor, descending=descending)
        page = read_page(services.store, query, services.clock())
        yield from page.deliveries
        if (cursor := page.next_cursor) is None:
            return


def replay_all(services: DeliveryServices, bucket: Bucket, rows: str, ids: Iterator[str], *, dry_run: bool) -> int:
    """Applies these deliveries again, or forecasts that, and prints a line for each.

    Prints the progress and the numbers of outcomes to standard error. Returns how many deliveries failed.
    """
    done = "tried" if dry_run else "replayed"
    counts: Counter[str] = Counter()
    for row in (_forecasts if dry_run else _replayed)(services, bucket, rows, ids):
        click.echo(_line(row)) if is_terminal() else show_line(row)
        counts[str(row.get("outcome") or row.get("state") or "failed")] += 1
        if counts.total() % PAGE_SIZE == 0:
            click.echo(f"{counts.total()} deliveries {done}", err=True)
    outcomes = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()))
    click.echo(f"{counts.total()} deliveries {done}{': ' if outcomes else ''}{outcomes}", err=True)
    return counts["failed"]


def _replayed(services: DeliveryServices, bucket: Bucket, rows: str, ids: Iterator[str]) -> Iterator[Mapping[str, Any]]:
    from chalicelib.deliveries.views import show_replay

    for each in services.replay.run(rows, bucket, ids):
        shown = show_replay([each], None)
        yield from (*shown["results"], *shown["failed"])


def _forecasts(
    services: DeliveryServices, bucket: Bucket, rows: str, ids: Iterator[str]
) -> Iterator[Mapping[str, Any]]:
    from chalicelib.deliveries.views import show_test

    for each in services.test.of_stored(bucket, rows, ids):
        shown = show_test([each], None)
        # The index is the position in the list of a response.
        yield from ({name: row[name] for name in row if name != "index"} for row in shown["results"])  # type: ignore[literal-required]
        yield from shown["failed"]


def _line(row: Mapping[str, Any]) -> str:
    """Returns a short line for the result of a replay, or for a forecast."""
    before = row.get("previous_outcome") or row.get("previous_state") or "-"
    after = row.get("outcome") or row.get("state") or "failed"
    reason = row.get("error") or row.get("reason") or row.get("object_id") or ""
    shown = printable({"id": row["delivery_id"], "type": row.get("event_type") or "-", "reason": reason})
    return f"{shown['id']}  {before} -> {after}  {shown['type']}  {shown['reason']}".rstrip()
