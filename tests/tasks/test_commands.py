"""The operator's commands that show and restart tasks."""

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
from tests.tasks.conftest import CountingWorker, NewHarness, new_task


@dataclass(frozen=True)
class Operator:
    """Runs commands as an operator does."""

    world: World
    harness: TaskHarness

    def run(self, command: str) -> Result:
        """Runs a command. `ORG` is replaced with the id of the organization."""
        arguments = [self.world.organization_id if part == "ORG" else part for part in command.split()]
        services = SimpleNamespace(access=self.world.services.access, tasks=self.harness.tasks)
        return CliRunner().invoke(Commands(commands=[tasks]), ["tasks", *arguments], obj=lambda: services)

    def run_json(self, command: str) -> Any:
        result = self.run(f"{command} --json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def worker() -> CountingWorker:
    return CountingWorker()


@pytest.fixture
def operator(world: World, harness_with: NewHarness, worker: CountingWorker) -> Operator:
    return Operator(world, harness_with(worker))


def fail_second_slice(count: int) -> None:
    if count == 1:
        raise ValueError("out of paper")


def test_tasks_are_listed_newest_first_and_by_status(world: World, operator: Operator) -> None:
    harness = operator.harness
    done = harness.start(new_task(harness, world)).task_id
    harness.pump()
    pending = harness.start(new_task(harness, world)).task_id
    assert [row["task_id"] for row in operator.run_json("list --organization ORG")] == [pending, done]
    assert [row["task_id"] for row in operator.run_json("list --organization ORG --limit 1")] == [pending]
    assert [row["task_id"] for row in operator.run_json("list --organization ORG --status completed")] == [done]
    assert done in operator.run("list --organization ORG").stdout


def test_show_includes_the_private_progress_of_the_worker(
    world: World, operator: Operator, worker: CountingWorker
) -> None:
    worker.before_slice = fail_second_slice
    harness = operator.harness
    task = harness.start(new_task(harness, world))
    harness.pump()
    shown = operator.run_json(f"show --organization ORG {task.task_id}")
    assert (shown["status"], shown["error"], shown["attempts"]) == ("FAILED", "ValueError: out of paper", 8)
    assert shown["progress"] == {"counted": 1, "_position": "secret-0"}
    assert "FAILED" in operator.run(f"show --organization ORG {task.task_id}").stdout


def test_a_failed_task_can_be_restarted_and_completes(world: World, operator: Operator, worker: CountingWorker) -> None:
    worker.before_slice = fail_second_slice
    harness = operator.harness
    task = harness.start(new_task(harness, world))
    harness.pump()
    worker.before_slice = lambda count: None
    assert operator.run_json(f"restart --organization ORG {task.task_id}")["status"] == "PENDING"
    harness.dispatch()
    harness.pump()
    assert operator.run_json(f"show --organization ORG {task.task_id}")["status"] == "COMPLETED"
    again = operator.run(f"restart --organization ORG {task.task_id}")
    assert (again.exit_code, again.stdout) == (1, "")
    assert "COMPLETED" in again.stderr


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("show --organization ORG task_01kdvdna07crhfzd", "task_01kdvdna07crhfzd"),
        ("restart --organization ORG nothing", "nothing"),
        ("list --organization int_nowhere", "int_nowhere"),
    ],
)
def test_an_unknown_id_is_reported_on_one_line(operator: Operator, command: str, name: str) -> None:
    result = operator.run(command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert name in result.stderr


def test_help_needs_no_services(operator: Operator) -> None:
    assert isinstance(tasks, click.Group)
    for command in ("--help", "restart --help"):
        assert "Usage:" in operator.run(command).stdout
