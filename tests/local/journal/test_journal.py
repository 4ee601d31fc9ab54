"""The embedded engine restores every acknowledged write after a restart or a kill."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from chalicelib.local.engine import Engine
from chalicelib.local.journal import journal, storage
from chalicelib.local.journal.folder import FolderInUse
from chalicelib.settings import Settings
from tests.local.journal.conftest import (
    CATALOG,
    Rows,
    add,
    copy_as_after_a_kill,
    filled,
    found,
    opened,
    put,
    rows,
    rows_in,
)


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
