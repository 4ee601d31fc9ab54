"""The log groups of a stage whose functions run in this process, and what the functions did.

    with new_stage_log() as stage:
        stage.send(world, world.api(), "GET", "/v1/buckets")
        with stage.function("OnObjectsChange"):
            world.pump()
    stage.sent                  the requests with their responses and costs
    stage.lines["ApiLogGroup"]  the lines in a log group, with those of Lambda itself

The requests have metrics.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pytest

from chalicelib.core import log, metrics
from deployment.merge_template.functions import functions
from tests.support.api import Api, ApiResponse
from tests.support.batches import BatchWorld
from tests.support.task_queue import Message
from tests.support.world import World

SERVICE = "buckets-api-prod"
MAX_MESSAGES = 500
# The lines that Lambda itself writes before and after those of an invocation.
LAMBDA_LINES = (
    "START RequestId: 6bc28136-xmpl-4365 Version: $LATEST",
    "REPORT RequestId: 6bc28136-xmpl-4365\tDuration: 15.74 ms\tMemory Size: 512 MB",
)


@dataclass(frozen=True)
class Sent:
    """A request, its response, and the calls to the engine with the capacity units that the engine reported."""

    key: str
    method: str
    route: str
    status: int
    error_code: str
    calls: int
    units: float


@dataclass(frozen=True)
class Handled:
    """A delivered message, and whether it was handled successfully."""

    function: str
    content: Mapping[str, Any]
    succeeded: bool


@dataclass
class StageLog:
    """The log groups of a stage, and what its functions did."""

    stream: io.StringIO
    lines: dict[str, list[str]] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    handled: list[Handled] = field(default_factory=list)

    @contextmanager
    def function(self, name: str) -> Iterator[None]:
        """Puts the lines that are written inside the block into the log group of this function."""
        group = functions()[name]["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        start = len(self.stream.getvalue())
        yield
        first, last = LAMBDA_LINES
        self.lines.setdefault(group, []).extend([first, *self.stream.getvalue()[start:].splitlines(), last])

    def send(
        self,
        world: World,
        api: Api,
        method: str,
        route: str,
        body: Any = None,
        *,
        path: Mapping[str, str] = MappingProxyType({}),
        headers: Mapping[str, str] | None = None,
    ) -> ApiResponse:
        """Sends a request to a route. `path` has the values of its variables."""
        with _usage(world) as usage, self.function("APIHandler"):
            reply = api.call(method, route.format(**path), body, headers=headers)
        code = (reply.error["code"] or "") if reply.status >= 400 else ""
        self.sent.append(Sent(api.key or "", method, route, reply.status, code, len(usage), sum(usage)))
        return reply

    def drain(self, run: BatchWorld) -> None:
        """Delivers stream records and messages, each to its function, until there are none."""
        for _ in range(MAX_MESSAGES):
            with self.function("OnCatalogChange"):
                run.streams()
            for queue in (run.queues.tasks, run.queues.batches):
                queue.move_dead_letters()
            waiting = [*run.queues.batches.waiting, *run.queues.tasks.waiting]
            if not waiting:
                return
            self.deliver(run, min(waiting, key=lambda each: each.due))
        raise AssertionError("the queues are not empty after MAX_MESSAGES deliveries")

    def deliver(self, run: BatchWorld, message: Message) -> None:
        """Delivers a message, when it is due."""
        run.world.clock.advance(max(0.0, message.due - run.world.clock.now.timestamp()))
        is_task = "task_id" in message.content
        name, handle = ("OnTask", run.deliver_task) if is_task else ("OnBatchMessage", run.deliver)
        with self.function(name):
            succeeded = handle(message)
        self.handled.append(Handled(name, message.content, succeeded))


@contextmanager
def new_stage_log() -> Iterator[StageLog]:
    """A log in memory. Inside the block, requests have metrics, and the next one is the first of its process."""
    stage = StageLog(io.StringIO())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log.logger, "handlers", [])
        patch.setattr(log.logger, "level", log.logger.level)
        log.configure("INFO", stage.stream)
        patch.setattr(metrics, "_process", metrics.Process(SERVICE))
        yield stage


@contextmanager
def failing(target: type, method: str, *errors: Exception) -> Iterator[None]:
    """Makes the next calls of a method raise these errors, one after another."""
    remaining = list(errors)
    original: Callable[..., Any] = getattr(target, method)

    def call(*arguments: Any, **more: Any) -> Any:
        if remaining:
            raise remaining.pop(0)
        return original(*arguments, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, method, call)
        yield
    assert not remaining, f"{method} was called less often than expected"


@contextmanager
def _usage(world: World) -> Iterator[list[float]]:
    """Yields a list with the capacity units of each call of the clients inside the block."""
    units: list[float] = []

    def count(parsed: dict[str, Any], **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity", [])
        tables = [consumed] if isinstance(consumed, dict) else consumed
        units.append(sum(float(table["CapacityUnits"]) for table in tables))

    clients: list[Any] = [world.client, world.s3]
    for client in clients:
        client.meta.events.register("after-call", count)
    try:
        yield units
    finally:
        for client in clients:
            client.meta.events.unregister("after-call", count)
