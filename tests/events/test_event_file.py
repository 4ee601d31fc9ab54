"""The file of events of the embedded engine, and the command that shows it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chalicelib.admin import events as command
from chalicelib.admin.__main__ import admin
from chalicelib.events.event import Event
from chalicelib.local.event_file import EVENTS_FILE, OLDER_FILE, EventFile, EventReader
from tests.support.template import ROOT

TIME_LIMIT_SECONDS = 30


def event(number: int, type_: str = "object.created", **data: Any) -> Event:
    return Event(f"evt_{number}", type_, f"buckets/bkt_1/objects/{number}", "2026-01-01T00:00:00.000Z", data)


def ids(reader: EventReader) -> list[str]:
    return [each["id"] for each in reader.new()]


def test_events_are_appended_and_read(tmp_path: Path) -> None:
    file, reader = EventFile(tmp_path), EventReader(tmp_path)
    assert ids(reader) == []
    file.send([event(1), event(2)])
    assert ids(reader) == ["evt_1", "evt_2"]
    file.send([event(3, title="Müller")])
    (found,) = reader.new()
    assert (found["id"], found["specversion"], found["data"]) == ("evt_3", "1.0", {"title": "Müller"})
    assert ids(reader) == []
    assert ids(EventReader(tmp_path)) == ["evt_1", "evt_2", "evt_3"]
    assert stat.S_IMODE((tmp_path / EVENTS_FILE).stat().st_mode) == 0o600


def test_a_full_file_replaces_the_older_one(tmp_path: Path) -> None:
    file, reader = EventFile(tmp_path, max_bytes=1000), EventReader(tmp_path)
    seen = []
    for number in range(40):
        file.send([event(number)])
        assert (tmp_path / EVENTS_FILE).stat().st_size <= 1000
        seen += ids(reader) if number % 3 else []
    assert [*seen, *ids(reader)] == [f"evt_{number}" for number in range(40)]
    kept = ids(EventReader(tmp_path))
    assert kept == [f"evt_{number}" for number in range(40 - len(kept), 40)]
    assert (tmp_path / OLDER_FILE).exists()
    assert 4 <= len(kept) <= 10


def test_a_line_that_is_being_written_is_read_when_it_is_finished(tmp_path: Path) -> None:
    EventFile(tmp_path).send([event(1), event(2)])
    complete = (tmp_path / EVENTS_FILE).read_bytes()
    reader = EventReader(tmp_path)
    for end in range(len(complete) - 5, len(complete)):
        (tmp_path / EVENTS_FILE).write_bytes(complete[:end])
        assert ids(reader) == (["evt_1"] if end == len(complete) - 5 else [])
    (tmp_path / EVENTS_FILE).write_bytes(complete)
    assert ids(reader) == ["evt_2"]


def test_the_unfinished_line_of_a_killed_process_is_left_out(tmp_path: Path) -> None:
    EventFile(tmp_path).send([event(1), event(2)])
    path = tmp_path / EVENTS_FILE
    path.write_bytes(path.read_bytes()[:-20])
    EventFile(tmp_path).send([event(3)])
    assert ids(EventReader(tmp_path)) == ["evt_1", "evt_3"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of an embedded engine, with events."""
    monkeypatch.setenv("BUCKETS_ENGINE", "embedded")
    monkeypatch.setenv("BUCKETS_DATA_DIR", str(tmp_path))
    (tmp_path / "journal").touch()
    created = [event(number, status="PENDING", bucket_id=f"bkt_{number % 2}") for number in range(3)]
    parked = event(3, "adapter.delivery.parked", bucket_id="bkt_1", reason="\x1b[2Jmapping_failed")
    EventFile(tmp_path).send([*created, parked])
    return tmp_path


def tail(*options: str) -> Result:
    return CliRunner().invoke(admin, ["events", "tail", *options])


def shown(*options: str) -> list[str]:
    result = tail(*options)
    assert result.exit_code == 0, result.output
    return [json.loads(line)["id"] for line in result.stdout.splitlines()]


@pytest.mark.usefixtures("folder")
def test_tail_selects_events_by_type_and_bucket() -> None:
    assert shown() == ["evt_0", "evt_1", "evt_2", "evt_3"]
    assert shown("--limit", "2") == ["evt_2", "evt_3"]
    assert shown("--type", "object.*") == ["evt_0", "evt_1", "evt_2"]
    assert shown("--type", "object.deleted") == []
    assert shown("--bucket", "bkt_1") == ["evt_1", "evt_3"]
    assert shown("--bucket", "bkt_1", "--type", "object.*", "--limit", "1") == ["evt_1"]


@pytest.mark.usefixtures("folder")
def test_on_a_terminal_each_event_is_a_short_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "is_terminal", lambda: True)
    assert tail().stdout.splitlines()[2:] == [
        "2026-01-01T00:00:00.000Z  object.created           buckets/bkt_1/objects/2  PENDING",
        "2026-01-01T00:00:00.000Z  adapter.delivery.parked  buckets/bkt_1/objects/3  ?[2Jmapping_failed",
    ]


def test_further_events_are_followed_until_the_command_is_interrupted(folder: Path) -> None:
    arguments = [sys.executable, "-m", "chalicelib.admin", "events", "tail", "--follow", "--limit", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background makes their child processes ignore SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["id"] == "evt_3"
        EventFile(folder).send([event(4)])
        assert json.loads(process.stdout.readline())["id"] == "evt_4"
        EventFile(folder, max_bytes=10).send([event(5)])
        assert json.loads(process.stdout.readline())["id"] == "evt_5"
        process.send_signal(signal.SIGINT)
        assert process.wait(TIME_LIMIT_SECONDS) == 0


def test_a_folder_without_an_engine_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKETS_ENGINE", "embedded")
    monkeypatch.setenv("BUCKETS_DATA_DIR", str(tmp_path / "nothing"))
    result = tail()
    assert (result.exit_code, result.stdout) == (1, "")
    assert "has no data of an embedded engine" in result.stderr
    assert not (tmp_path / "nothing").exists()


def test_for_a_deployed_stage_the_command_says_where_its_events_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKETS_ENGINE", "aws")
    result = tail("--follow")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "EventBusName" in result.stderr
    assert (ROOT / "docs" / "how-to" / "react-to-events.md").name in result.stderr
