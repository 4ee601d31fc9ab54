"""What may be done with tasks: start them, cancel them, start them again."""

from __future__ import annotations

import pytest

from chalicelib.core.errors import BadRequest, NotFound
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.tasks.error_text import error_text
from chalicelib.tasks.errors import TaskNotFound, TaskNotRestartable
from chalicelib.tasks.service import Cancellation
from chalicelib.tasks.task import Task
from chalicelib.tasks.worker import Slice
from tests.support.task_queue import TaskHarness
from tests.support.world import World
from tests.tasks.conftest import CountingWorker, NewHarness, ScriptedWorker, a_task

DAY = 86_400


@pytest.fixture
def line(line_with: NewHarness) -> TaskHarness:
    return line_with(CountingWorker())


def test_a_type_that_no_client_knows_is_refused_before_anything_is_stored(world: World, line: TaskHarness) -> None:
    with pytest.raises(ValueError, match="api_buckets_sing"):
        line.tasks.new(world.organization_id, "api_buckets_sing", inputs=[])


def test_what_a_task_is_started_with_comes_back_exactly(world: World, line: TaskHarness) -> None:
    inputs = ["bkt_1", {"configuration": {"deep": [1, 2.5, None, True, "é"]}}]
    task = line.start(a_task(line, world, inputs=inputs, about={"bucket_id": "bkt_1"}, progress={"left": 20}))
    assert (task.inputs, task.about, task.progress) == (inputs, {"bucket_id": "bkt_1"}, {"left": 20})
    assert (task.attempts, task.outputs, task.error, task.has_ended) == (0, None, None, False)


def test_tasks_are_listed_newest_first_and_of_one_organization(world: World, line: TaskHarness) -> None:
    other = world.services.access.create_organization("Rival").organization_id
    ids = [line.start(a_task(line, world)).task_id for _ in range(3)]
    line.start(line.tasks.new(other, "api_buckets_delete", inputs=[]))
    assert [task.task_id for task in line.tasks.walk(world.organization_id)] == ids[::-1]
    assert [task.task_id for task in line.tasks.walk(world.organization_id, descending=False)] == ids
    assert line.tasks.find(other, ids[0]) is None


@pytest.mark.parametrize("task_id", ["", "task_1", "bkt_01kdvdna07crhfzd", "task_" + "x" * 2000, "TASK#", "../.."])
def test_what_is_no_id_finds_nothing(world: World, line: TaskHarness, task_id: str) -> None:
    assert line.tasks.find(world.organization_id, task_id) is None
    with pytest.raises(TaskNotFound):
        line.tasks.get(world.organization_id, task_id)
    assert line.tasks.cancel(world.organization_id, task_id) is Cancellation.NOTHING_TO_CANCEL


def test_a_task_is_kept_for_thirty_days_after_its_last_change(world: World, line: TaskHarness) -> None:
    task = line.start(a_task(line, world))
    world.clock.advance(29 * DAY)
    line.pump()
    world.clock.advance(29 * DAY)
    assert line.read(task).status == TaskStatusEnum.COMPLETED
    world.clock.advance(DAY + 60)
    assert line.tasks.find(task.organization, task.task_id) is None
    assert list(line.tasks.walk(task.organization)) == []


def test_a_task_that_waits_is_canceled_and_never_worked_on(world: World, line_with: NewHarness) -> None:
    line = line_with(worker := CountingWorker())
    task = line.start(a_task(line, world, cancellable=True))
    assert line.tasks.cancel(task.organization, task.task_id) is Cancellation.CANCELED
    assert line.tasks.cancel(task.organization, task.task_id) is Cancellation.NOTHING_TO_CANCEL
    assert line.pump() == 1
    assert (worker.slices, line.read(task).status) == ([], TaskStatusEnum.CANCELED)


