"""Tasks are worked on in slices, whatever the queue does with their messages."""

from __future__ import annotations

import random
import threading

import pytest

from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.tasks.execution import MAX_TASK_ATTEMPTS
from chalicelib.tasks.task import Task
from chalicelib.tasks.worker import Slice
from tests.support.faults import Faults, unavailable
from tests.support.task_queue import FakeContext, Message, ProcessKilled, killing
from tests.support.world import World
from tests.tasks.conftest import CountingWorker, NewHarness, ScriptedWorker, a_task

COMPLETED, FAILED, CANCELED = TaskStatusEnum.COMPLETED, TaskStatusEnum.FAILED, TaskStatusEnum.CANCELED


def test_a_task_is_pending_until_its_message_comes_and_then_completed(world: World, line_with: NewHarness) -> None:
    line = line_with(CountingWorker(3))
    task = line.start(a_task(line, world))
    assert task.status == TaskStatusEnum.PENDING
    assert [message.named for message in line.queue.waiting] == [
        {"organization": world.organization_id, "task_id": task.task_id}
    ]
    assert line.pump() == 1
    done = line.read(task)
    assert (done.status, done.outputs, done.attempts) == (COMPLETED, [{"counted": 3}], 0)
    assert (done.lease_owner, done.lease_until) == (None, None)
    assert line.queue.dead == []


def test_a_task_that_was_not_stored_is_not_worked_on(world: World, line_with: NewHarness) -> None:
    line = line_with(CountingWorker())
    new = a_task(line, world)
    line.tasks.step(new)
    line.dispatch()
    assert line.queue.waiting == []
    assert line.tasks.find(new.organization, new.task_id) is None


def test_when_time_is_up_the_work_goes_on_with_another_message(world: World, line_with: NewHarness) -> None:
    line = line_with(worker := CountingWorker(9))
    line.seconds_a_slice = 60.0  # of 300, and 45 are kept back
    task = line.start(a_task(line, world))
    assert line.pump() == 2
    assert worker.slices == list(range(9))
    assert line.read(task).status == COMPLETED


def test_each_slice_starts_from_what_the_one_before_saved(world: World, line_with: NewHarness) -> None:
    worker = ScriptedWorker([Slice(False, {"_at": "a"}), Slice(False, {"_at": "b"}), Slice(True, {"n": 2})])
    line = line_with(worker)
    task = line.start(a_task(line, world, progress={"n": 0}))
    line.pump()
    assert worker.seen == [{"n": 0}, {"_at": "a"}, {"_at": "b"}]
    assert line.read(task).progress == {"n": 2}


def test_a_slice_may_ask_for_a_pause(world: World, line_with: NewHarness) -> None:
    worker = ScriptedWorker([Slice(False, {}, wait_seconds=40), Slice(True, {})])
    line = line_with(worker)
    task = line.start(a_task(line, world))
    message = line.queue.waiting[0]
    started = world.clock.now
    line.deliver(message)
    line.deliver(message)  # comes again at once, and finds that the task rests
    assert len(worker.seen) == 1
    line.pump()
    assert line.read(task).status == COMPLETED
    assert (world.clock.now - started).total_seconds() >= 40


@pytest.mark.parametrize("seconds", [-1, 901])
def test_no_pause_is_longer_than_the_queue_can_wait(seconds: int) -> None:
    with pytest.raises(ValueError, match="900"):
        Slice(False, {}, wait_seconds=seconds)


def test_an_error_is_kept_and_the_work_tried_again_later_and_later(world: World, line_with: NewHarness) -> None:
    worker = ScriptedWorker([*[ValueError("no luck\nat all")] * 3, Slice(True, {})])
    line = line_with(worker)
    task = line.start(a_task(line, world))
    waits = []
    for attempt in (1, 2, 3):
        (message,) = line.queue.waiting
        line.clock.advance(message.due - line.clock.now.timestamp())
        assert not line.deliver(message)
        waits.append(message.due - line.clock.now.timestamp())
        failed = line.read(task)
        assert (failed.attempts, failed.error) == (attempt, "ValueError: no luck")
        assert failed.status == TaskStatusEnum.IN_PROGRESS
    assert waits == [10, 20, 40]
    line.pump()
    done = line.read(task)
    assert (done.status, done.attempts, done.error) == (COMPLETED, 0, None)


def test_progress_takes_the_attempts_back(world: World, line_with: NewHarness) -> None:
    tries: dict[int, int] = {}

    def trouble(count: int) -> None:
        tries[count] = tries.get(count, 0) + 1
        if tries[count] < MAX_TASK_ATTEMPTS:
            raise OSError("the disk is gone")

    line = line_with(CountingWorker(6, trouble))
    task = line.start(a_task(line, world))
    line.pump()
    assert line.read(task).status == COMPLETED
    assert line.queue.dead == []


