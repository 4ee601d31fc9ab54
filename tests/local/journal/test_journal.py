"""The embedded engine restores every acknowledged write after a restart, a kill or damage to its files."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.local.engine import Engine
from chalicelib.local.journal import journal, storage
from chalicelib.local.journal.folder import FolderInUse
from chalicelib.local.journal.lines import decode, encode
from chalicelib.settings import Settings

CATALOG = Settings().catalog_table
OBJECTS = Settings().objects_table
Rows = dict[str, list[Any]]


@contextmanager
def opened(folder: Path) -> Iterator[Engine]:
    """Opens the engine of a folder, and closes it at the end."""
    engine = Engine(Settings(data_dir=str(folder)))
    try:
        yield engine
    finally:
        engine.close()


def copy_as_after_a_kill(folder: Path) -> Path:
    """Returns a copy of the folder in its present state, as it would be if the process was killed now."""
    return Path(shutil.copytree(folder, Path(tempfile.mkdtemp(dir=folder.parent)) / "data"))


def rows(engine: Engine) -> Rows:
    """Returns all rows by table."""
    tables = engine.dynamodb().list_tables()["TableNames"]
    return {name: sorted(engine.dynamodb().scan(TableName=name)["Items"], key=repr) for name in tables}


def rows_in(folder: Path) -> Rows:
    """Returns all rows in a folder by table."""
    with opened(folder) as engine:
        return rows(engine)


def put(engine: Engine, sk: str, value: str = "v") -> None:
    """Puts a row into the catalog."""
    engine.dynamodb().put_item(TableName=CATALOG, Item={"pk": {"S": "p"}, "sk": {"S": sk}, "value": {"S": value}})


def add(engine: Engine, sk: str = "counter") -> None:
    """Increases a counter, which shows whether a change is performed twice."""
    engine.dynamodb().update_item(
        TableName=CATALOG,
        Key={"pk": {"S": "p"}, "sk": {"S": sk}},
        UpdateExpression="ADD n :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )


def found(folder: Path) -> set[str]:
    """Returns the sort keys of the catalog's rows in a folder."""
    return {row["sk"]["S"] for row in rows_in(folder)[CATALOG]}


def damaged_copies(folder: Path) -> list[Path]:
    """Returns the copies of damaged files."""
    return sorted(folder.glob("*.damaged-*"))


def filled(folder: Path, *, rows: int) -> Path:
    """Returns the folder of a process that was killed after this many writes."""
    with opened(folder) as engine:
        for number in range(rows):
            put(engine, f"row-{number}")
        return copy_as_after_a_kill(folder)


def test_acknowledged_writes_survive_a_kill(tmp_path: Path) -> None:
    assert found(filled(tmp_path / "data", rows=3)) == {"row-0", "row-1", "row-2"}


def test_values_of_every_type_are_restored_unchanged(tmp_path: Path) -> None:
    row = {
        "pk": {"S": ""},
        "sk": {"S": "\u00e4\U0001f600\x00\n"},
        "number": {"N": "-1234567890.12345678901234567890"},
        "flags": {"L": [{"BOOL": True}, {"NULL": True}, {"M": {"": {"S": ""}}}]},
        "strings": {"SS": ["a", "b"]},
        "bytes": {"B": "AAH/"},
    }
    row["pk"] = {"S": "p"}
    with opened(tmp_path / "data") as engine:
        engine.dynamodb().put_item(TableName=CATALOG, Item=row)  # type: ignore[arg-type]
        before = rows(engine)
        killed = copy_as_after_a_kill(tmp_path / "data")
    assert rows_in(killed) == before
    assert rows_in(killed) == before  # from the snapshot that the first start wrote


