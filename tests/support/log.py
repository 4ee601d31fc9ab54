"""Captures the log of the service in a test."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest

from chalicelib.core import log as service_log


class Log:
    """The captured log."""

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
    """The log that the service writes during this test."""
    log = Log()
    level = service_log.logger.level
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", log.stream)
        patch.setattr(service_log.logger, "handlers", [])
        service_log.configure("INFO")
        handlers = service_log.logger.handlers
    monkeypatch.setattr(service_log.logger, "handlers", handlers)
    monkeypatch.setattr(service_log.logger, "level", level)
    service_log.logger.setLevel("INFO")
    return log
