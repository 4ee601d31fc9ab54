"""What the embedded engine finds again: every write that it answered, whatever happened to the process."""

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
from chalicelib.settings import Settings

CATALOG = Settings().catalog_table
OBJECTS = Settings().objects_table
Rows = dict[str, list[Any]]


@contextmanager
def opened(folder: Path) -> Iterator[Engine]:
    """An engine on a folder, closed in the end."""
    engine = Engine(Settings(data_dir=str(folder)))
    try:
        yield engine
    finally:
        engine.close()


def left_by_a_kill(folder: Path) -> Path:
    """The folder as a process leaves it that is killed now: everything that the system has, and no more."""
    return Path(shutil.copytree(folder, Path(tempfile.mkdtemp(dir=folder.parent)) / "data"))


def rows(engine: Engine) -> Rows:
    """All there is."""
    tables = engine.dynamodb().list_tables()["TableNames"]
    return {name: sorted(engine.dynamodb().scan(TableName=name)["Items"], key=repr) for name in tables}


def rows_in(folder: Path) -> Rows:
    """All there is in a folder."""
    with opened(folder) as engine:
        return rows(engine)


def put(engine: Engine, sk: str, value: str = "v") -> None:
    """Puts a row."""
    engine.dynamodb().put_item(TableName=CATALOG, Item={"pk": {"S": "p"}, "sk": {"S": sk}, "value": {"S": value}})


