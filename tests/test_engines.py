"""`make test-engines` on a machine that cannot run the engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines import versitygw
from tests.engines.__main__ import ENGINES, main
from tests.engines.servers import Unavailable

MISSING = {"dynamodb": "JDK 17", "s3": "Go is required"}


@pytest.fixture(autouse=True)
def nothing_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(versitygw, "PROGRAM", tmp_path / "versitygw")


def test_what_is_missing_is_said_and_the_tests_are_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    assert main([]) == 0
    message = capsys.readouterr().err
    assert message.count("SKIPPED") == len(ENGINES)
    assert all(missing in message for missing in MISSING.values())


@pytest.mark.parametrize("name", ENGINES)
def test_the_command_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv("CI", "true")
    assert main([name]) == 1
    message = capsys.readouterr().err
    assert "FAILED" in message
    assert MISSING[name] in message


def test_a_failed_build_is_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho no network >&2\nexit 1\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no network"):
        versitygw.prepare()
