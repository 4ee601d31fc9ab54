"""Damaged and missing files of a data folder are reported, and lose nothing but what is damaged."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.local.journal.lines import decode, encode
from tests.local.journal.conftest import (
    CATALOG,
    add,
    copy_as_after_a_kill,
    damaged_copies,
    filled,
    found,
    opened,
    put,
    rows_in,
    stopped,
)


def add_unfinished_line(folder: Path, cut: int) -> None:
    """Adds a write of `unfinished` to the journal without its last bytes, as if the process was killed meanwhile."""
    number, target, body = decode((folder / "journal").read_bytes().splitlines(keepends=True)[-1])
    line = encode([number + 1, target, body.replace("row-1", "unfinished")])
    with (folder / "journal").open("ab") as file:
        file.write(line[:-cut])


@settings(max_examples=10)
@given(cut=st.integers(1, 60))
def test_an_unfinished_last_line_is_removed(tmp_path: Path, cut: int) -> None:
    folder = filled(Path(tempfile.mkdtemp(dir=tmp_path)) / "data", rows=2)
    add_unfinished_line(folder, cut)
    with opened(folder) as engine:
        put(engine, "next")
        killed = copy_as_after_a_kill(folder)
    assert found(killed) == {"row-0", "row-1", "next"}
    assert damaged_copies(folder) == []


def test_an_unfinished_last_line_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = filled(tmp_path / "data", rows=2)
    add_unfinished_line(folder, 1)
    rows_in(folder)
    (line,) = capsys.readouterr().err.splitlines()
    assert "never acknowledged" in line


@settings(max_examples=20)
@given(kept=st.floats(0, 0.999), at_line_end=st.booleans())
def test_a_journal_that_lost_its_tail_is_reported_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kept: float, at_line_end: bool
) -> None:
    folder = stopped(Path(tempfile.mkdtemp(dir=tmp_path)) / "data", rows=5)
    lines = (folder / "journal").read_bytes().splitlines(keepends=True)
    content = b"".join(lines)[: int(kept * len(b"".join(lines)))]
    if at_line_end:
        content = content[: content.rfind(b"\n") + 1]
    (folder / "journal").write_bytes(content)
    lost = len(lines) - content.count(b"\n")
    capsys.readouterr()
    assert len(found(folder)) == max(0, 5 - lost)
    (line,) = capsys.readouterr().err.splitlines()
    (copy,) = damaged_copies(folder)
    assert copy.read_bytes() == content
    assert f"{lost} of its changes are lost" in line
    # It is reported once, and the numbers of later changes continue.
    with opened(folder) as engine:
        put(engine, "next")
    assert "next" in found(folder)
    assert capsys.readouterr().err == ""


def test_a_journal_of_a_killed_process_that_lost_its_tail_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(tmp_path / "data") as engine:
        for number in range(3):
            put(engine, f"row-{number}")
        engine._storage._journal.sync()  # which a thread does every second
        killed = copy_as_after_a_kill(tmp_path / "data")
    lines = (killed / "journal").read_bytes().splitlines(keepends=True)
    (killed / "journal").write_bytes(b"".join(lines[:-2]))
    assert found(killed) == {"row-0"}
    assert "2 of its changes are lost" in capsys.readouterr().err


def test_a_loss_that_only_the_stream_positions_show_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(tmp_path / "data") as engine:
        put(engine, "row-0")
        put(engine, "row-1")
        engine.streams.mark_rebuilt()
    (tmp_path / "data" / "journal.last").unlink()  # earlier versions did not write it
    lines = (tmp_path / "data" / "journal").read_bytes().splitlines(keepends=True)
    (tmp_path / "data" / "journal").write_bytes(b"".join(lines[:-1]))
    with opened(tmp_path / "data") as engine:
        assert not engine.streams.complete
    assert "1 of its changes are lost" in capsys.readouterr().err


@pytest.mark.parametrize("names", [["journal"], ["snapshot"], ["journal", "snapshot"]])
def test_a_missing_file_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str], names: list[str]) -> None:
    folder = stopped(tmp_path / "data", rows=3)
    with opened(folder) as engine:  # which writes a snapshot
        put(engine, "later")
    for name in names:
        (folder / name).unlink()
    capsys.readouterr()
    found(folder)
    (line,) = capsys.readouterr().err.splitlines()
    assert "lost" in line
    with opened(folder) as engine:
        put(engine, "next")
    assert "next" in found(folder)


@pytest.mark.parametrize("content", [b"", b"\x00" * 30, b"00000000 [1]\n", encode({"last": 10**9}), encode([-1])])
def test_an_invalid_last_number_is_ignored(tmp_path: Path, content: bytes) -> None:
    folder = stopped(tmp_path / "data", rows=2)
    (folder / "journal.last").write_bytes(content)
    assert found(folder) == {"row-0", "row-1"}
    assert damaged_copies(folder) == []


def make_odd(path: Path, kind: str) -> None:
    """Creates something at the path that is not a regular file."""
    if kind == "directory":
        path.mkdir()
        (path / "inside").write_text("kept")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(path.parent / "missing")


ODD = ["directory", "fifo", "dangling link"]


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize(
    "name", ["journal", "snapshot", "journal.last", "streams.json", "blobs/" + "0" * 64, "blobs/x.new"]
)
def test_an_odd_file_is_set_aside_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, kind: str
) -> None:
    folder = filled(tmp_path / "data", rows=2)
    (folder / name).unlink(missing_ok=True)
    make_odd(folder / name, kind)
    with opened(folder) as engine:
        put(engine, "next")
    printed = capsys.readouterr().err
    (aside,) = [path for path in (folder / name).parent.iterdir() if ".damaged-" in path.name and not path.is_file()]
    assert str(aside) in printed
    assert "next" in found(folder)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"last": 1, "shard": 2, "places": {}}',
        '{"last": 1, "shard": "s", "places": {"t": "1"}}',
        "[" * 100_000,
    ],
)
def test_a_malformed_streams_file_is_set_aside_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    folder = stopped(tmp_path / "data", rows=1)
    (folder / "streams.json").write_text(content)
    with opened(folder) as engine:
        assert not engine.streams.complete
    (copy,) = damaged_copies(folder)
    assert copy.read_text() == content
    assert str(copy) in capsys.readouterr().err


@settings(max_examples=10)
@given(position=st.floats(0, 0.999), bit=st.integers(0, 7), name=st.sampled_from(["journal", "snapshot"]))
def test_damage_loses_only_the_damaged_rows_and_the_file_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], position: float, bit: int, name: str
) -> None:
    folder = filled(Path(tempfile.mkdtemp(dir=tmp_path)) / "data", rows=5)
    if name == "snapshot":
        rows_in(folder)
    content = bytearray((folder / name).read_bytes())
    content[int(position * len(content))] ^= 1 << bit
    (folder / name).write_bytes(content)
    capsys.readouterr()
    remaining = found(folder)
    assert len(remaining) >= 3  # a damaged newline damages both of its lines
    printed = capsys.readouterr().err
    if len(remaining) < 5 and not damaged_copies(folder):
        assert "never acknowledged" in printed  # the last newline was damaged
    if damaged_copies(folder):
        (copy,) = damaged_copies(folder)
        (line,) = printed.splitlines()
        assert copy.read_bytes() == content
        assert str(copy) in line
    assert found(folder) == remaining
    assert len(damaged_copies(folder)) <= 1


@pytest.mark.parametrize("name", ["journal", "snapshot"])
@pytest.mark.parametrize("content", [b"\x00" * 5000 + b"\n", b"[]\n{}\nnull\n", b"\xff\n" * 3])
def test_the_engine_starts_with_an_invalid_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes
) -> None:
    folder = filled(tmp_path / "data", rows=2)
    (folder / name).write_bytes(content)
    found(folder)
    (copy,) = damaged_copies(folder)
    assert copy.read_bytes() == content
    assert str(copy) in capsys.readouterr().err
    with opened(folder) as engine:
        put(engine, "next")
    assert "next" in found(folder)


def test_no_change_is_performed_twice_if_the_first_line_of_the_snapshot_is_damaged(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as engine:
        add(engine)
        killed = copy_as_after_a_kill(tmp_path / "data")
    changes = (killed / "journal").read_bytes()
    rows_in(killed)
    (killed / "journal").write_bytes(changes)
    lines = (killed / "snapshot").read_bytes().splitlines(keepends=True)
    (killed / "snapshot").write_bytes(b"00000000 {}\n" + b"".join(lines[1:]))
    assert rows_in(killed)[CATALOG][0]["n"] == {"N": "1"}