def test_a_rejected_write_is_not_in_the_journal(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as engine:
        before = (tmp_path / "data" / "journal").read_bytes()
        with pytest.raises(ClientError):
            engine.dynamodb().delete_item(
                TableName=CATALOG,
                Key={"pk": {"S": "p"}, "sk": {"S": "s"}},
                ConditionExpression="attribute_exists(pk)",
            )
        rows(engine)
        assert (tmp_path / "data" / "journal").read_bytes() == before


def test_additional_tables_are_restored(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as engine:
        engine.dynamodb().create_table(
            TableName="theirs",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        engine.dynamodb().put_item(TableName="theirs", Item={"id": {"S": "one"}})
        killed = copy_as_after_a_kill(tmp_path / "data")
    for _ in ("journal", "snapshot"):
        assert rows_in(killed)["theirs"] == [{"id": {"S": "one"}}]


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


def stopped(folder: Path, *, rows: int) -> Path:
    """Returns the folder of a process that stopped after this many writes."""
    with opened(folder) as engine:
        for number in range(rows):
            put(engine, f"row-{number}")
    return folder


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


def test_a_kill_between_the_steps_of_writing_a_snapshot_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    states: list[tuple[Path, Rows]] = []
    with opened(folder) as engine:
        for _ in range(3):
            add(engine)
        clear = journal.Journal.clear

        def copy_before_and_after(self: journal.Journal) -> None:
            states.append((copy_as_after_a_kill(folder), rows(engine)))
            clear(self)
            states.append((copy_as_after_a_kill(folder), rows(engine)))

        monkeypatch.setattr(journal.Journal, "clear", copy_before_and_after)
        monkeypatch.setattr(storage, "MIN_CHANGES_PER_SNAPSHOT", 3)
        add(engine)
        monkeypatch.undo()
    assert len(states) == 2
    for killed, before in states:
        assert rows_in(killed) == before
        assert before[CATALOG][0]["n"] == {"N": "4"}


def test_an_unfinished_snapshot_is_ignored(tmp_path: Path) -> None:
    folder = filled(tmp_path / "data", rows=2)
    (folder / "snapshot.new").write_bytes(b"0000")
    assert found(folder) == {"row-0", "row-1"}


def test_a_snapshot_replaces_a_journal_that_has_grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "MIN_CHANGES_PER_SNAPSHOT", 5)
    with opened(tmp_path / "data") as engine:
        sizes = []
        for _ in range(20):
            add(engine)
            sizes.append((tmp_path / "data" / "journal").stat().st_size)
        killed = copy_as_after_a_kill(tmp_path / "data")
    assert sizes.count(0) >= 3
    assert rows_in(killed)[CATALOG][0]["n"] == {"N": "20"}


def test_a_write_that_cannot_be_saved_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, line: bytes) -> int:
        os.pwrite(file, line[:5], os.fstat(file).st_size)
        raise OSError(errno.ENOSPC, "No space left on device")

    with opened(tmp_path / "data") as engine:
        put(engine, "before")
        with monkeypatch.context() as patch:
            patch.setattr(journal.os, "write", full)  # type: ignore[attr-defined]
            with pytest.raises(ClientError, match="InternalServerError"):
                put(engine, "rejected")
        assert {row["sk"]["S"] for row in rows(engine)[CATALOG]} == {"before"}
        put(engine, "after")
        killed = copy_as_after_a_kill(tmp_path / "data")
    assert found(killed) == {"before", "after"}


def test_parallel_writes_are_all_saved(tmp_path: Path) -> None:
    def write(number: int) -> None:
        put(engine, f"{number}")
        add(engine)

    with opened(tmp_path / "data") as engine, ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(200)))
        before = rows(engine)
        killed = copy_as_after_a_kill(tmp_path / "data")
    assert len(before[CATALOG]) == 201
    assert rows_in(killed) == before


def test_one_process_at_a_time_owns_a_folder(tmp_path: Path) -> None:
    with opened(tmp_path / "data"), pytest.raises(FolderInUse, match="BUCKETS_DATA_DIR"):
        Engine(Settings(data_dir=str(tmp_path / "data")))
    assert found(tmp_path / "data") == set()


