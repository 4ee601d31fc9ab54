"""`make test-engines` on a machine that cannot run the engine."""

from __future__ import annotations

import pytest

from tests.engines.__main__ import main


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)


@pytest.mark.usefixtures("no_java")
def test_without_java_the_tests_are_skipped_with_a_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    assert main([]) == 0
    message = capsys.readouterr().err
    assert "SKIPPED" in message
    assert "JDK 17" in message


@pytest.mark.usefixtures("no_java")
def test_without_java_the_command_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", "true")
    assert main([]) == 1
    assert "JDK 17" in capsys.readouterr().err
