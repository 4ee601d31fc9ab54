"""The operator looks at tasks, and starts again what got stuck."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from chalicelib.admin.commands import Commands
from chalicelib.admin.tasks import tasks
from tests.support.task_queue import TaskHarness
from tests.support.world import World
from tests.tasks.conftest import CountingWorker, NewHarness, a_task


@dataclass(frozen=True)
class Operator:
    """Somebody at the command line."""

    world: World
    harness: TaskHarness

    def run(self, words: str) -> Result:
        """A command, the organization filled in for `ORG`."""
        given = [self.world.organization_id if word == "ORG" else word for word in words.split()]
        services = SimpleNamespace(access=self.world.services.access, tasks=self.harness.tasks)
        return CliRunner().invoke(Commands(commands=[tasks]), ["tasks", *given], obj=lambda: services)

    def reads(self, words: str) -> Any:
        result = self.run(f"{words} --json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def worker() -> CountingWorker:
    return CountingWorker()


@pytest.fixture
def operator(world: World, harness_with: NewHarness, worker: CountingWorker) -> Operator:
    return Operator(world, harness_with(worker))


def no_luck(count: int) -> None:
    if count == 1:
        raise ValueError("no luck")


def test_tasks_are_listed_newest_first_and_by_status(world: World, operator: Operator) -> None:
    harness = operator.harness
    done = harness.start(a_task(harness, world)).task_id
    harness.pump()
    waits = harness.start(a_task(harness, world)).task_id
    assert [row["task_id"] for row in operator.reads("list --organization ORG")] == [waits, done]
    assert [row["task_id"] for row in operator.reads("list --organization ORG --limit 1")] == [waits]
    assert [row["task_id"] for row in operator.reads("list --organization ORG --status completed")] == [done]
    assert done in operator.run("list --organization ORG").stdout


def test_show_includes_the_private_progress_of_the_worker(
    world: World, operator: Operator, worker: CountingWorker
) -> None:
    worker.trouble = no_luck
    harness = operator.harness
    task = harness.start(a_task(harness, world))
    harness.pump()
    shown = operator.reads(f"show --organization ORG {task.task_id}")
    assert (shown["status"], shown["error"], shown["attempts"]) == ("FAILED", "ValueError: no luck", 8)
    assert shown["progress"] == {"counted": 1, "_place": "secret-0"}
    assert "FAILED" in operator.run(f"show --organization ORG {task.task_id}").stdout


def test_a_failed_task_can_be_restarted_and_completes(world: World, operator: Operator, worker: CountingWorker) -> None:
    worker.trouble = no_luck
    harness = operator.harness
    task = harness.start(a_task(harness, world))
    harness.pump()
    worker.trouble = lambda count: None
    assert operator.reads(f"restart --organization ORG {task.task_id}")["status"] == "PENDING"
    harness.dispatch()
    harness.pump()
    assert operator.reads(f"show --organization ORG {task.task_id}")["status"] == "COMPLETED"
    again = operator.run(f"restart --organization ORG {task.task_id}")
    assert (again.exit_code, again.stdout) == (1, "")
    assert "COMPLETED" in again.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("show --organization ORG task_01kdvdna07crhfzd", "task_01kdvdna07crhfzd"),
        ("restart --organization ORG nothing", "nothing"),
        ("list --organization int_nowhere", "int_nowhere"),
    ],
)
def test_an_unknown_id_is_reported_on_one_line(operator: Operator, words: str, content: str) -> None:
    result = operator.run(words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert content in result.stderr


def test_help_needs_no_services(operator: Operator) -> None:
    assert isinstance(tasks, click.Group)
    for words in ("--help", "restart --help"):
        assert "Usage:" in operator.run(words).stdout