def test_only_the_user_can_read_the_data(tmp_path: Path) -> None:
    folder = filled(tmp_path / "data", rows=1)
    rows_in(folder)
    assert {path.name: path.stat().st_mode & 0o077 for path in folder.iterdir()} == dict.fromkeys(
        ("aws_credentials.json", "blobs", "journal", "journal.last", "lock", "snapshot"), 0
    )


KEYS = st.sampled_from(["a", "b", "c"])
CONDITIONS = st.sampled_from([None, "attribute_exists(pk)", "attribute_not_exists(pk)"])


def _key(sk: str) -> dict[str, Any]:
    return {"pk": {"S": "p"}, "sk": {"S": sk}}


def _with_condition(step: dict[str, Any], condition: str | None) -> dict[str, Any]:
    return {**step, **({"ConditionExpression": condition} if condition else {})}


def _update(sk: str, expression: str, number: int) -> dict[str, Any]:
    values = {":n": {"N": str(number)}} if ":n" in expression else {}
    update = {"TableName": CATALOG, "Key": _key(sk), "UpdateExpression": expression}
    return {**update, **({"ExpressionAttributeValues": values} if values else {})}


EXPRESSIONS = st.sampled_from(
    ["ADD n :n", "SET m = :n", "SET m = if_not_exists(n, :n)", "REMOVE n", "DELETE missing :n"]
)
PUTS = st.builds(
    lambda sk, n, condition: (
        "Put",
        _with_condition({"TableName": CATALOG, "Item": {**_key(sk), "n": {"N": str(n)}}}, condition),
    ),
    KEYS,
    st.integers(-9, 9),
    CONDITIONS,
)
UPDATES = st.builds(
    lambda sk, text, n, condition: ("Update", _with_condition(_update(sk, text, n), condition)),
    KEYS,
    EXPRESSIONS,
    st.integers(-9, 9),
    CONDITIONS,
)
DELETES = st.builds(
    lambda sk, condition: ("Delete", _with_condition({"TableName": CATALOG, "Key": _key(sk)}, condition)),
    KEYS,
    CONDITIONS,
)
CHECKS = st.builds(
    lambda sk, condition: (
        "ConditionCheck",
        _with_condition({"TableName": CATALOG, "Key": _key(sk)}, condition or "attribute_exists(pk)"),
    ),
    KEYS,
    CONDITIONS,
)
SINGLES = PUTS | UPDATES | DELETES
TRANSACTIONS = st.lists(SINGLES | CHECKS, min_size=1, max_size=3).map(
    lambda steps: ("Transact", {"TransactItems": [{kind: step} for kind, step in steps]})
)
BATCHES = st.lists(KEYS, min_size=1, max_size=3, unique=True).map(
    lambda keys: ("Batch", {"RequestItems": {CATALOG: [{"PutRequest": {"Item": _key(sk)}} for sk in keys]}})
)
METHODS = {
    "Put": "put_item",
    "Update": "update_item",
    "Delete": "delete_item",
    "Transact": "transact_write_items",
    "Batch": "batch_write_item",
}


@settings(max_examples=25)
@given(steps=st.lists(SINGLES | TRANSACTIONS | BATCHES, max_size=25), min_changes=st.integers(1, 12))
def test_any_sequence_of_writes_is_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[Any], min_changes: int
) -> None:
    folder = Path(tempfile.mkdtemp(dir=tmp_path)) / "data"
    with monkeypatch.context() as patch, opened(folder) as engine:
        patch.setattr(storage, "MIN_CHANGES_PER_SNAPSHOT", min_changes)
        for kind, request in steps:
            try:
                getattr(engine.dynamodb(), METHODS[kind])(**request)
            except ClientError as error:
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400  # noqa: PT017
        before = rows(engine)
        killed = copy_as_after_a_kill(folder)
    assert rows_in(killed) == before
    assert rows_in(folder) == before
    assert damaged_copies(killed) == []