def test_after_eight_attempts_in_vain_the_task_is_failed_and_its_message_a_dead_letter(
    world: World, line_with: NewHarness
) -> None:
    def trouble(count: int) -> None:
        if count == 2:
            raise PermissionError("not for us")

    line = line_with(worker := CountingWorker(5, trouble))
    task = line.start(a_task(line, world))
    line.pump()
    failed = line.read(task)
    assert (failed.status, failed.error) == (FAILED, "PermissionError: not for us")
    assert failed.progress["counted"] == 2
    assert worker.slices.count(2) == MAX_TASK_ATTEMPTS + 1, "the first was in a run that had made progress"
    assert [message.named["task_id"] for message in line.queue.dead] == [task.task_id]


def test_a_worker_that_stands_still_fails_instead_of_going_round_for_ever(world: World, line_with: NewHarness) -> None:
    class Idle:
        def run(self, task: Task) -> Slice:
            return Slice(False, task.progress)

    line = line_with(Idle())
    task = line.start(a_task(line, world))
    line.pump()
    failed = line.read(task)
    assert failed.status == FAILED
    assert failed.error is not None
    assert "no progress" in failed.error


def test_a_task_that_nobody_works_on_fails_and_says_so(world: World, line_with: NewHarness) -> None:
    line = line_with(CountingWorker())
    new = line.tasks.new(world.organization_id, "api_namespaces_delete", inputs=[])
    line.start(new)
    line.pump()
    failed = line.read(new)
    assert failed.status == FAILED
    assert "api_namespaces_delete" in str(failed.error)


def test_work_that_ends_its_process_every_time_fails_too(world: World, line_with: NewHarness) -> None:
    class Heavy:
        def run(self, task: Task) -> Slice:
            raise ProcessKilled

    line = line_with(Heavy())
    task = line.start(a_task(line, world))
    line.pump()
    failed = line.read(task)
    assert failed.status == FAILED
    assert "before any of it was saved" in str(failed.error)
    assert {message.named["task_id"] for message in line.queue.dead} == {task.task_id}


@pytest.mark.parametrize("seed", range(12))
def test_a_killed_worker_goes_on_where_it_stopped(world: World, line_with: NewHarness, seed: int) -> None:
    chance = random.Random(seed)
    line = line_with(worker := CountingWorker(60))
    line.seconds_a_slice = chance.choice([0.0, 20.0, 90.0])
    task = line.start(a_task(line, world))
    kills = set(chance.sample(range(1, 100), 20))
    with killing(line.queue, world.client, at=lambda number: number in kills) as killed:
        line.pump(chance=chance)
    assert len(killed) == 20
    done = line.read(task)
    assert (done.status, done.progress["counted"]) == (COMPLETED, 60)
    assert worker.slices == sorted(worker.slices)


@pytest.mark.parametrize("seed", range(6))
def test_messages_that_come_five_times_and_in_any_order_change_nothing(
    world: World, line_with: NewHarness, seed: int
) -> None:
    chance = random.Random(seed)
    line = line_with(worker := CountingWorker(6))
    line.seconds_a_slice = 100.0
    tasks = [a_task(line, world) for _ in range(4)]
    for task in tasks:
        line.table.transact([line.tasks.step(task)])
    line.dispatch(times=5)
    assert len(line.queue.waiting) == 20
    line.pump(chance=chance, repeats=5)
    assert [line.read(task).status for task in tasks] == [COMPLETED] * 4
    assert sorted(worker.slices) == sorted([*range(6)] * 4), "no slice was done twice"
    assert line.queue.dead == []


def test_a_message_that_comes_twice_at_a_time_leaves_the_work_to_the_first(world: World, line_with: NewHarness) -> None:
    """Its copy is forgotten by the queue, and still the task is not lost when the first one's process ends."""
    line = line_with(worker := CountingWorker(2))
    task = line.start(a_task(line, world))
    (message,) = line.queue.waiting
    store = line.runner.store
    now = line.clock()
    store.claim(task.organization, task.task_id, "another", now=now, until=now.replace(minute=5))
    assert line.deliver(message)
    assert worker.slices == []
    line.pump()
    assert line.read(task).status == COMPLETED


def test_of_two_that_claim_a_task_at_once_one_gets_it(world: World, line_with: NewHarness) -> None:
    release, entered = threading.Event(), threading.Event()

    class Slow:
        runs = 0

        def run(self, task: Task) -> Slice:
            self.runs += 1
            entered.set()
            release.wait(20)
            return Slice(True, {})

    line = line_with(slow := Slow())
    task = line.start(a_task(line, world))
    (message,) = line.queue.waiting
    copies = [Message(f"copy-{n}", message.body, message.due) for n in range(4)]
    line.queue.waiting += copies
    threads = [threading.Thread(target=line.deliver, args=(copy,)) for copy in copies]
    for thread in threads:
        thread.start()
    assert entered.wait(20)
    while len([thread for thread in threads if thread.is_alive()]) > 1:
        next(thread for thread in threads if thread.is_alive()).join(0.01)
    assert slow.runs == 1
    release.set()
    for thread in threads:
        thread.join(20)
    line.pump()
    assert (slow.runs, line.read(task).status) == (1, COMPLETED)


