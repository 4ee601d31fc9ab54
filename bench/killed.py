"""A worker that dies again and again: the clock it waits by, and calls that end the process."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.local.events.task_source import LocalQueue, TaskSource

if TYPE_CHECKING:
    from botocore.client import BaseClient

    from chalicelib.tasks.runner import Runner

FUNCTION_SECONDS = 300


class Died(BaseException):
    """The process ends; nothing in it notices."""


@dataclass
class Clock:
    """The time, which goes on by itself and can be made to go faster."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC) + self.ahead

    def seconds(self) -> float:
        """The present moment, as queues have it."""
        return self().timestamp()


def work_off(queue: LocalQueue, runner: Runner, clock: Clock, tell: Callable[[str], None]) -> int:
    """Hands out messages, as SQS does when a call of the function ends or dies, until none waits. How many died."""
    source = TaskSource(queue, lambda event: runner.handle(event, Call()), tell)
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
    """What a function is told about its call."""

    began: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        """What is left of the time that a call may take."""
        return int(1000 * (FUNCTION_SECONDS - (time.monotonic() - self.began)))


class Watch:
    """Counts the calls that are made and the units that their writes cost, and ends the process at some of them.

    A row that is written is one of 1 KB at most, as all here are. What indexes cost is not in it.
    """

    def __init__(self, deaths: int, calls: int, tell: Callable[[Counter[str]], None], *clients: BaseClient) -> None:
        """Chooses the calls to die at among the first so many, always the same; half of them are made all the same.

        Not more often than every fiftieth, since a slice that is never saved is a failure.
        """
        self.counted: Counter[str] = Counter()
        self._deaths = set(random.Random(0).sample(range(1, calls), min(deaths, calls // 50)))
        self._tell = tell
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
        self._tell(self.counted)

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