def test_a_task_that_is_worked_on_stops_with_its_slice(world: World, line_with: NewHarness) -> None:
    def cancel(count: int) -> None:
        if count == 1:
            line.tasks.cancel(task.organization, task.task_id)

    line = line_with(worker := CountingWorker(5, cancel))
    task = line.start(a_task(line, world, cancellable=True))
    assert line.pump() == 1
    assert worker.slices == [0, 1]
    assert (line.read(task).status, line.read(task).progress["counted"]) == (TaskStatusEnum.CANCELED, 1)


def test_a_task_that_cannot_be_canceled_goes_on(world: World, line: TaskHarness) -> None:
    task = line.start(a_task(line, world))
    assert line.tasks.cancel(task.organization, task.task_id) is Cancellation.GOES_ON
    line.pump()
    assert line.read(task).status == TaskStatusEnum.COMPLETED


def test_a_failed_task_goes_on_from_where_it_came_to_when_it_is_restarted(world: World, line_with: NewHarness) -> None:
    broken = [True]

    def trouble(count: int) -> None:
        if count == 2 and broken[0]:
            raise ValueError("no")

    line = line_with(worker := CountingWorker(4, trouble))
    task = line.start(a_task(line, world))
    line.pump()
    assert line.read(task).status == TaskStatusEnum.FAILED
    broken[0] = False
    worker.slices.clear()
    again = line.tasks.restart(task.organization, task.task_id)
    assert (again.status, again.attempts, again.error) == (TaskStatusEnum.PENDING, 0, None)
    line.dispatch()
    line.pump()
    assert worker.slices == [2, 3]
    assert line.read(task).status == TaskStatusEnum.COMPLETED


def test_a_task_whose_message_was_lost_is_restarted(world: World, line: TaskHarness) -> None:
    task = line.start(a_task(line, world))
    line.queue.waiting.clear()
    line.tasks.restart(task.organization, task.task_id)
    line.dispatch()
    line.pump()
    assert line.read(task).status == TaskStatusEnum.COMPLETED


def test_a_task_that_is_worked_on_is_not_restarted(world: World, line_with: NewHarness) -> None:
    refused: list[str | None] = []

    class Curious:
        def run(self, task: Task) -> Slice:
            with pytest.raises(TaskNotRestartable) as error:
                own.tasks.restart(task.organization, task.task_id)
            refused.append(error.value.reason)
            return Slice(True, {})

    own = line_with(Curious())
    own.start(a_task(own, world))
    own.pump()
    assert refused == ["task_not_restartable"]


def test_what_has_ended_well_is_not_restarted(world: World, line_with: NewHarness) -> None:
    line = line_with(ScriptedWorker([Slice(True, {})]))
    done = line.start(a_task(line, world))
    line.pump()
    canceled = line.start(a_task(line, world, cancellable=True))
    line.tasks.cancel(canceled.organization, canceled.task_id)
    for task in (done, canceled):
        with pytest.raises(TaskNotRestartable):
            line.tasks.restart(task.organization, task.task_id)
    with pytest.raises(TaskNotFound):
        line.tasks.restart(world.organization_id, "task_01kdvdna07crhfzd")


class Validation(Exception):
    """As pydantic's: its words quote what was given."""

    def errors(self) -> list[str]:
        return ["hunter2"]

    def __str__(self) -> str:
        return "input was hunter2"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("first\nsecond"), "ValueError: first"),
        (ValueError(), "ValueError:"),
        (BadRequest("The bucket is full"), "The bucket is full"),
        (NotFound(), "The request was refused"),
        (Validation(), "Validation"),
        (RuntimeError("sk_abcdefgh is wrong"), "RuntimeError: sk_… is wrong"),
        (OSError("arn:aws:sts::123456789012:assumed-role/x is not"), "OSError: arn:… is not"),
        (ValueError("x" * 1000), "ValueError: " + "x" * 288),
    ],
)
def test_an_error_is_told_in_a_line_without_secrets(error: Exception, words: str) -> None:
    assert error_text(error) == words
