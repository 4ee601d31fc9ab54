"""Tests that run against `Table` and `FakeTable`: the fake must behave like the real table."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.expressions import (
    Condition,
    UpdateExpression,
    absent,
    all_of,
    any_of,
    between,
    contains,
    equals,
    exists,
)
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import ConditionCheck, Delete, Put, Step, Update, Write
from chalicelib.core.errors import AlreadyExists, ApiError, Conflict, NotFound, PreconditionFailed, Unavailable
from tests.support.fake_table import FakeTable
from tests.support.table_rows import fill, key

ALL = equals("pk", "p")
A = {"pk": "p", "sk": "a"}
B = {"pk": "p", "sk": "b"}
C = {"pk": "p", "sk": "c"}


def reporting(kind: type[ApiError]) -> Callable[[Item | None], ApiError]:
    """Returns a factory of errors that report the existing row."""
    return lambda row: kind(details={"existing": row})


def existing_row(failed: pytest.ExceptionInfo[ApiError]) -> Any:
    assert failed.value.details is not None
    return failed.value.details["existing"]


@pytest.mark.parametrize(
    "name", ["get", "get_many", "query", "query_page", "count", "write", "transact", "delete_many"]
)
def test_each_method_of_the_fake_has_parameters_of_the_real_method(name: str) -> None:
    real, fake = (inspect.signature(getattr(table, name)).parameters for table in (Table, FakeTable))
    # The fake has no time limits.
    assert {parameter: (p.kind, p.default) for parameter, p in fake.items()} == {
        parameter: (p.kind, p.default) for parameter, p in real.items() if parameter != "check_deadline"
    }


def test_a_missing_row_is_none(either_table: Table) -> None:
    assert either_table.get(key(1)) is None
    assert either_table.get(key(1), consistent=False) is None


def test_rows_have_only_the_attributes_that_were_written(either_table: Table) -> None:
    (row,) = fill(either_table, 1)
    assert either_table.get(key(0)) == row
    assert either_table.get_many([key(0)]) == [row]
    assert list(either_table.query(ALL)) == [row]


@pytest.mark.parametrize("page_size", [None, 1, 2, 3, 7, 8, 100])
@pytest.mark.parametrize("descending", [False, True])
def test_a_query_returns_each_row_once_in_order_with_any_page_size(
    either_table: Table, page_size: int | None, descending: bool
) -> None:
    rows = fill(either_table, 7)
    found = list(either_table.query(ALL, page_size=page_size, descending=descending))
    assert found == (rows[::-1] if descending else rows)


def test_a_query_returns_only_rows_of_its_partition_and_range(either_table: Table) -> None:
    rows = fill(either_table, 5)
    either_table.write(Put(key(2, pk="q")))
    assert list(either_table.query(all_of(ALL, between("sk", "0001", "0003")))) == rows[1:4]
    assert list(either_table.query(equals("pk", "other"))) == []


def test_pages_without_a_match_do_not_end_a_query(either_table: Table) -> None:
    rows = fill(either_table, 9)
    assert list(either_table.query(ALL, filter_by=equals("number", 8), page_size=2)) == rows[8:]


def test_a_query_of_an_index_returns_only_the_rows_in_the_index(either_table: Table) -> None:
    fill(either_table, 2)
    either_table.write(Put({**key(5), "ns": "n", "name_key": "b", "search_text": "blue"}))
    either_table.write(Put({**key(6), "ns": "n", "name_key": "a", "search_text": "red"}))
    found = either_table.query(equals("ns", "n"), index="by_name")
    assert [row["name_key"] for row in found] == ["a", "b"]
    filter_by = contains("search_text", "lu")
    assert [row["name_key"] for row in either_table.query(equals("ns", "n"), filter_by=filter_by, index="by_name")] == [
        "b"
    ]


def test_a_count_is_the_number_of_rows(either_table: Table) -> None:
    fill(either_table, 5)
    assert either_table.count(ALL) == 5
    assert either_table.count(equals("pk", "other")) == 0


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (4, 4), (5, 5), (9, 5)])
def test_a_count_stops_at_its_limit(either_table: Table, limit: int, expected: int) -> None:
    fill(either_table, 5)
    assert either_table.count(ALL, limit=limit) == expected


def test_a_duplicate_key_is_read_once(either_table: Table) -> None:
    rows = fill(either_table, 1)
    assert either_table.get_many([key(0), {"sk": "0000", "pk": "p"}, key(0)]) == rows


def test_a_put_replaces_the_existing_row(either_table: Table) -> None:
    assert either_table.write(Put({**A, "old": 1})) is None
    assert either_table.write(Put({**A, "new": 2})) is None
    assert either_table.get(A) == {**A, "new": 2}


def test_a_put_with_a_failed_condition_changes_nothing_and_reports_the_existing_row(either_table: Table) -> None:
    either_table.write(Put({**A, "n": 1}))
    with pytest.raises(AlreadyExists) as failed:
        either_table.write(Put({**A, "n": 2}, absent("pk"), reporting(AlreadyExists)))
    assert existing_row(failed) == {**A, "n": 1} == either_table.get(A)


def test_an_update_returns_the_new_row(either_table: Table) -> None:
    either_table.write(Put({**A, "n": 1, "kept": "yes"}))
    new = either_table.write(Update(A, UpdateExpression(set={"n": 2}), equals("n", 1)))
    assert new == {**A, "n": 2, "kept": "yes"}


def test_an_update_of_a_missing_row_does_not_create_it(either_table: Table) -> None:
    with pytest.raises(NotFound) as failed:
        either_table.write(Update(A, UpdateExpression(set={"n": 2}), exists("pk"), reporting(NotFound)))
    assert existing_row(failed) is None
    assert either_table.get(A) is None


def test_an_update_creates_a_missing_row_if_the_condition_allows_it(either_table: Table) -> None:
    count = Update(A, UpdateExpression(add={"n": 1}), any_of(absent("pk"), exists("pk")))
    assert [either_table.write(count), either_table.write(count)] == [{**A, "n": 1}, {**A, "n": 2}]


def test_a_delete_returns_the_deleted_row(either_table: Table) -> None:
    either_table.write(Put({**A, "n": 1}))
    assert either_table.write(Delete(A)) == {**A, "n": 1}
    assert either_table.write(Delete(A)) is None
    assert either_table.get(A) is None


def test_a_delete_with_a_failed_condition_leaves_the_row(either_table: Table) -> None:
    either_table.write(Put({**A, "n": 1}))
    with pytest.raises(PreconditionFailed) as failed:
        either_table.write(Delete(A, equals("n", 2), reporting(PreconditionFailed)))
    assert existing_row(failed) == {**A, "n": 1} == either_table.get(A)


@pytest.mark.parametrize(
    "step",
    [Put(A, exists("pk")), Update(A, UpdateExpression(), exists("pk")), Delete(A, exists("pk"))],
    ids=lambda step: type(step).__name__,
)
def test_a_failed_condition_without_an_error_factory_is_unavailable(either_table: Table, step: Write) -> None:
    with pytest.raises(Unavailable):
        either_table.write(step)
    with pytest.raises(Unavailable):
        either_table.transact([step])


def test_a_transaction_applies_all_its_writes(either_table: Table) -> None:
    either_table.write(Put({**B, "n": 1}))
    either_table.write(Put(C))
    either_table.transact(
        [
            Put({**A, "n": 1}, absent("pk")),
            Update(B, UpdateExpression(add={"n": 1}), exists("pk")),
            Delete(C, exists("pk")),
            ConditionCheck({"pk": "p", "sk": "d"}, absent("pk")),
        ]
    )
    assert [either_table.get(key) for key in (A, B, C)] == [{**A, "n": 1}, {**B, "n": 2}, None]


def test_a_transaction_with_a_failed_condition_applies_no_write(either_table: Table) -> None:
    either_table.write(Put({**B, "n": 1}))
    with pytest.raises(AlreadyExists):
        either_table.transact([Put(A), Delete(B), Put(C, exists("pk"), reporting(AlreadyExists))])
    assert [either_table.get(key) for key in (A, B, C)] == [None, {**B, "n": 1}, None]


STEPS: list[Step] = [
    Put(A, absent("pk"), reporting(AlreadyExists)),
    Update(B, UpdateExpression(add={"n": 1}), equals("n", 1), reporting(PreconditionFailed)),
    Delete(C, exists("pk"), reporting(NotFound)),
    ConditionCheck({"pk": "p", "sk": "d"}, absent("locked"), reporting(Conflict)),
]
# For each step: its error, and the row (None: a missing row) that makes only the condition of this step fail.
FAILING: list[tuple[type[ApiError], dict[str, Any] | None]] = [
    (AlreadyExists, {**A, "by": "another"}),
    (PreconditionFailed, {**B, "n": 7}),
    (NotFound, None),
    (Conflict, {"pk": "p", "sk": "d", "locked": True}),
]


@pytest.mark.parametrize("position", range(len(STEPS)))
def test_each_failed_step_of_a_transaction_raises_its_own_error(either_table: Table, position: int) -> None:
    either_table.write(Put({**B, "n": 1}))
    either_table.write(Put(C))
    error, row = FAILING[position]
    either_table.write(Put(row) if row else Delete(C))
    with pytest.raises(error) as failed:
        either_table.transact(STEPS)
    assert existing_row(failed) == row


def test_a_transaction_raises_the_error_of_its_first_failed_step(either_table: Table) -> None:
    either_table.write(Put(A))
    with pytest.raises(AlreadyExists):
        either_table.transact(STEPS)


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
def test_any_number_of_rows_is_read_and_deleted(either_table: Table, count: int) -> None:
    rows = fill(either_table, count)
    keys = [key(number) for number in range(count)]
    found = either_table.get_many([*keys, key(9999)])
    assert sorted(found, key=lambda row: str(row["sk"])) == rows
    assert either_table.delete_many(keys) == count
    assert either_table.get_many(keys) == []


def test_deleting_many_rows_returns_the_number_of_distinct_keys_even_if_rows_are_missing(either_table: Table) -> None:
    fill(either_table, 2)
    assert either_table.delete_many([key(0), key(0), key(7)]) == 2
    assert either_table.count(ALL) == 1


@pytest.mark.parametrize("limit", [1, 2, 5, 9])
def test_one_page_has_the_first_rows_up_to_its_limit(either_table: Table, limit: int) -> None:
    rows = fill(either_table, 5)
    assert either_table.query_page(ALL, limit) == rows[:limit]
    assert either_table.query_page(equals("pk", "other"), limit) == []


def test_rows_have_only_the_attributes_that_a_query_names(either_table: Table) -> None:
    fill(either_table, 2, text="x")
    expected = [{"sk": "0000", "number": 0}, {"sk": "0001", "number": 1}]
    assert list(either_table.query(ALL, attributes=("sk", "number", "missing"))) == expected
    assert either_table.query_page(ALL, 2, attributes=("sk", "number")) == expected
    assert list(either_table.query(ALL, filter_by=equals("number", 1), attributes=("sk",))) == [{"sk": "0001"}]


@pytest.mark.parametrize("descending", [False, True])
def test_a_query_reads_each_page_when_its_first_row_is_requested(either_table: Table, descending: bool) -> None:
    fill(either_table, 6)
    rows = either_table.query(ALL, page_size=2, descending=descending)
    either_table.write(Delete(key(5)))
    either_table.write(Delete(key(0)))
    assert [row["number"] for row in islice(rows, 2)] == ([4, 3] if descending else [1, 2])
    either_table.write(Delete(key(3)))
    either_table.write(Delete(key(2)))
    either_table.write(Put({**key(0), "number": 0}))
    assert [row["number"] for row in rows] == ([1, 0] if descending else [4])


def test_a_query_with_a_filter_reads_rows_of_all_pages(either_table: Table) -> None:
    rows = fill(either_table, 7)
    wanted = any_of(equals("number", 0), equals("number", 5))
    assert list(either_table.query(ALL, filter_by=wanted, page_size=2, descending=True)) == [rows[5], rows[0]]


@pytest.mark.parametrize("page_size", [None, 1, 2])
def test_an_index_is_queried_in_pages_and_in_both_directions(either_table: Table, page_size: int | None) -> None:
    for number, name in enumerate("cab"):
        either_table.write(Put({**key(number), "ns": "n", "name_key": name}))
    for descending in (False, True):
        found = either_table.query(equals("ns", "n"), index="by_name", page_size=page_size, descending=descending)
        assert "".join(row["name_key"] for row in found) == ("cba" if descending else "abc")


def test_a_row_is_stored_without_attributes_that_are_none_and_with_whole_numbers_as_int(either_table: Table) -> None:
    either_table.write(Put({**A, "gone": None, "list": [None, 2.0, True], "deep": {"n": 1.5, "none": None}}))
    row = either_table.get(A)
    assert row == {**A, "list": [None, 2, True], "deep": {"n": 1.5, "none": None}}
    assert row is not None
    assert [type(member) for member in row["list"]] == [type(None), int, bool]


def test_true_replaces_one(either_table: Table) -> None:
    either_table.write(Put({**A, "n": 1}))
    either_table.write(Put({**A, "n": True}))
    row = either_table.get(A)
    assert row is not None
    assert row["n"] is True


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object()])
def test_values_that_dynamodb_cannot_store_raise_an_error(either_table: Table, value: object) -> None:
    with pytest.raises(TypeError):
        either_table.write(Put({**A, "value": value}))
    assert either_table.get(A) is None


def test_rows_are_copies(either_table: Table) -> None:
    given: dict[str, Any] = {**A, "list": [1]}
    either_table.write(Put(given))
    given["list"].append(2)
    reads: list[Callable[[], Any]] = [
        lambda: either_table.get(A),
        lambda: either_table.get_many([A])[0],
        lambda: next(either_table.query(ALL)),
        lambda: either_table.query_page(ALL, 1)[0],
        lambda: either_table.write(Update(A, UpdateExpression(), exists("pk"))),
    ]
    for read in reads:
        row = read()
        assert row["list"] == [1]
        row["list"].append(3)
    assert either_table.get(A) == {**A, "list": [1]}


def test_writes_return_the_new_row_of_an_update_and_the_old_row_of_a_delete(either_table: Table) -> None:
    assert either_table.write(Put({**A, "n": 1, "m": 1})) is None
    update = UpdateExpression(set={"n": None, "o": 2}, add={"m": 2, "p": 3}, remove=(name for name in ["q"]))
    assert either_table.write(Update(A, update, exists("pk"))) == {**A, "m": 3, "o": 2, "p": 3}
    assert either_table.write(Delete(A, exists("pk"))) == {**A, "m": 3, "o": 2, "p": 3}


def test_an_update_in_a_transaction_sets_adds_and_removes(either_table: Table) -> None:
    either_table.write(Put({**A, "n": 1, "old": "x"}))
    update = UpdateExpression(set={"s": "new"}, add={"n": 4}, remove=["old"])
    either_table.transact([Update(A, update, equals("n", 1)), ConditionCheck(B, absent("pk")), Delete(C)])
    assert either_table.get(A) == {**A, "n": 5, "s": "new"}


@pytest.mark.parametrize("condition", [equals("n", "1"), contains("n", 1)])
def test_a_number_does_not_match_values_of_other_types(either_table: Table, condition: Condition) -> None:
    either_table.write(Put({**A, "n": 1}))
    with pytest.raises(Conflict):
        either_table.write(Put(A, condition, reporting(Conflict)))


def test_a_failed_condition_check_reports_the_existing_row(either_table: Table) -> None:
    either_table.write(Put({**A, "n": 1}))
    with pytest.raises(Conflict) as failed:
        either_table.transact([Put(B), ConditionCheck(A, equals("n", 2), reporting(Conflict))])
    assert existing_row(failed) == {**A, "n": 1}
    assert either_table.get(B) is None
