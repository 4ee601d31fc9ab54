"""Runs tasks in slices, for any order, repetition or delay of their messages."""

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
from tests.tasks.conftest import CountingWorker, NewHarness, ScriptedWorker, new_task

COMPLETED, FAILED, CANCELED = TaskStatusEnum.COMPLETED, TaskStatusEnum.FAILED, TaskStatusEnum.CANCELED


def test_a_task_is_pending_until_its_message_is_handled_and_then_completed(
    world: World, harness_with: NewHarness
) -> None:
    harness = harness_with(CountingWorker(3))
    task = harness.start(new_task(harness, world))
    assert task.status == TaskStatusEnum.PENDING
    assert [message.content for message in harness.queue.waiting] == [
        {"organization": world.organization_id, "task_id": task.task_id}
    ]
    assert harness.pump() == 1
    done = harness.read(task)
    assert (done.status, done.outputs, done.attempts) == (COMPLETED, [{"counted": 3}], 0)
    assert (done.lease_owner, done.lease_until) == (None, None)
    assert harness.queue.dead == []


def test_a_task_that_was_not_stored_does_not_run(world: World, harness_with: NewHarness) -> None:
    harness = harness_with(CountingWorker())
    new = new_task(harness, world)
    harness.tasks.step(new)
    harness.dispatch()
    assert harness.queue.waiting == []
    assert harness.tasks.find(new.organization, new.task_id) is None


def test_when_the_time_is_up_the_work_continues_with_another_message(world: World, harness_with: NewHarness) -> None:
    harness = harness_with(worker := CountingWorker(9))
    harness.seconds_per_slice = 60.0  # of 300, of which 45 are the margin
    task = harness.start(new_task(harness, world))
    assert harness.pump() == 2
    assert worker.slices == list(range(9))
    assert harness.read(task).status == COMPLETED


def test_each_slice_starts_from_the_saved_progress(world: World, harness_with: NewHarness) -> None:
    worker = ScriptedWorker([Slice(False, {"_at": "a"}), Slice(False, {"_at": "b"}), Slice(True, {"n": 2})])
    harness = harness_with(worker)
    task = harness.start(new_task(harness, world, progress={"n": 0}))
    harness.pump()
    assert worker.seen == [{"n": 0}, {"_at": "a"}, {"_at": "b"}]
    assert harness.read(task).progress == {"n": 2}


def test_a_slice_can_ask_for_a_wait(world: World, harness_with: NewHarness) -> None:
    worker = ScriptedWorker([Slice(False, {}, wait_seconds=40), Slice(True, {})])
    harness = harness_with(worker)
    task = harness.start(new_task(harness, world))
    message = harness.queue.waiting[0]
    started = world.clock.now
    harness.deliver(message)
    harness.deliver(message)  # repeated at once, while the task waits
    assert len(worker.seen) == 1
    harness.pump()
    assert harness.read(task).status == COMPLETED
    assert (world.clock.now - started).total_seconds() >= 40


@pytest.mark.parametrize("seconds", [-1, 901])
def test_a_wait_longer_than_sqs_can_delay_is_rejected(seconds: int) -> None:
    with pytest.raises(ValueError, match="900"):
        Slice(False, {}, wait_seconds=seconds)


def test_an_error_is_saved_and_retried_with_increasing_delays(world: World, harness_with: NewHarness) -> None:
    worker = ScriptedWorker([*[ValueError("out of paper\nin tray 2")] * 3, Slice(True, {})])
    harness = harness_with(worker)
    task = harness.start(new_task(harness, world))
    delays = []
    for attempt in (1, 2, 3):
        (message,) = harness.queue.waiting
        harness.clock.advance(message.due - harness.clock.now.timestamp())
        assert not harness.deliver(message)
        delays.append(message.due - harness.clock.now.timestamp())
        failed = harness.read(task)
        assert (failed.attempts, failed.error) == (attempt, "ValueError: out of paper")
        assert failed.status == TaskStatusEnum.IN_PROGRESS
    assert delays == [10, 20, 40]
    harness.pump()
    done = harness.read(task)
    assert (done.status, done.attempts, done.error) == (COMPLETED, 0, None)


def test_progress_resets_the_attempts(world: World, harness_with: NewHarness) -> None:
    attempts: dict[int, int] = {}

    def before_slice(count: int) -> None:
        attempts[count] = attempts.get(count, 0) + 1
        if attempts[count] < MAX_TASK_ATTEMPTS:
            raise OSError("the disk is full")

    harness = harness_with(CountingWorker(6, before_slice))
    task = harness.start(new_task(harness, world))
    harness.pump()
    assert harness.read(task).status == COMPLETED
    assert harness.queue.dead == []


