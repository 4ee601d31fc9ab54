"""A query of the table or of an index has the same result as without the patch, and compares few of the keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

from chalicelib.local.client import local_client
from chalicelib.local.moto import rows
from chalicelib.local.moto.backends import Backends
from chalicelib.local.tables import create_tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OBJECTS = "objects"
INDEXES = {None: "object_id", "by_created": "created_key", "by_size": "size_key"}


class Moto:
    """The application's tables in moto."""

    def __init__(self) -> None:
        self.backends = Backends()
        self.client: DynamoDBClient = local_client()
        self.backends.attach(self.client)
        create_tables(self.client, catalog="catalog", objects=OBJECTS)

    def put(self, row: dict[str, Any]) -> None:
        """Puts a row without a request."""
        rows.put_row(self.backends.account, OBJECTS, row)

    def empty(self) -> None:
        """Deletes every row."""
        for row in list(rows.rows_of(self.backends.account, OBJECTS)):
            self.client.delete_item(TableName=OBJECTS, Key={name: row[name] for name in ("bucket_id", "object_id")})

    def pages(self, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields the pages of a query."""
        start: dict[str, Any] | None = {}
        while start is not None:
            page: Any = self.client.query(TableName=OBJECTS, **{**query, **start})
            yield page
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]} if "LastEvaluatedKey" in page else None


@pytest.fixture
def moto() -> Iterator[Moto]:
    made = Moto()
    yield made
    rows.delete_tables(made.backends.account)


IDS = st.sampled_from(["a", "ab", "b", "c", "\u00e4", "\U0001f600", "\uffee"])
KEYS = st.builds(
    lambda bucket, name: {"bucket_id": {"S": bucket}, "object_id": {"S": name}}, st.sampled_from("pq"), IDS
)
TEXTS = st.builds(lambda text: {"S": text}, IDS)
# Attributes by which indexes sort, and others. A row without one of the first is not in its index.
ATTRIBUTES = st.fixed_dictionaries(
    {}, optional={"created_key": TEXTS, "size_key": TEXTS, "extra": st.just({"M": {"n": {"N": "1.50"}}})}
)
ROWS = st.builds(lambda key, attributes: {**key, **attributes}, KEYS, ATTRIBUTES)


def change(name: str, value: dict[str, Any] | None) -> dict[str, Any]:
    """The parameters of an update that sets or removes an attribute."""
    if value is None:
        return {"UpdateExpression": f"REMOVE {name}"}
    return {"UpdateExpression": f"SET {name} = :value", "ExpressionAttributeValues": {":value": value}}


CHANGES = st.builds(change, st.sampled_from(["created_key", "size_key", "extra"]), st.none() | TEXTS)
PUTS = st.builds(lambda row: {"Put": {"TableName": OBJECTS, "Item": row}}, ROWS)
UPDATES = st.builds(lambda key, update: {"Update": {"TableName": OBJECTS, "Key": key, **update}}, KEYS, CHANGES)
DELETES = st.builds(lambda key: {"Delete": {"TableName": OBJECTS, "Key": key}}, KEYS)
WRITES = PUTS | UPDATES | DELETES
IMPOSSIBLE = {
    "ConditionCheck": {
        "TableName": OBJECTS,
        "Key": {"bucket_id": {"S": "none"}, "object_id": {"S": "none"}},
        "ConditionExpression": "attribute_exists(bucket_id)",
    }
}
# An update that moto rejects after it has created the row.
LATE = {"UpdateExpression": "DELETE extra :value", "ExpressionAttributeValues": {":value": {"N": "1"}}}
REJECTED = st.builds(lambda key: {"Update": {"TableName": OBJECTS, "Key": key, **LATE}}, KEYS)


def condition(index: str | None, operator: str, low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a query of a partition with a condition on the sort key."""
    name = INDEXES[index]
    text = operator.format(name=name) if operator else ""
    used = {key: value for key, value in ((":low", low), (":high", high)) if key in text}
    return {
        "KeyConditionExpression": f"bucket_id = :p{text}",
        "ExpressionAttributeValues": {":p": {"S": "p"}, **used},
        **({"IndexName": index} if index else {}),
    }


OPERATORS = [
    "",
    " AND {name} = :low",
    " AND {name} < :low",
    " AND {name} <= :low",
    " AND {name} > :low",
    " AND {name} >= :low",
    " AND {name} BETWEEN :low AND :high",
    " AND begins_with({name}, :low)",
]
CONDITIONS = st.builds(condition, st.sampled_from(list(INDEXES)), st.sampled_from(OPERATORS), TEXTS, TEXTS)
OPTIONS = st.fixed_dictionaries(
    {"ScanIndexForward": st.booleans()},
    optional={"Limit": st.integers(1, 4), "FilterExpression": st.just("attribute_exists(extra)")},
)
QUERIES = st.builds(lambda where, options: {"Query": {**where, **options}}, CONDITIONS, OPTIONS)
TRANSACTIONS = st.lists(WRITES, min_size=1, max_size=3).map(lambda writes: {"Transaction": writes})
CANCELLED = st.lists(WRITES, min_size=1, max_size=3).map(lambda writes: {"Transaction": [*writes, IMPOSSIBLE]})
STEPS = st.lists(WRITES | REJECTED | TRANSACTIONS | CANCELLED | QUERIES, max_size=25)


def perform(moto: Moto, step: dict[str, Any]) -> None:
    """Performs a write, which may be rejected."""
    ((kind, parameters),) = step.items()
    calls: dict[str, Any] = {
        "Put": moto.client.put_item,
        "Update": moto.client.update_item,
        "Delete": moto.client.delete_item,
        "Transaction": lambda writes: moto.client.transact_write_items(TransactItems=writes),
    }
    try:
        calls[kind](parameters) if kind == "Transaction" else calls[kind](**parameters)
    except ClientError:
        assert kind in ("Update", "Transaction")


def check(moto: Moto, query: dict[str, Any]) -> None:
    """Compares the pages of a query with those that moto alone finds."""
    pages = list(moto.pages(query))
    original: Any = Table.query
    with patch.object(Table, "query", original.__wrapped__):
        expected = list(moto.pages(query))
    if "AND" not in query["KeyConditionExpression"]:
        for name in ("Items", "Count", "ScannedCount", "LastEvaluatedKey"):
            assert [page.get(name) for page in pages] == [page.get(name) for page in expected]
    # With a condition on the sort key, a page that ends with the last match may have a LastEvaluatedKey.
    assert [row for page in pages for row in page["Items"]] == [row for page in expected for row in page["Items"]]


@settings(max_examples=150)
@given(steps=STEPS, last=st.lists(QUERIES, min_size=1, max_size=3))
def test_pages_are_the_same_as_without_the_patch_after_any_writes(
    moto: Moto, steps: list[dict[str, Any]], last: list[dict[str, Any]]
) -> None:
    moto.empty()
    for step in [*steps, *last]:
        check(moto, step["Query"]) if "Query" in step else perform(moto, step)


@pytest.mark.parametrize("start", [{"bucket_id": "q", "object_id": "a"}, {"bucket_id": "p", "object_id": "none"}])
@pytest.mark.parametrize("forward", [True, False])
def test_a_page_may_start_at_any_key(moto: Moto, start: dict[str, str], forward: bool) -> None:
    for name in "dabc":
        moto.put({"bucket_id": {"S": "p"}, "object_id": {"S": name}})
    query = condition(None, "", {}, {})
    key = {name: {"S": text} for name, text in start.items()}
    check(moto, {**query, "ScanIndexForward": forward, "ExclusiveStartKey": key, "Limit": 2})


@pytest.mark.parametrize("start", [None, {"bucket_id": "p", "object_id": "0"}, {"bucket_id": "o", "object_id": "z"}])
@pytest.mark.parametrize("index", INDEXES)
def test_a_page_without_a_limit_ends_after_a_megabyte(moto: Moto, index: str | None, start: Any) -> None:
    for number in range(120):
        names = {name: {"S": f"{number:03}"} for name in INDEXES.values()}
        moto.put({"bucket_id": {"S": "p"}, **names, "text": {"S": "x" * 20_000}})
    key = {name: {"S": text} for name, text in start.items()} if start else {}
    more = {"ExclusiveStartKey": {**key, **({INDEXES[index]: {"S": "0"}} if index else {})}} if start else {}
    for operator in ("", OPERATORS[4]):
        query = {**condition(index, operator, {"S": "005"}, {}), **more}
        assert len(list(moto.pages(query))) == 3
        check(moto, query)


def test_a_row_whose_key_of_an_index_is_no_string_is_left_to_moto(moto: Moto) -> None:
    key = {"bucket_id": {"S": "p"}, "object_id": {"S": "a"}}
    moto.put({**key, "size_key": {"N": "1"}})
    query = condition("by_size", "", {}, {})
    check(moto, query)
    assert [len(page["Items"]) for page in moto.pages(query)] == [1]
    moto.put({**key, "size_key": {"S": "1"}})
    moto.put({**key, "object_id": {"S": "b"}, "size_key": {"S": "0"}})
    check(moto, query)


def test_rows_that_replace_all_others_are_found(moto: Moto) -> None:
    moto.put({"bucket_id": {"S": "p"}, "object_id": {"S": "a"}})
    query = condition(None, "", {}, {})
    assert [len(page["Items"]) for page in moto.pages(query)] == [1]
    table = dynamodb_backends[moto.backends.account]["us-east-1"].tables[OBJECTS]
    table.items = type(table.items)(dict)
    assert [len(page["Items"]) for page in moto.pages(query)] == [0]


class Counted(str):
    """A text that counts how often it is compared."""

    compared = 0

    def __lt__(self, other: str) -> bool:
        Counted.compared += 1
        return str.__lt__(self, other)

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def comparisons(moto: Moto, count: int, query: dict[str, Any]) -> int:
    """Returns how often keys are compared for a page of a partition with this many rows."""
    moto.empty()
    for number in range(count):
        keys = {name: {"S": Counted(f"{number:06}")} for name in INDEXES.values()}
        moto.put({"bucket_id": {"S": "p"}, **keys})
    moto.client.query(TableName=OBJECTS, **query)  # the first query sorts the rows
    Counted.compared = 0
    counted = {name: _counting(getattr(DynamoType, name)) for name in ("compare", "__lt__", "__eq__", "__ne__")}
    with patch.multiple(DynamoType, **counted):
        moto.client.query(TableName=OBJECTS, **query)
    return Counted.compared


def _counting(original: Any) -> Any:
    def compare(*arguments: Any) -> Any:
        Counted.compared += 1
        return original(*arguments)

    return compare


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("forward", [True, False])
def test_a_page_of_a_large_partition_needs_a_few_comparisons_more_than_one_of_a_small(
    moto: Moto, index: str | None, forward: bool
) -> None:
    start = {name: {"S": "000030"} for name in ("object_id", INDEXES[index])} | {"bucket_id": {"S": "p"}}
    query = {
        **condition(index, OPERATORS[6], {"S": "000010"}, {"S": "000050"}),
        "ScanIndexForward": forward,
        "ExclusiveStartKey": start,
        "Limit": 5,
    }
    few, many = comparisons(moto, 64, query), comparisons(moto, 4096, query)
    # Each of three binary searches halves the rows six times more, and compares up to two values each time.
    assert few < many <= few + 3 * 6 * 2
