"""The tests that another engine is asked about: those that use the client of its tables, by whatever fixtures.

All others see nothing of an engine, or bring one of their own, and `make test` runs them. How many are left out is
told at the end of the run.
"""

from __future__ import annotations

from typing import Any

import pytest

FIXTURE = "client"
LEFT_OUT = pytest.StashKey[int]()
OUTPUT = "left_out"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the tests that do not use the engine."""
    chosen = [item for item in items if FIXTURE in getattr(item, "fixturenames", ())]
    config.stash[LEFT_OUT] = len(items) - len(chosen)
    items[:] = chosen


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells how many tests it left out; it is the same in all of them."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[OUTPUT] = session.config.stash[LEFT_OUT]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a worker told; one that crashed told nothing."""
    told: dict[str, Any] = getattr(node, "workeroutput", {})
    if OUTPUT in told:
        node.config.stash[LEFT_OUT] = told[OUTPUT]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Says how many tests were left out."""
    if LEFT_OUT in config.stash:
        terminalreporter.write_line(f"{config.stash[LEFT_OUT]} tests that do not use this engine were left out")