def test_after_eight_failed_attempts_the_task_fails_and_its_message_becomes_a_dead_letter(
    world: World, harness_with: NewHarness
) -> None:
    def before_slice(count: int) -> None:
        if count == 2:
            raise PermissionError("access denied")

    harness = harness_with(worker := CountingWorker(5, before_slice))
    task = harness.start(new_task(harness, world))
    harness.pump()
    failed = harness.read(task)
    assert (failed.status, failed.error) == (FAILED, "PermissionError: access denied")
    assert failed.progress["counted"] == 2
    assert worker.slices.count(2) == MAX_TASK_ATTEMPTS + 1, "the first attempt was in a run that had made progress"
    assert [message.content["task_id"] for message in harness.queue.dead] == [task.task_id]


def test_a_worker_that_makes_no_progress_fails(world: World, harness_with: NewHarness) -> None:
    class IdleWorker:
        def run(self, task: Task) -> Slice:
            return Slice(False, task.progress)

    harness = harness_with(IdleWorker())
    task = harness.start(new_task(harness, world))
    harness.pump()
    failed = harness.read(task)
    assert failed.status == FAILED
    assert failed.error is not None
    assert "no progress" in failed.error


def test_a_task_without_a_worker_fails_with_an_error_that_names_its_type(
    world: World, harness_with: NewHarness
) -> None:
    harness = harness_with(CountingWorker())
    new = harness.tasks.new(world.organization_id, "api_namespaces_delete", inputs=[])
    harness.start(new)
    harness.pump()
    failed = harness.read(new)
    assert failed.status == FAILED
    assert "api_namespaces_delete" in str(failed.error)


def test_a_task_whose_process_is_killed_every_time_fails(world: World, harness_with: NewHarness) -> None:
    class KilledWorker:
        def run(self, task: Task) -> Slice:
            raise ProcessKilled

    harness = harness_with(KilledWorker())
    task = harness.start(new_task(harness, world))
    harness.pump()
    failed = harness.read(task)
    assert failed.status == FAILED
    assert "before any of it was saved" in str(failed.error)
    assert {message.content["task_id"] for message in harness.queue.dead} == {task.task_id}


@pytest.mark.parametrize("seed", range(12))
def test_a_task_continues_from_its_saved_progress_after_its_process_is_killed(
    world: World, harness_with: NewHarness, seed: int
) -> None:
    rng = random.Random(seed)
    harness = harness_with(worker := CountingWorker(60))
    harness.seconds_per_slice = rng.choice([0.0, 20.0, 90.0])
    task = harness.start(new_task(harness, world))
    kills = set(rng.sample(range(1, 100), 20))
    with killing(harness.queue, world.client, at=lambda number: number in kills) as killed:
        harness.pump(rng=rng)
    assert len(killed) == 20
    done = harness.read(task)
    assert (done.status, done.progress["counted"]) == (COMPLETED, 60)
    assert worker.slices == sorted(worker.slices)


@pytest.mark.parametrize("seed", range(6))
def test_repeated_and_reordered_messages_repeat_no_slice(world: World, harness_with: NewHarness, seed: int) -> None:
    rng = random.Random(seed)
    harness = harness_with(worker := CountingWorker(6))
    harness.seconds_per_slice = 100.0
    tasks = [new_task(harness, world) for _ in range(4)]
    for task in tasks:
        harness.table.transact([harness.tasks.step(task)])
    harness.dispatch(times=5)
    assert len(harness.queue.waiting) == 20
    harness.pump(rng=rng, repeats=5)
    assert [harness.read(task).status for task in tasks] == [COMPLETED] * 4
    assert sorted(worker.slices) == sorted([*range(6)] * 4), "no slice was done twice"
    assert harness.queue.dead == []


def test_a_message_delivered_twice_at_once_leaves_the_work_to_the_first_delivery(
    world: World, harness_with: NewHarness
) -> None:
    """SQS deletes the message after the second delivery. The task is still continued if the first process is killed."""
    harness = harness_with(worker := CountingWorker(2))
    task = harness.start(new_task(harness, world))
    (message,) = harness.queue.waiting
    store = harness.runner.store
    now = harness.clock()
    store.claim(task.organization, task.task_id, "another", now=now, until=now.replace(minute=5))
    assert harness.deliver(message)
    assert worker.slices == []
    harness.pump()
    assert harness.read(task).status == COMPLETED


def test_only_one_of_several_concurrent_claims_succeeds(world: World, harness_with: NewHarness) -> None:
    release, entered = threading.Event(), threading.Event()

    class BlockingWorker:
        runs = 0

        def run(self, task: Task) -> Slice:
            self.runs += 1
            entered.set()
            release.wait(20)
            return Slice(True, {})

    harness = harness_with(worker := BlockingWorker())
    task = harness.start(new_task(harness, world))
    (message,) = harness.queue.waiting
    copies = [Message(f"copy-{n}", message.body, message.due) for n in range(4)]
    harness.queue.waiting += copies
    threads = [threading.Thread(target=harness.deliver, args=(copy,)) for copy in copies]
    for thread in threads:
        thread.start()
    assert entered.wait(20)
    while len([thread for thread in threads if thread.is_alive()]) > 1:
        next(thread for thread in threads if thread.is_alive()).join(0.01)
    assert worker.runs == 1
    release.set()
    for thread in threads:
        thread.join(20)
    harness.pump()
    assert (worker.runs, harness.read(task).status) == (1, COMPLETED)