def add(engine: Engine, sk: str = "counter") -> None:
    """Counts; doing it twice for one call would show."""
    engine.dynamodb().update_item(
        TableName=CATALOG,
        Key={"pk": {"S": "p"}, "sk": {"S": sk}},
        UpdateExpression="ADD n :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )


def found(folder: Path) -> set[str]:
    """The sort keys of the rows in a folder."""
    return {row["sk"]["S"] for row in rows_in(folder)[CATALOG]}


def asides(folder: Path) -> list[Path]:
    """The damaged files that were kept."""
    return sorted(folder.glob("*.damaged-*"))


def filled(folder: Path, *, rows: int) -> Path:
    """The folder of a process that was killed after this many writes."""
    with opened(folder) as engine:
        for number in range(rows):
            put(engine, f"row-{number}")
        return left_by_a_kill(folder)


def test_a_write_that_was_answered_is_there_after_a_kill(tmp_path: Path) -> None:
    assert found(filled(tmp_path / "data", rows=3)) == {"row-0", "row-1", "row-2"}


def test_rows_of_every_type_come_back_as_they_were(tmp_path: Path) -> None:
    row = {
        "pk": {"S": ""},
        "sk": {"S": "\u00e4\U0001f600\x00\n"},
        "number": {"N": "-1234567890.12345678901234567890"},
        "flags": {"L": [{"BOOL": True}, {"NULL": True}, {"M": {"": {"S": ""}}}]},
        "words": {"SS": ["a", "b"]},
        "bytes": {"B": "AAH/"},
    }
    row["pk"] = {"S": "p"}
    with opened(tmp_path / "data") as engine:
        engine.dynamodb().put_item(TableName=CATALOG, Item=row)  # type: ignore[arg-type]
        before = rows(engine)
        killed = left_by_a_kill(tmp_path / "data")
    assert rows_in(killed) == before
    assert rows_in(killed) == before  # from the snapshot that the first start wrote


def test_a_write_that_was_refused_leaves_no_trace(tmp_path: Path) -> None:
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


def test_tables_that_somebody_made_come_back(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as engine:
        engine.dynamodb().create_table(
            TableName="theirs",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        engine.dynamodb().put_item(TableName="theirs", Item={"id": {"S": "one"}})
        killed = left_by_a_kill(tmp_path / "data")
    for _ in ("journal", "snapshot"):
        assert rows_in(killed)["theirs"] == [{"id": {"S": "one"}}]


@settings(max_examples=10)
@given(cut=st.integers(1, 60))
def test_an_unfinished_last_line_was_never_answered(tmp_path: Path, cut: int) -> None:
    folder = filled(Path(tempfile.mkdtemp(dir=tmp_path)) / "data", rows=3)
    with (folder / "journal").open("r+b") as file:
        file.truncate((folder / "journal").stat().st_size - cut)
    with opened(folder) as engine:
        put(engine, "next")
        killed = left_by_a_kill(folder)
    assert found(killed) == {"row-0", "row-1", "next"}
    assert asides(folder) == []


def test_an_unfinished_last_line_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = filled(tmp_path / "data", rows=2)
    with (folder / "journal").open("r+b") as file:
        file.truncate((folder / "journal").stat().st_size - 1)
    rows_in(folder)
    (line,) = capsys.readouterr().err.splitlines()
    assert "never answered" in line


@settings(max_examples=10)
@given(place=st.floats(0, 0.999), bit=st.integers(0, 7), name=st.sampled_from(["journal", "snapshot"]))
def test_damage_costs_the_rows_it_hit_and_the_file_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: float, bit: int, name: str
) -> None:
    folder = filled(Path(tempfile.mkdtemp(dir=tmp_path)) / "data", rows=5)
    if name == "snapshot":
        rows_in(folder)
    content = bytearray((folder / name).read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    (folder / name).write_bytes(content)
    capsys.readouterr()
    left = found(folder)
    assert len(left) >= 3  # a newline that is hit takes both its neighbours
    told = capsys.readouterr().err
    if len(left) < 5 and not asides(folder):
        assert "never answered" in told  # the last newline
    if asides(folder):
        (aside,) = asides(folder)
        (line,) = told.splitlines()
        assert aside.read_bytes() == content
        assert str(aside) in line
    assert found(folder) == left
    assert len(asides(folder)) <= 1


@pytest.mark.parametrize("name", ["journal", "snapshot"])
@pytest.mark.parametrize("content", [b"\x00" * 5000 + b"\n", b"[]\n{}\nnull\n", b"\xff\n" * 3])
def test_a_file_of_rubbish_stops_no_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes
) -> None:
    folder = filled(tmp_path / "data", rows=2)
    (folder / name).write_bytes(content)
    found(folder)
    (aside,) = asides(folder)
    assert aside.read_bytes() == content
    assert str(aside) in capsys.readouterr().err
    with opened(folder) as engine:
        put(engine, "next")
    assert "next" in found(folder)


def test_a_snapshot_that_lost_its_first_line_takes_no_change_twice(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as engine:
        add(engine)
        killed = left_by_a_kill(tmp_path / "data")
    changes = (killed / "journal").read_bytes()
    rows_in(killed)
    (killed / "journal").write_bytes(changes)
    lines = (killed / "snapshot").read_bytes().splitlines(keepends=True)
    (killed / "snapshot").write_bytes(b"00000000 {}\n" + b"".join(lines[1:]))
    assert rows_in(killed)[CATALOG][0]["n"] == {"N": "1"}


def test_a_kill_between_the_steps_of_a_compaction_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    states: list[tuple[Path, Rows]] = []
    with opened(folder) as engine:
        for _ in range(3):
            add(engine)
        clear = journal.Journal.clear

        def killed_before_and_after(self: journal.Journal) -> None:
            states.append((left_by_a_kill(folder), rows(engine)))
            clear(self)
            states.append((left_by_a_kill(folder), rows(engine)))

        monkeypatch.setattr(journal.Journal, "clear", killed_before_and_after)
        monkeypatch.setattr(storage, "MIN_CHANGES_PER_SNAPSHOT", 3)
        add(engine)
        monkeypatch.undo()
    assert len(states) == 2
    for killed, before in states:
        assert rows_in(killed) == before
        assert before[CATALOG][0]["n"] == {"N": "4"}


def test_a_half_written_snapshot_is_none(tmp_path: Path) -> None:
    folder = filled(tmp_path / "data", rows=2)
    (folder / "snapshot.new").write_bytes(b"0000")
    assert found(folder) == {"row-0", "row-1"}


def test_the_journal_is_compacted_while_it_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "MIN_CHANGES_PER_SNAPSHOT", 5)
    with opened(tmp_path / "data") as engine:
        sizes = []
        for _ in range(20):
            add(engine)
            sizes.append((tmp_path / "data" / "journal").stat().st_size)
        killed = left_by_a_kill(tmp_path / "data")
    assert sizes.count(0) >= 3
    assert rows_in(killed)[CATALOG][0]["n"] == {"N": "20"}


def test_a_write_that_the_disk_refuses_has_not_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, line: bytes) -> int:
        os.pwrite(file, line[:5], os.fstat(file).st_size)
        raise OSError(errno.ENOSPC, "No space left on device")

    with opened(tmp_path / "data") as engine:
        put(engine, "before")
        with monkeypatch.context() as patch:
            patch.setattr(journal.os, "write", full)  # type: ignore[attr-defined]
            with pytest.raises(ClientError, match="InternalServerError"):
                put(engine, "refused")
        assert {row["sk"]["S"] for row in rows(engine)[CATALOG]} == {"before"}
        put(engine, "after")
        killed = left_by_a_kill(tmp_path / "data")
    assert found(killed) == {"before", "after"}


def test_writes_in_parallel_are_all_kept(tmp_path: Path) -> None:
    def write(number: int) -> None:
        put(engine, f"{number}")
        add(engine)

    with opened(tmp_path / "data") as engine, ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(200)))
        before = rows(engine)
        killed = left_by_a_kill(tmp_path / "data")
    assert len(before[CATALOG]) == 201
    assert rows_in(killed) == before


