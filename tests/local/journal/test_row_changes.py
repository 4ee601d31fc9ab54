"""The journal has the rows that an update or a transaction has written, so that a start need not perform it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.local.engine import Engine
from chalicelib.local.journal.journal import JournalEntry
from chalicelib.local.journal.lines import read_lines
from chalicelib.local.journal.row_changes import as_rows
from chalicelib.local.moto.backends import Backends
from tests.local.journal.conftest import CATALOG, add, copy_as_after_a_kill, damaged_copies, opened, put, rows, rows_in


def targets(folder: Path) -> list[str]:
    """Returns the action of each entry of the journal."""
    return [target.partition(".")[2] for _, target, _ in read_lines(folder / "journal")]


def transact(engine: Engine, *steps: dict[str, Any]) -> None:
    items: Any = [{kind: {"TableName": CATALOG, **step} for kind, step in each.items()} for each in steps]
    engine.dynamodb().transact_write_items(TransactItems=items)


def key(sk: str) -> dict[str, Any]:
    return {"pk": {"S": "p"}, "sk": {"S": sk}}


def test_no_written_row_is_computed_again(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as engine:
        put(engine, "a")
        add(engine, "b")
        add(engine, "b")
        transact(
            engine,
            {"Put": {"Item": {**key("c"), "bytes": {"B": "AAH/"}, "deep": {"L": [{"M": {"n": {"N": "1.50"}}}]}}}},
            {"Update": {"Key": key("b"), "UpdateExpression": "REMOVE n"}},
            {"Delete": {"Key": key("a")}},
            {"ConditionCheck": {"Key": key("d"), "ConditionExpression": "attribute_not_exists(pk)"}},
        )
        before = rows(engine)
        killed = copy_as_after_a_kill(tmp_path / "data")
    assert targets(killed) == ["PutItem", "BatchWriteItem", "BatchWriteItem", "BatchWriteItem"]
    perform = Backends.perform

    def without_writes(backends: Backends, request: Any, *more: Any) -> Any:
        assert "Item" not in str(request.headers["X-Amz-Target"])
        return perform(backends, request, *more)

    with patch.object(Backends, "perform", without_writes):
        assert rows_in(killed) == before
    assert damaged_copies(killed) == []


def test_other_requests_are_performed_again(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as engine:
        transact(engine, *({"Put": {"Item": key(f"row-{number}")}} for number in range(30)))
        transact(engine, {"ConditionCheck": {"Key": key("d"), "ConditionExpression": "attribute_not_exists(pk)"}})
        before = rows(engine)
        killed = copy_as_after_a_kill(tmp_path / "data")
    assert targets(killed) == ["TransactWriteItems", "TransactWriteItems"]
    assert rows_in(killed) == before
    assert len(before[CATALOG]) == 30
    assert damaged_copies(killed) == []


def test_a_small_change_of_a_large_row_is_saved_as_it_is(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as engine:
        put(engine, "large", "x" * 300_000)
        add(engine, "large")
        before = rows(engine)
        killed = copy_as_after_a_kill(tmp_path / "data")
    assert targets(killed) == ["PutItem", "UpdateItem"]
    assert rows_in(killed) == before


@pytest.mark.parametrize("action", ["PutItem", "BatchWriteItem"])
def test_null_members_of_a_value_are_not_in_the_journal(tmp_path: Path, action: str) -> None:
    with opened(tmp_path / "data") as engine:
        put(engine, "a")
        account = engine.backends.account
        item = {**key("a"), "value": {"N": None, "S": "v"}}
        put_request = {"RequestItems": {CATALOG: [{"PutRequest": {"Item": item}}]}}
        body = {"TableName": CATALOG, "Item": item} if action == "PutItem" else put_request
        saved = as_rows(account, JournalEntry(f"DynamoDB_20120810.{action}", json.dumps(body)))
    assert json.loads(saved.body)["RequestItems"][CATALOG] == [
        {"PutRequest": {"Item": {**key("a"), "value": {"S": "v"}}}}
    ]
