"""Messages of batches are delivered in threads of their own, which do not delay other events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from chalicelib.local.engine import Engine
from chalicelib.local.events.queues import LocalQueue
from chalicelib.local.events.stream_source import StreamSource
from chalicelib.local.events.wiring import BATCH_MILLISECONDS, batch_pumps
from chalicelib.settings import Settings
from tests.local.conftest import CATALOG, put

SECONDS = 30.0


class Hook:
    """A handler of batches that works until a test lets it end, or until its time is up."""

    def __init__(self) -> None:
        self.started = threading.Semaphore(0)
        self.may_end = threading.Event()
        self.contexts: list[Any] = []
        self.handed_back: list[str] = []

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        (record,) = event["Records"]
        self.contexts.append(context)
        self.started.release()
        while not self.may_end.wait(0.01):
            if context.get_remaining_time_in_millis() <= 0:
                self.handed_back.append(record["body"])
                break
        return {"batchItemFailures": []}


def start(
    engine: Engine, queue: LocalQueue, hook: Callable[..., Any], *sources: StreamSource, threads: int = 2
) -> None:
    engine.start_delivery(*sources, others=batch_pumps(queue, hook, threads, print))


def test_messages_are_processed_in_parallel_up_to_the_number_of_threads(engine: Engine) -> None:
    queue, hook = LocalQueue(), Hook()
    start(engine, queue, hook)
    for body in "abc":
        queue.send(body)
    assert all(hook.started.acquire(timeout=SECONDS) for _ in range(2))
    assert not hook.started.acquire(timeout=0.3)
    hook.may_end.set()
    assert hook.started.acquire(timeout=SECONDS)


def test_a_slow_hook_does_not_delay_the_streams(engine: Engine) -> None:
    queue, hook, folded = LocalQueue(), Hook(), threading.Event()
    start(
        engine,
        queue,
        hook,
        StreamSource(engine.streams, CATALOG, lambda event: folded.set(), max_records=10, report=print),
    )
    queue.send("slow")
    assert hook.started.acquire(timeout=SECONDS)
    put(engine, "a")
    assert folded.wait(SECONDS)
    hook.may_end.set()


def test_the_time_of_a_handler_is_that_of_the_function_until_the_engine_closes(tmp_path: Path) -> None:
    queue, hook, folded = LocalQueue(), Hook(), threading.Event()
    with closing(Engine(Settings(data_dir=str(tmp_path)))) as engine:
        start(
            engine,
            queue,
            hook,
            StreamSource(engine.streams, CATALOG, lambda event: folded.set(), max_records=10, report=print),
            threads=1,
        )
        queue.send("a")
        queue.send("b")
        assert hook.started.acquire(timeout=SECONDS)
        remaining = hook.contexts[0].get_remaining_time_in_millis()
        assert BATCH_MILLISECONDS - 1000 * SECONDS < remaining <= BATCH_MILLISECONDS
        before = time.monotonic()
    assert hook.handed_back == ["a"], "and the second message is not delivered"
    assert time.monotonic() - before < SECONDS
    assert hook.contexts[0].get_remaining_time_in_millis() == 0


def test_closing_does_not_wait_for_a_hook_that_does_not_end(tmp_path: Path) -> None:
    queue, released, started = LocalQueue(), threading.Event(), threading.Event()
    reported: list[str] = []

    def never_ending(event: dict[str, Any], context: Any) -> None:
        started.set()
        released.wait()
        raise RuntimeError("the engine is closed")

    engine = Engine(Settings(data_dir=str(tmp_path)))
    (pump,) = batch_pumps(queue, never_ending, 1, reported.append)
    engine.start_delivery(others=[pump])
    queue.send("a")
    assert started.wait(SECONDS)
    pump.stop(0.05)
    released.set()
    engine.close()
    assert reported == []


def test_without_a_handler_there_is_no_thread() -> None:
    assert batch_pumps(LocalQueue(), None, 2, print) == []
