"""The outbox sends a message for each task that starts in the catalog stream."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.tasks.outbox import Outbox, starts_a_task
from chalicelib.tasks.queue import TaskQueue
from tests.support.task_queue import TaskHarness
from tests.support.world import World, bucket_body
from tests.tasks.conftest import CountingWorker, NewHarness, new_task


@pytest.fixture
def harness(harness_with: NewHarness) -> TaskHarness:
    return harness_with(CountingWorker())


def test_only_started_tasks_are_sent(world: World, harness: TaskHarness) -> None:
    world.api().post("/v1/buckets", bucket_body())
    new = new_task(harness, world)
    harness.table.transact([harness.tasks.step(new)])
    harness.dispatch()
    assert [message.content["task_id"] for message in harness.queue.waiting] == [new.task_id]


def test_later_changes_of_a_task_send_nothing(world: World, harness: TaskHarness) -> None:
    task = harness.start(new_task(harness, world))
    harness.pump()
    harness.dispatch()
    assert harness.queue.waiting == []
    harness.table.delete_many([{"pk": f"ORG#{task.organization}", "sk": f"TASK#{task.task_id}"}])
    harness.dispatch()
    assert harness.queue.waiting == []


def test_a_repeated_record_sends_a_message_that_has_no_effect(world: World, harness: TaskHarness) -> None:
    new = new_task(harness, world)
    harness.table.transact([harness.tasks.step(new)])
    harness.dispatch(times=3)
    assert len(harness.queue.waiting) == 3
    harness.pump()
    assert harness.read(new).outputs == [{"counted": 3}]


def test_an_error_of_the_queue_propagates_so_that_the_stream_record_is_retried(
    world: World, harness: TaskHarness
) -> None:
    new = new_task(harness, world)
    harness.table.transact([harness.tasks.step(new)])
    records = harness.records()

    def fail(name: str) -> None:
        raise ConnectionError(name)

    harness.queue.on_call = fail
    with pytest.raises(ConnectionError):
        harness.outbox.dispatch(records)


def test_without_a_queue_dispatch_sends_nothing_and_succeeds(world: World, harness: TaskHarness) -> None:
    new = new_task(harness, world)
    harness.table.transact([harness.tasks.step(new)])
    Outbox(TaskQueue(lambda: harness.queue, "")).dispatch(harness.records())
    assert harness.queue.waiting == []


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"Keys": {}},
        {"Keys": {"pk": {"S": "ORG#a"}, "sk": {"S": "NS#b"}}, "NewImage": {"wake": {"N": "1"}}},
        {"Keys": {"pk": {"S": "NS#a"}, "sk": {"S": "TASK#b"}}, "NewImage": {"wake": {"N": "1"}}},
        {"Keys": {"pk": {"S": "ORG#a"}, "sk": {"S": "TASK#b"}}, "NewImage": {"wake": {"S": "soon"}}},
        {"Keys": {"pk": {"S": "ORG#a"}, "sk": {"S": "TASK#b"}}, "OldImage": {"wake": {"N": "1"}}},
    ],
)
def test_records_that_start_no_task_send_nothing(harness: TaskHarness, change: dict[str, Any]) -> None:
    harness.outbox.dispatch([{"dynamodb": change}])
    assert harness.queue.waiting == []


def test_starts_a_task_is_true_only_for_the_record_that_starts_the_task(world: World, harness: TaskHarness) -> None:
    world.api().post("/v1/buckets", bucket_body())
    harness.table.transact([harness.tasks.step(new_task(harness, world))])
    records = harness.records()
    harness.outbox.dispatch(records)
    harness.pump()
    assert [starts_a_task(record) for record in [*records, *harness.records()]].count(True) == 1
