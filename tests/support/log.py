"""The log of a test."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest

from chalicelib.foundation import logs


class Log:
    """What the service has logged."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """The log of this test, as the service writes it."""
    log = Log()
    level = logs.logger.level
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", log.stream)
        patch.setattr(logs.logger, "handlers", [])
        logs.configure("INFO")
        handlers = logs.logger.handlers
    monkeypatch.setattr(logs.logger, "handlers", handlers)
    monkeypatch.setattr(logs.logger, "level", level)
    logs.logger.setLevel("INFO")
    return log
