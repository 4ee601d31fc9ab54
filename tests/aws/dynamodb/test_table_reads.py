from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.aws.dynamodb.expressions import all_of, between, contains, equals
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Put
from chalicelib.aws.usage import track_usage
from chalicelib.core.errors import Unavailable
from tests.support.engine import Tables
from tests.support.faults import Faults, altered

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ALL = equals("pk", "p")


def key(number: int, pk: str = "p") -> dict[str, str]:
    return {"pk": pk, "sk": f"{number:04}"}


def fill(table: Table, count: int, **more: Any) -> list[dict[str, Any]]:
    """Rows of one partition, in the order of their keys, written in another."""
    rows = [{**key(number), "number": number, **more} for number in range(count)]
    for row in reversed(rows):
        table.write(Put(row))
    return rows


def test_a_row_that_is_not_there_is_none(table: Table) -> None:
    assert table.get(key(1)) is None
    assert table.get(key(1), consistent=False) is None


def test_rows_show_nothing_but_what_was_put(table: Table) -> None:
    (row,) = fill(table, 1)
    assert table.get(key(0)) == row
    assert table.get_many([key(0)]) == [row]
    assert list(table.query(ALL)) == [row]


@pytest.mark.parametrize("page_size", [None, 1, 2, 3, 7, 8, 100])
@pytest.mark.parametrize("descending", [False, True])
def test_a_query_gives_every_row_once_in_order_whatever_the_page(
    table: Table, page_size: int | None, descending: bool
) -> None:
    rows = fill(table, 7)
    found = list(table.query(ALL, page_size=page_size, descending=descending))
    assert found == (rows[::-1] if descending else rows)


def test_a_query_stays_in_its_partition_and_range(table: Table) -> None:
    rows = fill(table, 5)
    table.write(Put(key(2, pk="q")))
    assert list(table.query(all_of(ALL, between("sk", "0001", "0003")))) == rows[1:4]
    assert list(table.query(equals("pk", "nobody"))) == []


def test_a_query_goes_on_beyond_a_megabyte(table: Table) -> None:
    rows = fill(table, 8, text="x" * 300_000)
    with track_usage() as meter:
        assert list(table.query(ALL)) == rows
    assert meter.round_trips > 1


def test_pages_without_a_match_do_not_end_a_query(table: Table) -> None:
    rows = fill(table, 9)
    assert list(table.query(ALL, filter_by=equals("number", 8), page_size=2)) == rows[8:]


def test_a_query_fetches_no_more_than_is_asked_for(table: Table) -> None:
    rows = fill(table, 9)
    with track_usage() as meter:
        walk = table.query(ALL, page_size=3)
        assert meter.round_trips == 0
        assert list(islice(walk, 3)) == rows[:3]
        assert meter.round_trips == 1
        assert next(walk) == rows[3]
        assert meter.round_trips == 2


def test_a_query_of_an_index_sees_only_the_rows_that_are_in_it(table: Table) -> None:
    fill(table, 2)
    table.write(Put({**key(5), "ns": "n", "name_key": "b", "search_text": "blue"}))
    table.write(Put({**key(6), "ns": "n", "name_key": "a", "search_text": "red"}))
    found = table.query(equals("ns", "n"), index="by_name")
    assert [row["name_key"] for row in found] == ["a", "b"]
    filter_by = contains("search_text", "lu")
    assert [row["name_key"] for row in table.query(equals("ns", "n"), filter_by=filter_by, index="by_name")] == ["b"]


def test_a_count_is_the_number_of_rows(table: Table) -> None:
    fill(table, 5)
    assert table.count(ALL) == 5
    assert table.count(equals("pk", "nobody")) == 0


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (4, 4), (5, 5), (9, 5)])
def test_a_count_stops_at_its_limit(table: Table, limit: int, expected: int) -> None:
    fill(table, 5)
    assert table.count(ALL, limit=limit) == expected


def test_a_count_goes_on_beyond_a_megabyte(table: Table) -> None:
    fill(table, 8, text="x" * 300_000)
    assert table.count(ALL) == 8
    assert table.count(ALL, limit=7) == 7


def test_any_number_of_keys_is_read_a_hundred_at_a_time(table: Table) -> None:
    rows = fill(table, 250)
    with track_usage() as meter:
        found = table.get_many(key(number) for number in range(251))
    assert sorted(found, key=lambda row: row["number"]) == rows
    assert meter.round_trips == 3


def test_no_keys_cost_nothing(table: Table) -> None:
    with track_usage() as meter:
        assert table.get_many([]) == []
    assert meter.round_trips == 0


def test_a_key_named_twice_is_read_once(table: Table) -> None:
    rows = fill(table, 1)
    assert table.get_many([key(0), {"sk": "0000", "pk": "p"}, key(0)]) == rows


def keep_only(count: int, name: str) -> Any:
    """An answer that leaves some keys over, as DynamoDB does when it is loaded or the answer is large."""

    def change(answer: dict[str, Any]) -> None:
        found = answer["Responses"][name]
        over = [{"pk": row["pk"], "sk": row["sk"]} for row in found[count:]]
        answer["Responses"][name] = found[:count]
        answer["UnprocessedKeys"] = {name: {"Keys": over, "ConsistentRead": True}}

    return altered(change)


def test_keys_left_over_are_asked_for_again(table: Table, tables: Tables, faults: Faults) -> None:
    rows = fill(table, 30)
    faults.on(1, keep_only(10, tables.catalog)).on(2, keep_only(0, tables.catalog))
    found = table.get_many(key(number) for number in range(30))
    assert sorted(found, key=lambda row: row["number"]) == rows


def test_keys_that_are_always_left_over_end_in_busy(table: Table, tables: Tables, faults: Faults) -> None:
    fill(table, 3)
    faults.always(keep_only(0, tables.catalog))
    with pytest.raises(Unavailable):
        table.get_many(key(number) for number in range(3))


def test_what_is_written_elsewhere_is_read_too(client: DynamoDBClient, table: Table, tables: Tables) -> None:
    client.put_item(TableName=tables.catalog, Item={"pk": {"S": "p"}, "sk": {"S": "s"}, "n": {"N": "1.50"}})
    assert table.get({"pk": "p", "sk": "s"}) == {"pk": "p", "sk": "s", "n": 1.5}
