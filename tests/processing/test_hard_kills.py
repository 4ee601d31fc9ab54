"""A hook that ends its process, never returns, or breaks the protocol does not take the worker with it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from chalicelib.blobs.blob import Blob
from chalicelib.processing.processor import HookDied, ProcessingFailed
from chalicelib.processing.python_hook.client import PythonHook
from chalicelib.processing.python_hook.process import HookProcess
from tests.processing.support import Run, new_file
from tests.support.running import wait_until

NewHook = Callable[..., PythonHook]
SHORT = 0.3


def is_running(pid: int) -> bool:
    """Returns whether a process exists and is not a zombie."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.parametrize(
    ("act", "text"),
    [
        ("exits", "The hook's process ended with the exit code 3"),
        ("crashes", "The hook's process was ended by SIGSEGV"),
        ("forks_and_exits", "The hook's process ended with the exit code 9"),
        ("closes_descriptors", "The hook's process ended with the exit code 1"),
        ("closes_everything_and_waits", "The hook's process closed its connection to the worker"),
        ("nothing", ""),
    ],
)
def test_the_end_of_the_process_is_reported_and_the_next_item_gets_a_new_one(run: Run, act: str, text: str) -> None:
    if not text:
        assert run(act) == {}
        return
    with pytest.raises(HookDied) as raised:
        run(act)
    assert raised.value.text == text


@pytest.mark.parametrize("act", ["endless", "endless_and_deaf"])
def test_a_hook_that_does_not_return_is_ended_at_the_time_limit(new_hook: NewHook, act: str) -> None:
    start = time.monotonic()
    with pytest.raises(ProcessingFailed) as raised:
        Run(new_hook(SHORT))(act)
    assert (raised.value.category, raised.value.text) == ("resource", "The hook did not return within 0.3 seconds")
    assert SHORT <= time.monotonic() - start < 5


def test_the_log_says_where_a_hook_was_when_it_was_ended(new_hook: NewHook, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ProcessingFailed):
        Run(new_hook(SHORT))("endless")
    assert "in endless" in capfd.readouterr().err


def test_the_processes_that_the_hook_started_are_ended_too(new_hook: NewHook, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    with pytest.raises(ProcessingFailed):
        Run(new_hook(1.0))("leaves_a_process", file=str(file))
    pid = int(file.read_text())
    wait_until(lambda: not is_running(pid))


@pytest.mark.parametrize(
    "act",
    [
        "writes_text",
        "writes_json",
        "writes_list",
        "writes_deep_json",
        "writes_other_kind",
        "writes_bad_failure",
        "writes_bad_fields",
        "writes_bad_read",
        "writes_large_read",
        "writes_odd_read",
        "floods",
    ],
)
def test_garbage_on_the_connection_is_a_failure_of_the_item(run: Run, act: str) -> None:
    with pytest.raises(ProcessingFailed) as raised:
        run(act, new_file())
    assert raised.value.category == "runtime"
    assert "wrote to the connection" in raised.value.text


@pytest.mark.parametrize("act", ["writes_half", "asks_without_reading"])
def test_the_worker_waits_for_the_process_no_longer_than_the_limit(
    new_hook: NewHook, store_file: Callable[..., Blob], act: str
) -> None:
    with pytest.raises(ProcessingFailed, match="did not return"):
        Run(new_hook(SHORT))(act, store_file(bytes(1 << 20)))


def test_a_process_that_ended_between_two_items_is_replaced(new_hook: NewHook) -> None:
    run = Run(new_hook())
    pid = run("exits_later")["pid"]
    wait_until(lambda: not is_running(pid))
    assert run("pid")["pid"] != pid


def test_a_process_that_ends_before_it_starts_an_item_is_replaced_once(
    new_hook: NewHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(new_hook())
    pid = run("exits_later")["pid"]
    wait_until(lambda: not is_running(pid))
    monkeypatch.setattr(HookProcess, "has_ended", False)
    assert run("pid")["pid"] != pid


def test_closing_ends_the_process_and_the_next_item_starts_another(new_hook: NewHook) -> None:
    hook = new_hook()
    first = Run(hook)("pid")["pid"]
    hook.close()
    assert not is_running(first)
    assert Run(hook)("pid")["pid"] != first
    hook.close()
    hook.close()


def test_two_threads_that_use_one_processor_wait_for_each_other(new_hook: NewHook) -> None:
    run, found = Run(new_hook()), list[object]()
    threads = [threading.Thread(target=lambda: found.append(run("sleeps", seconds=0.05))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"slept": True}] * 3


def test_an_interrupted_worker_does_not_leave_the_hook_in_the_middle_of_an_item(
    new_hook: NewHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(new_hook())
    pid = run("pid")["pid"]

    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(HookProcess, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run("sleeps", seconds=60)
    assert not is_running(pid)
    assert run("nothing") == {}


def test_a_process_whose_worker_was_killed_ends(new_hook: NewHook) -> None:
    hook = new_hook()
    pid = Run(hook)("pid")["pid"]
    child = hook._child
    assert child is not None
    child._socket.close()  # what the end of the worker does
    wait_until(lambda: not is_running(pid), 5)
    assert os.getpid() != pid
