"""A hook that cannot be loaded fails every item, and the check of the settings says so."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.processing.processor import ProcessingFailed
from chalicelib.processing.python_hook import client, process
from chalicelib.processing.python_hook.client import PythonHook
from chalicelib.processing.selection import check_processor
from chalicelib.settings import SettingInvalid, Settings
from tests.processing.support import Run

NewHook = Callable[..., PythonHook]
UNLOADABLE = [
    ("no_such_module:process", "ModuleNotFoundError: No module named 'no_such_module'"),
    ("tests.processing.hooks:missing", "has no attribute 'missing'"),
    ("tests.processing.hooks:ACTS", "TypeError: ACTS is not a function"),
    ("tests.processing.broken_hooks:process", "the process ended with the exit code 5"),
]


@pytest.mark.parametrize(("function", "text"), UNLOADABLE)
def test_a_hook_that_cannot_be_loaded_fails_each_item(new_hook: NewHook, function: str, text: str) -> None:
    run = Run(new_hook(function=function))
    for _ in range(2):
        with pytest.raises(ProcessingFailed) as raised:
            run("nothing")
        assert raised.value.category == "runtime"
        assert raised.value.text.startswith(f"BUCKETS_PROCESSOR: {function} cannot be loaded: ")
        assert text in raised.value.text


@pytest.mark.parametrize(("function", "text"), UNLOADABLE)
def test_the_check_of_the_settings_names_the_variable(function: str, text: str) -> None:
    with pytest.raises(SettingInvalid, match="BUCKETS_PROCESSOR") as raised:
        check_processor(Settings(processor=function))
    assert text in str(raised.value)


@pytest.mark.parametrize(
    "processor", ["", "tests.processing.hooks:process", "arn:aws:lambda:us-east-1:123456789012:function:hook"]
)
def test_the_check_accepts_hooks_that_can_be_loaded_and_lambda_functions(processor: str) -> None:
    check_processor(Settings(processor=processor))


def test_an_import_that_does_not_end_is_ended(new_hook: NewHook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "START_SECONDS", 0.5)
    with pytest.raises(ProcessingFailed, match="the import took too long"):
        Run(new_hook(function="tests.processing.slow_hooks:process"))("nothing")


def test_the_limit_of_an_item_does_not_include_the_start(
    new_hook: NewHook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "a_slow_hook.py").write_text("import time\ntime.sleep(0.6)\ndef process(item): ...\n")
    assert Run(new_hook(0.5, function="a_slow_hook:process"))("nothing") == {}


def test_a_failed_start_is_repeated_after_a_time(
    new_hook: NewHook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    run = Run(new_hook(function="a_later_hook:process"))
    with pytest.raises(ProcessingFailed):
        run("nothing")
    (tmp_path / "a_later_hook.py").write_text("def process(item): return {'late': True}\n")
    with pytest.raises(ProcessingFailed):
        run("nothing")
    now = time.monotonic() + client.RESTART_SECONDS
    with monkeypatch.context() as patch:
        patch.setattr(client, "monotonic", lambda: now)
        assert run("nothing") == {"late": True}


def test_a_process_that_cannot_be_created_fails_the_item(new_hook: NewHook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/python")
    with pytest.raises(ProcessingFailed, match=r"cannot be started: .*No such file"):
        Run(new_hook())("nothing")


def test_packages_are_found_in_vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "ROOT", tmp_path)
    assert process.search_path()[-1] != str(tmp_path / "vendor")
    (tmp_path / "vendor").mkdir()
    assert str(tmp_path / "vendor") in process.search_path()
