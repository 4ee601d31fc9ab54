"""The command group `events`: show the events of the embedded engine."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import click

from chalicelib.admin.output import is_terminal
from chalicelib.admin.services import embedded_folder
from chalicelib.events.delivery_events import PARKED
from chalicelib.local.event_file import EventReader

SECONDS_BETWEEN_LOOKS = 0.2
DEPLOYED = (
    "This command shows the events of the embedded engine (BUCKETS_ENGINE=embedded). A deployed stage sends its events "
    "to the EventBridge bus in its parameter EventBusName. To see them, add a rule to the bus that sends them to a log "
    "group: docs/how-to/react-to-events.md shows how"
)
# What describes an event on a terminal: the first of these attributes that it has.
SUMMARIES = ("reason", "status", "bucket_name")
TYPE_WIDTH = len(PARKED)  # the longest type


@click.group()
def events() -> None:
    """Show the events of the embedded engine."""


@events.command()
@click.option("--follow", is_flag=True, help="Wait for further events, until Ctrl-C.")
@click.option("--type", "pattern", metavar="TYPE", default="*", help="Only events of this type, for example object.*")
@click.option("--bucket", metavar="ID", help="Only events about this bucket and what is in it.")
@click.option("--limit", type=click.IntRange(0), default=100, show_default=True, help="Maximum number of past events.")
def tail(follow: bool, pattern: str, bucket: str | None, limit: int) -> None:
    """Show the latest events: a short line for each on a terminal, else its JSON."""
    folder = embedded_folder()
    if folder is None:
        raise click.ClickException(DEPLOYED)

    wanted = _Wanted(pattern, bucket)
    with suppress(KeyboardInterrupt):
        for event in _events(EventReader(folder), wanted, limit=limit, follow=follow):
            click.echo(_line(event) if is_terminal() else json.dumps(event, ensure_ascii=False))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which events are shown: those whose type matches the pattern, about the bucket if one is given."""

    pattern: str
    bucket: str | None

    def __call__(self, event: Mapping[str, Any]) -> bool:
        is_in_bucket = self.bucket is None or event["data"].get("bucket_id") == self.bucket
        return is_in_bucket and fnmatchcase(event["type"], self.pattern)


def _events(reader: EventReader, wanted: _Wanted, *, limit: int, follow: bool) -> Iterator[dict[str, Any]]:
    """Yields up to `limit` past events, and then, to follow, further ones without end."""
    yield from deque(filter(wanted, reader.new()), maxlen=limit)
    while follow:
        time.sleep(SECONDS_BETWEEN_LOOKS)
        yield from filter(wanted, reader.new())


def _line(event: Mapping[str, Any]) -> str:
    data = event["data"]
    summary = next((data[name] for name in SUMMARIES if data.get(name)), "")
    line = f"{event['time']}  {event['type']:{TYPE_WIDTH}}  {event['subject']}  {summary}".rstrip()
    # A text from another system must not control the terminal.
    return "".join(character if character.isprintable() else "?" for character in line)
