"""Measures an operation: the calls to AWS, the capacity units that the engine reports, and the rows that are read."""

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
    """Collects the fields of the log lines of requests."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.fields.append(record.__dict__["fields"])


@dataclass
class CostMeter:
    """Sends requests and measures each, by its log line and by the calls that reached the engine."""

    world: World
    api: Api
    lines: LogFields
    seen: Traffic = field(default_factory=Traffic)
    reply: ApiResponse = field(default_factory=lambda: ApiResponse(0, {}, ""))

    def cost(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        """Sends a request, which must succeed, and returns the fields of its log line."""
        with traffic(self.world) as self.seen:
            self.reply = self.api.call(method, path, body, **more)
        assert self.reply.status in (200, 204), self.reply.text
        line = self.lines.fields[-1]
        assert line["round_trips"] == len(self.seen.calls), "the log line must report the calls that were made"
        return line

    def calls(self, method: str, path: str, body: Any = None, **more: Any) -> list[str]:
        """Sends a request, which must succeed, and returns the names of the calls to AWS, in order."""
        self.cost(method, path, body, **more)
        return self.seen.calls


@contextmanager
def measure_costs(world: World, api: Api) -> Iterator[CostMeter]:
    """Yields a meter. Requests are logged inside the block."""
    lines, level = LogFields(), log.logger.level
    log.logger.addHandler(lines)
    log.logger.setLevel(log.INFO)
    try:
        yield CostMeter(world, api, lines)
    finally:
        log.logger.removeHandler(lines)
        log.logger.setLevel(level)