def test_a_run_that_lost_its_lease_saves_nothing(world: World, harness_with: NewHarness) -> None:
    harness = harness_with(CountingWorker())

    class SlowWorker:
        def run(self, task: Task) -> Slice:
            world.clock.advance(400)
            now = world.clock()
            harness.runner.store.claim(
                task.organization, task.task_id, "another", now=now, until=now.replace(year=2027)
            )
            return Slice(True, {"saved": "after the lease ended"})

    harness = harness_with(SlowWorker())
    task = harness.start(new_task(harness, world))
    assert harness.deliver(harness.queue.waiting[0])
    now = harness.read(task)
    assert (now.status, now.lease_owner, now.progress) == (TaskStatusEnum.IN_PROGRESS, "another", {})


def test_an_error_after_the_lease_was_lost_is_not_saved(world: World, harness_with: NewHarness) -> None:
    harness = harness_with(CountingWorker())

    class CancelingWorker:
        def run(self, task: Task) -> Slice:
            harness.tasks.cancel(task.organization, task.task_id)
            raise ValueError("the task is canceled")

    harness = harness_with(CancelingWorker())
    task = harness.start(new_task(harness, world, cancellable=True))
    assert harness.pump() == 1
    assert (harness.read(task).status, harness.read(task).error) == (CANCELED, None)


@pytest.mark.parametrize(
    "body",
    ["", "no JSON", "[]", "7", "{}", '{"organization": 1, "task_id": []}', '{"organization": "", "task_id": ""}'],
)
def test_an_unreadable_message_becomes_a_dead_letter_and_blocks_no_other(
    world: World, harness_with: NewHarness, body: str
) -> None:
    harness = harness_with(CountingWorker())
    task = harness.start(new_task(harness, world))
    harness.queue.waiting.insert(0, Message("unreadable", body, 0))
    harness.pump()
    assert [message.body for message in harness.queue.dead] == [body]
    assert harness.read(task).status == COMPLETED


def test_one_failed_message_of_an_event_does_not_block_the_others(world: World, harness_with: NewHarness) -> None:
    harness = harness_with(CountingWorker())
    task = harness.start(new_task(harness, world))
    unreadable = Message("unreadable", "{", 0)
    records = [harness.queue.receive(message) for message in (unreadable, harness.queue.waiting[0])]
    assert harness.runner.handle({"Records": records}, FakeContext()) == {
        "batchItemFailures": [{"itemIdentifier": "unreadable"}]
    }
    assert harness.read(task).status == COMPLETED


def test_an_event_without_messages_has_no_failures(harness_with: NewHarness) -> None:
    assert harness_with(CountingWorker()).runner.handle({"Records": []}, FakeContext()) == {"batchItemFailures": []}


def test_a_message_of_an_expired_task_is_dropped(world: World, harness_with: NewHarness) -> None:
    harness = harness_with(worker := CountingWorker())
    task = harness.start(new_task(harness, world))
    world.clock.advance(31 * 86_400)
    assert harness.pump() == 1
    assert worker.slices == []
    assert harness.tasks.find(task.organization, task.task_id) is None


def test_an_error_of_the_table_makes_sqs_deliver_the_message_again(world: World, harness_with: NewHarness) -> None:
    harness = harness_with(worker := CountingWorker())
    task = harness.start(new_task(harness, world))
    faults = Faults(world.client).always(unavailable)
    try:
        assert not harness.deliver(harness.queue.waiting[0])
    finally:
        faults.remove()
    assert worker.slices == []
    harness.pump()
    assert harness.read(task).status == COMPLETED


def test_an_error_of_the_queue_loses_no_task(world: World, harness_with: NewHarness) -> None:
    harness = harness_with(CountingWorker(9))
    harness.seconds_per_slice = 60.0
    task = harness.start(new_task(harness, world))
    (message,) = harness.queue.waiting

    def fail(name: str) -> None:
        raise ConnectionError(name)

    harness.queue.on_call = fail
    assert not harness.deliver(message)
    harness.queue.on_call = lambda name: None
    harness.pump()
    assert harness.read(task).status == COMPLETED


def test_a_message_that_cannot_be_postponed_is_delivered_after_the_visibility_timeout(
    world: World, harness_with: NewHarness
) -> None:
    harness = harness_with(ScriptedWorker([ValueError("once"), Slice(True, {})]))
    task = harness.start(new_task(harness, world))

    def fail(name: str) -> None:
        raise ConnectionError(name)

    harness.queue.on_call = fail
    assert not harness.deliver(harness.queue.waiting[0])
    harness.queue.on_call = lambda name: None
    harness.pump()
    assert harness.read(task).status == COMPLETED
