from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.aws.dynamodb.expressions import equals
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.usage import track_usage
from chalicelib.core.errors import Unavailable
from tests.support.engine import Tables
from tests.support.faults import Faults, altered
from tests.support.table_rows import fill, key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ALL = equals("pk", "p")


def test_a_query_continues_after_a_page_of_one_megabyte(table: Table) -> None:
    rows = fill(table, 8, text="x" * 300_000)
    with track_usage() as usage:
        assert list(table.query(ALL)) == rows
    assert usage.round_trips > 1


def test_a_query_reads_a_page_only_when_a_row_of_it_is_requested(table: Table) -> None:
    rows = fill(table, 9)
    with track_usage() as usage:
        rows_read = table.query(ALL, page_size=3)
        assert usage.round_trips == 0
        assert list(islice(rows_read, 3)) == rows[:3]
        assert usage.round_trips == 1
        assert next(rows_read) == rows[3]
        assert usage.round_trips == 2


def test_a_count_continues_after_a_page_of_one_megabyte(table: Table) -> None:
    fill(table, 8, text="x" * 300_000)
    assert table.count(ALL) == 8
    assert table.count(ALL, limit=7) == 7


def test_keys_are_read_in_batches_of_one_hundred(table: Table) -> None:
    rows = fill(table, 250)
    with track_usage() as usage:
        found = table.get_many(key(number) for number in range(251))
    assert sorted(found, key=lambda row: row["number"]) == rows
    assert usage.round_trips == 3


def test_reading_no_keys_makes_no_call(table: Table) -> None:
    with track_usage() as usage:
        assert table.get_many([]) == []
    assert usage.round_trips == 0


def with_unprocessed_keys(count: int, name: str) -> Any:
    """A response with `count` rows and the other keys as unprocessed, as DynamoDB sends it under load."""

    def change(response: dict[str, Any]) -> None:
        found = response["Responses"][name]
        unprocessed = [{"pk": row["pk"], "sk": row["sk"]} for row in found[count:]]
        response["Responses"][name] = found[:count]
        response["UnprocessedKeys"] = {name: {"Keys": unprocessed, "ConsistentRead": True}}

    return altered(change)


def test_unprocessed_keys_are_read_again(table: Table, tables: Tables, faults: Faults) -> None:
    rows = fill(table, 30)
    faults.on(1, with_unprocessed_keys(10, tables.catalog)).on(2, with_unprocessed_keys(0, tables.catalog))
    found = table.get_many(key(number) for number in range(30))
    assert sorted(found, key=lambda row: row["number"]) == rows


def test_keys_that_always_stay_unprocessed_raise_unavailable(table: Table, tables: Tables, faults: Faults) -> None:
    fill(table, 3)
    faults.always(with_unprocessed_keys(0, tables.catalog))
    with pytest.raises(Unavailable):
        table.get_many(key(number) for number in range(3))


def test_rows_of_other_writers_are_read(client: DynamoDBClient, table: Table, tables: Tables) -> None:
    client.put_item(TableName=tables.catalog, Item={"pk": {"S": "p"}, "sk": {"S": "s"}, "n": {"N": "1.50"}})
    assert table.get({"pk": "p", "sk": "s"}) == {"pk": "p", "sk": "s", "n": 1.5}
