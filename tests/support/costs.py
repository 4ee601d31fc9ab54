"""What an operation costs, counted: calls to the engine, the units it reports, the rows it looks at."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core import log
from tests.support.api import Api, ApiResponse
from tests.support.seeding import Traffic, traffic
from tests.support.world import World


class LogFields(logging.Handler):
    """The fields of the request log."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.fields.append(record.__dict__["fields"])


@dataclass
class CostMeter:
    """Makes calls and tells what each cost, by the log line of its request and by what the engine saw."""

    world: World
    api: Api
    lines: LogFields
    seen: Traffic = field(default_factory=Traffic)
    reply: ApiResponse = field(default_factory=lambda: ApiResponse(0, {}, ""))

    def cost(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        """The log line's fields, for one call that must succeed."""
        with traffic(self.world) as self.seen:
            self.reply = self.api.call(method, path, body, **more)
        assert self.reply.status in (200, 204), self.reply.text
        line = self.lines.fields[-1]
        assert line["round_trips"] == len(self.seen.calls), "the log tells what happened"
        return line

    def calls(self, method: str, path: str, body: Any = None, **more: Any) -> list[str]:
        """The calls to the database, in order."""
        self.cost(method, path, body, **more)
        return self.seen.calls


@contextmanager
def measure_costs(world: World, api: Api) -> Iterator[CostMeter]:
    """A meter, while the requests are logged."""
    lines, level = LogFields(), log.logger.level
    log.logger.addHandler(lines)
    log.logger.setLevel(log.INFO)
    try:
        yield CostMeter(world, api, lines)
    finally:
        log.logger.removeHandler(lines)
        log.logger.setLevel(level)
