"""A pytest plugin that selects the tests that use the DynamoDB client, directly or through other fixtures.

All other tests do not depend on the engine, and `make test` runs them. Of a test with many cases, a part runs: each
case creates tables, which takes most of the time on this engine. The number of deselected tests is printed at the end
of the run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

# The fixtures that connect to the engine. Others use one of them.
FIXTURES = {"client", "scenario"}
DESELECTED = pytest.StashKey[int]()
OUTPUT = "deselected"
# Of a test with more cases than these, every third one runs.
MAX_CASES = 9
STEP = 3


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects the tests that do not use the engine, and cases of tests that have many."""
    selected = list(sampled(item for item in items if FIXTURES & {*getattr(item, "fixturenames", ())}))
    config.stash[DESELECTED] = len(items) - len(selected)
    items[:] = selected


def sampled(items: Iterable[pytest.Item]) -> Iterator[pytest.Item]:
    """Yields all cases of each test, or every third one if there are more than `MAX_CASES`."""
    cases: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        cases[item.nodeid.partition("[")[0]].append(item)
    for found in cases.values():
        yield from found if len(found) <= MAX_CASES else found[::STEP]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Reports the number of deselected tests from a worker. It is the same in all workers."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[OUTPUT] = session.config.stash[DESELECTED]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Receives the report of a worker. A worker that crashed has not sent one."""
    report: dict[str, Any] = getattr(node, "workeroutput", {})
    if OUTPUT in report:
        node.config.stash[DESELECTED] = report[OUTPUT]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Prints the number of deselected tests."""
    if DESELECTED in config.stash:
        reason = "they do not use this engine, or are further cases of a test"
        terminalreporter.write_line(f"{config.stash[DESELECTED]} tests were deselected: {reason}")
