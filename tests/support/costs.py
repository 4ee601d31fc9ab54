"""What an operation costs, counted: calls to the engine, the units it reports, the rows it looks at."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core import log
from tests.support.api import Api, Reply
from tests.support.seeding import Traffic, traffic
from tests.support.world import World


class Lines(logging.Handler):
    """The fields of the request log."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.fields.append(record.__dict__["fields"])


@dataclass
class Usage:
    """Makes calls and tells what each cost, by the log line of its request and by what the engine saw."""

    world: World
    api: Api
    lines: Lines
    seen: Traffic = field(default_factory=Traffic)
    reply: Reply = field(default_factory=lambda: Reply(0, {}, ""))

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
def metering(world: World, api: Api) -> Iterator[Usage]:
    """A meter, while the requests are logged."""
    lines, level = Lines(), log.logger.level
    log.logger.addHandler(lines)
    log.logger.setLevel(log.INFO)
    try:
        yield Usage(world, api, lines)
    finally:
        log.logger.removeHandler(lines)
        log.logger.setLevel(level)
