"""Any sequence of writes is restored from the journal."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.local.journal import storage
from tests.local.journal.conftest import (
    CATALOG,
    copy_as_after_a_kill,
    damaged_copies,
    opened,
    rows,
    rows_in,
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
