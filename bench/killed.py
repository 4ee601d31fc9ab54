"""Simulates a worker that dies repeatedly, and its clock."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.local.events.queue_source import QueueSource
from chalicelib.local.events.queues import LocalQueue

if TYPE_CHECKING:
    from botocore.client import BaseClient

    from chalicelib.tasks.runner import Runner

FUNCTION_SECONDS = 300


class Died(BaseException):
    """The simulated end of the process. It is not an Exception, so the code does not catch it."""


@dataclass
class Clock:
    """The real time plus an offset that can be increased."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        """Returns the current time."""
        return datetime.now(UTC) + self.ahead

    def seconds(self) -> float:
        """Returns the current time in seconds, as queues use it."""
        return self().timestamp()


def run_until_empty(queue: LocalQueue, runner: Runner, clock: Clock, report: Callable[[str], None]) -> int:
    """Delivers messages, again if their worker died, until the queue is empty. Returns the number of deaths."""
    source = QueueSource(queue, lambda event: runner.handle(event, Call()), report)
    died = 0
    while (delay := queue.delay()) is not None:
        clock.ahead += timedelta(seconds=delay)
        try:
            source.deliver()
        except Died:
            died += 1
    return died


@dataclass
class Call:
    """The context of a function call."""

    started: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        """Returns the remaining milliseconds until the timeout of the function."""
        return int(1000 * (FUNCTION_SECONDS - (time.monotonic() - self.started)))


class KillingWatch:
    """Counts calls and write units, and simulates the end of the process at some calls.

    Write units are for rows of up to 1 KB, which is the case for all rows here. Indexes are not included.
    """

    def __init__(self, deaths: int, calls: int, report: Callable[[Counter[str]], None], *clients: BaseClient) -> None:
        """Chooses the calls at which the worker dies among the first `calls`, the same in each run.

        Half of these calls are executed before the worker dies. At most one call in fifty is chosen, because a task
        fails if its worker dies repeatedly before it saves progress.
        """
        self.counted: Counter[str] = Counter()
        self._deaths = set(random.Random(0).sample(range(1, calls), min(deaths, calls // 50)))
        self._report = report
        self._clients = clients
        self._dies = False

    def __enter__(self) -> Counter[str]:
        for client in self._clients:
            client.meta.events.register("before-call.*", self._before)
            client.meta.events.register("after-call.*", self._after)
        return self.counted

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.meta.events.unregister("before-call.*", self._before)
            client.meta.events.unregister("after-call.*", self._after)

    def _before(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        number = self.counted["calls"] = self.counted["calls"] + 1
        self._dies = number in self._deaths
        if self._dies and number % 2:
            raise Died
        self._count(model.name, params)
        self._report(self.counted)

    def _after(self, **_: Any) -> None:
        if self._dies:
            self._dies = False
            raise Died

    def _count(self, call: str, params: Mapping[str, Any]) -> None:
        if call == "BatchWriteItem":
            rows = sum(map(len, json.loads(params["body"])["RequestItems"].values()))
            self.counted["removed"] += rows
            self.counted["units"] += rows
        elif call == "TransactWriteItems":
            self.counted["units"] += 2 * len(json.loads(params["body"])["TransactItems"])
        elif call in ("PutItem", "UpdateItem", "DeleteItem"):
            self.counted["units"] += 1
