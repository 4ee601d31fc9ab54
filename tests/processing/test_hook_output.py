"""What a hook prints, and its exceptions, are lines of the log."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.processing.processor import ProcessingFailed
from chalicelib.processing.python_hook.client import PythonHook
from tests.processing.support import Run

NewHook = Callable[..., PythonHook]


def log_lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]


def test_printed_lines_are_in_the_log_with_batch_and_object(
    new_hook: NewHook, capfd: pytest.CaptureFixture[str]
) -> None:
    assert Run(new_hook())("prints") == {"printed": True}
    lines = log_lines(capfd)
    assert {(line["message"], line["batch"], line["object"]) for line in lines} == {("hook output", "btch_1", "obj_1")}
    texts = [line["text"] for line in lines]
    assert texts[:2] == ["hello obj_1", "halfto the error stream"]
    assert [len(text) for text in texts[2:5]] == [2_000, 2_000, 1_000]
    assert texts[5:] == ["key sk_…"]


def test_bytes_that_are_written_to_standard_output_are_on_standard_error(
    new_hook: NewHook, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert Run(new_hook())("prints") == {"printed": True}
    captured = capfdbinary.readouterr()
    assert captured.out == b""
    assert b"\x00\xff garbage \x80 to the descriptor\n" in captured.err


def test_an_exception_is_in_the_log_with_its_stack_but_not_an_expected_one(
    new_hook: NewHook, capfd: pytest.CaptureFixture[str]
) -> None:
    run = Run(new_hook())
    for act in ("permanent", "transient", "os_error", "unprintable"):
        with pytest.raises(ProcessingFailed):
            run(act)
    (line,) = log_lines(capfd)
    assert (line["message"], line["level"], line["object"]) == ("hook failed", "ERROR", "obj_1")
    assert line["exception"]["type"] == "OSError"
    assert "hooks.py" in line["exception"]["frames"][-1]
