"""A simulated time that passes only while the code sleeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib import wiring
from chalicelib.aws.dynamodb.table import Table
from chalicelib.blobs.store import BlobStore
from tests.support.client_events import handling, rows_read

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.support.world import World


@dataclass
class SlowTime:
    """A monotonic clock in seconds, and the durations of all sleeps."""

    now: float = 0.0
    sleeps: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    def table(self, client: DynamoDBClient, name: str, *, jitter: float = 1.0) -> Table:
        """Returns a table that uses this clock."""
        return Table(client, name, clock=self.clock, sleep=self.sleep, jitter=lambda: jitter)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> SlowTime:
    """The simulated time of the tables and blobs of a test. Must be requested before the fixture `world`."""
    time = SlowTime()
    monkeypatch.setattr(wiring, "Table", time.table)
    monkeypatch.setattr(wiring, "BlobStore", partial(BlobStore, clock=time.clock, sleep=time.sleep))
    return time


@contextmanager
def slow_calls(
    world: World, time: SlowTime, seconds: float, *, each: str = "", seconds_of_a_row: float = 0.0
) -> Iterator[None]:
    """Each call to the database, or each call of the operation `each`, takes this many seconds.

    Each row that it reads takes `seconds_of_a_row` more.
    """
    lock = Lock()  # several calls may run at a time

    def spend_time(parsed: dict[str, Any], **_: Any) -> None:
        with lock:
            time.now += seconds + seconds_of_a_row * rows_read(parsed)

    with handling(world.client, f"after-call.dynamodb.{each}".rstrip("."), spend_time):
        yield
