"""Whatever was answered is there after the process is killed, and nothing else."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.local import journal, storage
from chalicelib.local.engine import Engine
from tests.local.conftest import CATALOG, Open, a_row, contents, killed, names, put

NAMES = st.sampled_from(["a", "b", "c"])
CONDITION = st.sampled_from(
    [{}, {"ConditionExpression": "attribute_exists(pk)"}, {"ConditionExpression": "attribute_not_exists(pk)"}]
)

SCALARS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.text(max_size=8).map(lambda text: {"S": text}),
    st.decimals(-(10**30), 10**30, places=3).map(lambda number: {"N": str(number)}),
    st.booleans().map(lambda flag: {"BOOL": flag}),
    st.just({"NULL": True}),
    st.just({"B": "AAEC/w=="}),
    st.sets(st.text(min_size=1, max_size=3), min_size=1, max_size=3).map(lambda texts: {"SS": sorted(texts)}),
    st.sets(st.integers(-9, 9), min_size=1, max_size=3).map(lambda ns: {"NS": [str(n) for n in sorted(ns)]}),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda values: {"L": values}),
        st.dictionaries(st.text(min_size=1, max_size=3), inner, max_size=3).map(lambda values: {"M": values}),
    ),
    max_leaves=6,
)


def key(name: str) -> dict[str, Any]:
    return {"TableName": CATALOG, "Key": a_row(name)}


def an_update(name: str, condition: dict[str, str]) -> dict[str, Any]:
    grown = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    return {**key(name), **grown, **condition}


def a_put(name: str, value: dict[str, Any], condition: dict[str, str]) -> dict[str, Any]:
    return {"TableName": CATALOG, "Item": a_row(name, value=value), **condition}


PUTS = st.builds(lambda *words: ("Put", a_put(*words)), NAMES, VALUES, CONDITION)
UPDATES = st.builds(lambda *words: ("Update", an_update(*words)), NAMES, CONDITION)
DELETES = st.builds(lambda name, condition: ("Delete", {**key(name), **condition}), NAMES, CONDITION)
STEPS = st.one_of(PUTS, UPDATES, DELETES)
BATCHES = st.lists(STEPS, min_size=2, max_size=3).map(
    lambda steps: ("Transact", [{kind: words} for kind, words in steps])
)
HISTORIES = st.lists(st.one_of(STEPS, STEPS, BATCHES), max_size=12)


def perform(engine: Engine, kind: str, words: Any) -> None:
    """One write; a refused one is part of history too."""
    client = engine.dynamodb()
    calls = {"Put": client.put_item, "Update": client.update_item, "Delete": client.delete_item}
    try:
        if kind == "Transact":
            client.transact_write_items(TransactItems=words)
        else:
            calls[kind](**words)
    except ClientError as error:
        assert error.response["Error"]["Code"] in (
            "ConditionalCheckFailedException",
            "TransactionCanceledException",
            "ValidationException",
        )


@pytest.mark.parametrize("changes_between_snapshots", [0, 3, 2000])
@settings(max_examples=15)
@given(history=HISTORIES)
def test_a_killed_engine_comes_back_with_what_it_had(
    open_engine: Open, monkeypatch: pytest.MonkeyPatch, changes_between_snapshots: int, history: list[Any]
) -> None:
    monkeypatch.setattr(storage, "FEWEST_CHANGES", changes_between_snapshots)
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(Path(folder) / "first")
        for kind, words in history:
            perform(engine, kind, words)
        first = open_engine(killed(engine, Path(folder) / "second"))
        # Once from the journal, and once more from the snapshot that the start has made of it.
        second = open_engine(killed(first, Path(folder) / "third"))
        assert contents(first) == contents(engine)
        assert contents(second) == contents(engine)


@given(history=HISTORIES)
@settings(max_examples=25)
def test_a_cancelled_transaction_leaves_every_row_and_the_stream_alone(open_engine: Open, history: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(Path(folder))
        for kind, words in history:
            perform(engine, kind, words)
        before, news = contents(engine), _stream_length(engine)
        steps = [{"Put": a_put("a", {"S": "x"}, {})}, {"Update": an_update("b", {})}, {"Delete": key("c")}]
        failing = {"ConditionCheck": {**key("nobody"), "ConditionExpression": "attribute_exists(pk)"}}
        with pytest.raises(ClientError):
            engine.dynamodb().transact_write_items(TransactItems=[*steps, failing])
        assert contents(engine) == before
        assert _stream_length(engine) == news


def test_a_clean_restart_keeps_everything(open_engine: Open, tmp_path: Path) -> None:
    engine = open_engine(tmp_path)
    put(engine, "a", "b")
    engine.close()
    assert names(open_engine(tmp_path)) == ["a", "b"]


def test_a_change_that_the_snapshot_has_is_not_made_again(open_engine: Open, tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "first")
    engine.dynamodb().update_item(**an_update("a", {}))
    journal_then = (engine.folder.path / "journal").read_bytes()
    folder = killed(engine, tmp_path / "second")
    open_engine(folder).close()
    # As if the process had died after the snapshot took its name and before the journal was cleared.
    (folder / "journal").write_bytes(journal_then)
    assert contents(open_engine(folder))[CATALOG] == [a_row("a", n={"N": "1"})]


def test_reading_leaves_the_journal_alone(engine: Engine) -> None:
    put(engine, "a")
    before = (engine.folder.path / "journal").stat().st_size
    client = engine.dynamodb()
    client.get_item(**key("a"))
    client.scan(TableName=CATALOG)
    client.batch_get_item(RequestItems={CATALOG: {"Keys": [a_row("a")]}})
    client.transact_get_items(TransactItems=[{"Get": key("a")}])
    client.describe_table(TableName=CATALOG)
    assert (engine.folder.path / "journal").stat().st_size == before


def test_a_write_that_the_disk_refuses_is_refused_and_undone(
    open_engine: Open, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(engine, "a")

    def full(file: int, line: bytes) -> int:
        return _write(file, line[:10])

    with monkeypatch.context() as patch:
        patch.setattr(journal.os, "write", full)
        with pytest.raises(ClientError, match="could not be kept"):
            put(engine, "b")
    assert names(engine) == ["a"]
    put(engine, "c")
    assert names(open_engine(killed(engine, tmp_path / "second"))) == ["a", "c"]


_write = os.write


def test_a_table_that_is_no_longer_ours_keeps_its_rows(open_engine: Open, tmp_path: Path) -> None:
    engine = open_engine(tmp_path)
    engine.dynamodb().create_table(
        TableName="other",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
    )
    engine.dynamodb().put_item(TableName="other", Item={"k": {"S": "1"}})
    engine.close()
    open_engine(tmp_path).close()
    assert contents(open_engine(tmp_path))["other"] == [{"k": {"S": "1"}}]


def test_what_comes_back_from_a_snapshot_is_no_news_to_the_stream(open_engine: Open, tmp_path: Path) -> None:
    engine = open_engine(tmp_path)
    put(engine, "a")
    engine.close()
    open_engine(tmp_path).close()
    assert _stream_length(open_engine(tmp_path)) == 0


def _stream_length(engine: Engine) -> int:
    from moto.dynamodb.models import dynamodb_backends

    shard = dynamodb_backends[engine.backends.account]["us-east-1"].tables[CATALOG].stream_shard
    assert shard is not None
    return len(shard.items)