def test_whoever_lost_the_lease_saves_nothing_any_more(world: World, line_with: NewHarness) -> None:
    line = line_with(CountingWorker())

    class Late:
        def run(self, task: Task) -> Slice:
            world.clock.advance(400)
            now = world.clock()
            line.runner.store.claim(task.organization, task.task_id, "another", now=now, until=now.replace(year=2027))
            return Slice(True, {"saved": "by the late one"})

    line = line_with(Late())
    task = line.start(a_task(line, world))
    assert line.deliver(line.queue.waiting[0])
    now = line.read(task)
    assert (now.status, now.lease_owner, now.progress) == (TaskStatusEnum.IN_PROGRESS, "another", {})


def test_an_error_after_the_lease_was_lost_is_nobodys(world: World, line_with: NewHarness) -> None:
    line = line_with(CountingWorker())

    class Canceled:
        def run(self, task: Task) -> Slice:
            line.tasks.cancel(task.organization, task.task_id)
            raise ValueError("there is nothing left")

    line = line_with(Canceled())
    task = line.start(a_task(line, world, cancellable=True))
    assert line.pump() == 1
    assert (line.read(task).status, line.read(task).error) == (CANCELED, None)


@pytest.mark.parametrize(
    "body",
    ["", "no JSON", "[]", "7", "{}", '{"organization": 1, "task_id": []}', '{"organization": "", "task_id": ""}'],
)
def test_a_poisoned_message_ends_as_a_dead_letter_and_stops_nobody(
    world: World, line_with: NewHarness, body: str
) -> None:
    line = line_with(CountingWorker())
    task = line.start(a_task(line, world))
    line.queue.waiting.insert(0, Message("poison", body, 0))
    line.pump()
    assert [message.body for message in line.queue.dead] == [body]
    assert line.read(task).status == COMPLETED


def test_messages_of_one_event_do_not_wait_for_each_other(world: World, line_with: NewHarness) -> None:
    line = line_with(CountingWorker())
    task = line.start(a_task(line, world))
    poison = Message("poison", "{", 0)
    records = [line.queue.receive(message) for message in (poison, line.queue.waiting[0])]
    assert line.runner.handle({"Records": records}, FakeContext()) == {
        "batchItemFailures": [{"itemIdentifier": "poison"}]
    }
    assert line.read(task).status == COMPLETED


def test_an_event_without_messages_is_answered(line_with: NewHarness) -> None:
    assert line_with(CountingWorker()).runner.handle({"Records": []}, FakeContext()) == {"batchItemFailures": []}


def test_a_message_of_a_task_that_is_gone_is_dropped(world: World, line_with: NewHarness) -> None:
    line = line_with(worker := CountingWorker())
    task = line.start(a_task(line, world))
    world.clock.advance(31 * 86_400)
    assert line.pump() == 1
    assert worker.slices == []
    assert line.tasks.find(task.organization, task.task_id) is None


def test_trouble_with_the_table_lets_the_message_come_again(world: World, line_with: NewHarness) -> None:
    line = line_with(worker := CountingWorker())
    task = line.start(a_task(line, world))
    faults = Faults(world.client).always(unavailable)
    try:
        assert not line.deliver(line.queue.waiting[0])
    finally:
        faults.remove()
    assert worker.slices == []
    line.pump()
    assert line.read(task).status == COMPLETED


def test_trouble_with_the_queue_loses_no_task(world: World, line_with: NewHarness) -> None:
    line = line_with(CountingWorker(9))
    line.seconds_a_slice = 60.0
    task = line.start(a_task(line, world))
    (message,) = line.queue.waiting

    def broken(name: str) -> None:
        raise ConnectionError(name)

    line.queue.on_call = broken
    assert not line.deliver(message)
    line.queue.on_call = lambda name: None
    line.pump()
    assert line.read(task).status == COMPLETED


def test_a_message_that_cannot_be_postponed_comes_in_its_own_time(world: World, line_with: NewHarness) -> None:
    line = line_with(ScriptedWorker([ValueError("once"), Slice(True, {})]))
    task = line.start(a_task(line, world))

    def broken(name: str) -> None:
        raise ConnectionError(name)

    line.queue.on_call = broken
    assert not line.deliver(line.queue.waiting[0])
    line.queue.on_call = lambda name: None
    line.pump()
    assert line.read(task).status == COMPLETED
