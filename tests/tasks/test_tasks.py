"""Starting, reading, canceling and restarting tasks."""

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
from tests.tasks.conftest import CountingWorker, NewHarness, ScriptedWorker, new_task

DAY = 86_400


@pytest.fixture
def harness(harness_with: NewHarness) -> TaskHarness:
    return harness_with(CountingWorker())


def test_an_unknown_task_type_is_rejected(world: World, harness: TaskHarness) -> None:
    with pytest.raises(ValueError, match="api_buckets_sing"):
        harness.tasks.new(world.organization_id, "api_buckets_sing", inputs=[])


def test_the_input_of_a_task_is_stored_unchanged(world: World, harness: TaskHarness) -> None:
    inputs = ["bkt_1", {"configuration": {"deep": [1, 2.5, None, True, "é"]}}]
    task = harness.start(new_task(harness, world, inputs=inputs, about={"bucket_id": "bkt_1"}, progress={"left": 20}))
    assert (task.inputs, task.about, task.progress) == (inputs, {"bucket_id": "bkt_1"}, {"left": 20})
    assert (task.attempts, task.outputs, task.error, task.has_ended) == (0, None, None, False)


def test_only_the_tasks_of_one_organization_are_listed_newest_first(world: World, harness: TaskHarness) -> None:
    other = world.services.access.create_organization("Rival").organization_id
    ids = [harness.start(new_task(harness, world)).task_id for _ in range(3)]
    harness.start(harness.tasks.new(other, "api_buckets_delete", inputs=[]))
    assert [task.task_id for task in harness.tasks.walk(world.organization_id)] == ids[::-1]
    assert [task.task_id for task in harness.tasks.walk(world.organization_id, descending=False)] == ids
    assert harness.tasks.find(other, ids[0]) is None


@pytest.mark.parametrize("task_id", ["", "task_1", "bkt_01kdvdna07crhfzd", "task_" + "x" * 2000, "TASK#", "../.."])
def test_an_invalid_id_finds_nothing(world: World, harness: TaskHarness, task_id: str) -> None:
    assert harness.tasks.find(world.organization_id, task_id) is None
    with pytest.raises(TaskNotFound):
        harness.tasks.get(world.organization_id, task_id)
    assert harness.tasks.cancel(world.organization_id, task_id) is Cancellation.NOTHING_TO_CANCEL


def test_a_task_is_kept_for_thirty_days_after_its_last_change(world: World, harness: TaskHarness) -> None:
    task = harness.start(new_task(harness, world))
    world.clock.advance(29 * DAY)
    harness.pump()
    world.clock.advance(29 * DAY)
    assert harness.read(task).status == TaskStatusEnum.COMPLETED
    world.clock.advance(DAY + 60)
    assert harness.tasks.find(task.organization, task.task_id) is None
    assert list(harness.tasks.walk(task.organization)) == []


def test_a_pending_task_that_is_canceled_never_runs(world: World, harness_with: NewHarness) -> None:
    harness = harness_with(worker := CountingWorker())
    task = harness.start(new_task(harness, world, cancellable=True))
    assert harness.tasks.cancel(task.organization, task.task_id) is Cancellation.CANCELED
    assert harness.tasks.cancel(task.organization, task.task_id) is Cancellation.NOTHING_TO_CANCEL
    assert harness.pump() == 1
    assert (worker.slices, harness.read(task).status) == ([], TaskStatusEnum.CANCELED)


def test_a_running_task_that_is_canceled_stops_after_its_slice(world: World, harness_with: NewHarness) -> None:
    def cancel(count: int) -> None:
        if count == 1:
            harness.tasks.cancel(task.organization, task.task_id)

    harness = harness_with(worker := CountingWorker(5, cancel))
    task = harness.start(new_task(harness, world, cancellable=True))
    assert harness.pump() == 1
    assert worker.slices == [0, 1]
    assert (harness.read(task).status, harness.read(task).progress["counted"]) == (TaskStatusEnum.CANCELED, 1)


def test_a_task_that_is_not_cancellable_continues(world: World, harness: TaskHarness) -> None:
    task = harness.start(new_task(harness, world))
    assert harness.tasks.cancel(task.organization, task.task_id) is Cancellation.NOT_CANCELLABLE
    harness.pump()
    assert harness.read(task).status == TaskStatusEnum.COMPLETED


def test_a_restarted_task_continues_from_its_saved_progress(world: World, harness_with: NewHarness) -> None:
    broken = [True]

    def before_slice(count: int) -> None:
        if count == 2 and broken[0]:
            raise ValueError("out of paper")

    harness = harness_with(worker := CountingWorker(4, before_slice))
    task = harness.start(new_task(harness, world))
    harness.pump()
    assert harness.read(task).status == TaskStatusEnum.FAILED
    broken[0] = False
    worker.slices.clear()
    again = harness.tasks.restart(task.organization, task.task_id)
    assert (again.status, again.attempts, again.error) == (TaskStatusEnum.PENDING, 0, None)
    harness.dispatch()
    harness.pump()
    assert worker.slices == [2, 3]
    assert harness.read(task).status == TaskStatusEnum.COMPLETED


def test_a_task_whose_message_was_lost_can_be_restarted(world: World, harness: TaskHarness) -> None:
    task = harness.start(new_task(harness, world))
    harness.queue.waiting.clear()
    harness.tasks.restart(task.organization, task.task_id)
    harness.dispatch()
    harness.pump()
    assert harness.read(task).status == TaskStatusEnum.COMPLETED


def test_a_running_task_cannot_be_restarted(world: World, harness_with: NewHarness) -> None:
    codes: list[str | None] = []

    class RestartingWorker:
        def run(self, task: Task) -> Slice:
            with pytest.raises(TaskNotRestartable) as error:
                own_harness.tasks.restart(task.organization, task.task_id)
            codes.append(error.value.code)
            return Slice(True, {})

    own_harness = harness_with(RestartingWorker())
    own_harness.start(new_task(own_harness, world))
    own_harness.pump()
    assert codes == ["task_not_restartable"]


def test_a_completed_or_canceled_task_cannot_be_restarted(world: World, harness_with: NewHarness) -> None:
    harness = harness_with(ScriptedWorker([Slice(True, {})]))
    done = harness.start(new_task(harness, world))
    harness.pump()
    canceled = harness.start(new_task(harness, world, cancellable=True))
    harness.tasks.cancel(canceled.organization, canceled.task_id)
    for task in (done, canceled):
        with pytest.raises(TaskNotRestartable):
            harness.tasks.restart(task.organization, task.task_id)
    with pytest.raises(TaskNotFound):
        harness.tasks.restart(world.organization_id, "task_01kdvdna07crhfzd")


class FakeValidationError(Exception):
    """Like pydantic's ValidationError, whose message quotes the invalid input."""

    def errors(self) -> list[str]:
        return ["hunter2"]

    def __str__(self) -> str:
        return "input was hunter2"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("first\nsecond"), "ValueError: first"),
        (ValueError(), "ValueError:"),
        (BadRequest("The bucket is full"), "The bucket is full"),
        (NotFound(), "The request was refused"),
        (FakeValidationError(), "FakeValidationError"),
        (RuntimeError("sk_abcdefgh is wrong"), "RuntimeError: sk_… is wrong"),
        (OSError("arn:aws:sts::123456789012:assumed-role/x is not"), "OSError: arn:… is not"),
        (ValueError("x" * 1000), "ValueError: " + "x" * 288),
    ],
)
def test_an_error_text_is_one_line_without_secrets(error: Exception, text: str) -> None:
    assert error_text(error) == text