def test_one_process_at_a_time_owns_a_folder(tmp_path: Path) -> None:
    with opened(tmp_path / "data"), pytest.raises(FolderInUse, match="BUCKETS_DATA_DIR"):
        Engine(Settings(data_dir=str(tmp_path / "data")))
    assert found(tmp_path / "data") == set()


def test_nobody_else_may_read_the_data(tmp_path: Path) -> None:
    folder = filled(tmp_path / "data", rows=1)
    rows_in(folder)
    assert {path.name: path.stat().st_mode & 0o077 for path in folder.iterdir()} == dict.fromkeys(
        ("blobs", "journal", "lock", "snapshot"), 0
    )


KEYS = st.sampled_from(["a", "b", "c"])
CONDITIONS = st.sampled_from([None, "attribute_exists(pk)", "attribute_not_exists(pk)"])


def _key(sk: str) -> dict[str, Any]:
    return {"pk": {"S": "p"}, "sk": {"S": sk}}


def _conditioned(step: dict[str, Any], condition: str | None) -> dict[str, Any]:
    return {**step, **({"ConditionExpression": condition} if condition else {})}


def _update(sk: str, expression: str, number: int) -> dict[str, Any]:
    values = {":n": {"N": str(number)}} if ":n" in expression else {}
    made = {"TableName": CATALOG, "Key": _key(sk), "UpdateExpression": expression}
    return {**made, **({"ExpressionAttributeValues": values} if values else {})}


EXPRESSIONS = st.sampled_from(["ADD n :n", "SET m = :n", "SET m = if_not_exists(n, :n)", "REMOVE n", "DELETE gone :n"])
PUTS = st.builds(
    lambda sk, n, condition: (
        "Put",
        _conditioned({"TableName": CATALOG, "Item": {**_key(sk), "n": {"N": str(n)}}}, condition),
    ),
    KEYS,
    st.integers(-9, 9),
    CONDITIONS,
)
UPDATES = st.builds(
    lambda sk, text, n, condition: ("Update", _conditioned(_update(sk, text, n), condition)),
    KEYS,
    EXPRESSIONS,
    st.integers(-9, 9),
    CONDITIONS,
)
REMOVALS = st.builds(
    lambda sk, condition: ("Delete", _conditioned({"TableName": CATALOG, "Key": _key(sk)}, condition)),
    KEYS,
    CONDITIONS,
)
CHECKS = st.builds(
    lambda sk, condition: (
        "ConditionCheck",
        _conditioned({"TableName": CATALOG, "Key": _key(sk)}, condition or "attribute_exists(pk)"),
    ),
    KEYS,
    CONDITIONS,
)
SINGLES = PUTS | UPDATES | REMOVALS
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
@given(steps=st.lists(SINGLES | TRANSACTIONS | BATCHES, max_size=25), fewest=st.integers(1, 12))
def test_whatever_was_done_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[Any], fewest: int
) -> None:
    folder = Path(tempfile.mkdtemp(dir=tmp_path)) / "data"
    with monkeypatch.context() as patch, opened(folder) as engine:
        patch.setattr(storage, "MIN_CHANGES_PER_SNAPSHOT", fewest)
        for kind, request in steps:
            try:
                getattr(engine.dynamodb(), METHODS[kind])(**request)
            except ClientError as error:
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400  # noqa: PT017
        before = rows(engine)
        killed = left_by_a_kill(folder)
    assert rows_in(killed) == before
    assert rows_in(folder) == before
    assert asides(killed) == []
