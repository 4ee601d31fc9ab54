"""Tasks reach the queue through the stream of the table that their rows are in."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.tasks.outbox import Outbox, starts_a_task
from chalicelib.tasks.queue import TaskQueue
from tests.support.task_queue import Line
from tests.support.world import World, bucket_body
from tests.tasks.conftest import Counter, NewLine, a_task


@pytest.fixture
def line(line_with: NewLine) -> Line:
    return line_with(Counter())


def test_only_tasks_that_start_are_sent(world: World, line: Line) -> None:
    world.api().post("/v1/buckets", bucket_body())
    new = a_task(line, world)
    line.table.transact([line.tasks.step(new)])
    line.dispatch()
    assert [message.named["task_id"] for message in line.queue.waiting] == [new.task_id]


def test_what_happens_to_a_task_later_sends_nothing(world: World, line: Line) -> None:
    task = line.start(a_task(line, world))
    line.pump()
    line.dispatch()
    assert line.queue.waiting == []
    line.table.remove_many([{"pk": f"ORG#{task.organization}", "sk": f"TASK#{task.task_id}"}])
    line.dispatch()
    assert line.queue.waiting == []


def test_a_record_that_comes_again_sends_again_and_harms_nobody(world: World, line: Line) -> None:
    new = a_task(line, world)
    line.table.transact([line.tasks.step(new)])
    line.dispatch(times=3)
    assert len(line.queue.waiting) == 3
    line.pump()
    assert line.read(new).outputs == [{"counted": 3}]


def test_a_queue_that_cannot_be_reached_is_told_so_that_the_stream_comes_again(world: World, line: Line) -> None:
    new = a_task(line, world)
    line.table.transact([line.tasks.step(new)])
    records = line.records()

    def broken(name: str) -> None:
        raise ConnectionError(name)

    line.queue.on_call = broken
    with pytest.raises(ConnectionError):
        line.outbox.dispatch(records)


def test_without_a_queue_a_task_waits_and_the_stream_goes_on(world: World, line: Line) -> None:
    new = a_task(line, world)
    line.table.transact([line.tasks.step(new)])
    Outbox(TaskQueue(lambda: line.queue, "")).dispatch(line.records())
    assert line.queue.waiting == []


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"Keys": {}},
        {"Keys": {"pk": {"S": "ORG#a"}, "sk": {"S": "NS#b"}}, "NewImage": {"wake": {"N": "1"}}},
        {"Keys": {"pk": {"S": "NS#a"}, "sk": {"S": "TASK#b"}}, "NewImage": {"wake": {"N": "1"}}},
        {"Keys": {"pk": {"S": "ORG#a"}, "sk": {"S": "TASK#b"}}, "NewImage": {"wake": {"S": "soon"}}},
        {"Keys": {"pk": {"S": "ORG#a"}, "sk": {"S": "TASK#b"}}, "OldImage": {"wake": {"N": "1"}}},
    ],
)
def test_records_of_anything_else_send_nothing(line: Line, told: dict[str, Any]) -> None:
    line.outbox.dispatch([{"dynamodb": told}])
    assert line.queue.waiting == []


def test_the_filter_lets_through_what_starts_a_task(world: World, line: Line) -> None:
    world.api().post("/v1/buckets", bucket_body())
    line.table.transact([line.tasks.step(a_task(line, world))])
    records = line.records()
    line.outbox.dispatch(records)
    line.pump()
    assert [starts_a_task(record) for record in [*records, *line.records()]].count(True) == 1
