from __future__ import annotations

from typing import Any

import pytest

from chalicelib.aws.dynamodb.expressions import (
    Condition,
    UpdateExpression,
    absent,
    all_of,
    any_of,
    at_least,
    at_most,
    begins_with,
    between,
    contains,
    differs,
    equals,
    exists,
    greater_than,
    has_size,
    less_than,
    negated,
)
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Put, Update
from chalicelib.core.errors import Conflict

KEY = {"pk": "p", "sk": "s"}
# All these names are reserved words of DynamoDB.
ROW = {**KEY, "name": "films", "size": 3, "status": "ready", "data": ["a", "b"]}

HOLDING = [
    exists("name"),
    absent("count"),
    equals("size", 3),
    equals("data", ["a", "b"]),
    differs("size", 4),
    differs("count", 4),
    less_than("size", 4),
    at_most("size", 3),
    greater_than("size", 2),
    at_least("size", 3),
    between("size", 3, 3),
    begins_with("name", "fi"),
    contains("name", "ilm"),
    contains("data", "b"),
    all_of(exists("name"), equals("size", 3)),
    any_of(absent("name"), equals("size", 3)),
    negated(equals("size", 4)),
    all_of(exists("name")),
    any_of(all_of(absent("name"), exists("size")), exists("data")),
    all_of(any_of(absent("name"), exists("size")), exists("data")),
    negated(all_of(exists("name"), absent("size"))),
    any_of(between("size", 1, 2), between("size", 3, 4)),
    all_of(between("size", 1, 3), between("size", 3, 4)),
]


def holds(table: Table, condition: Condition) -> bool:
    table.write(Put(ROW))
    try:
        table.write(Put(ROW, condition, lambda _: Conflict()))
    except Conflict:
        return False
    return True


@pytest.mark.parametrize("number", range(len(HOLDING)))
def test_a_condition_holds_and_its_negation_does_not(either_table: Table, number: int) -> None:
    condition = HOLDING[number]
    assert holds(either_table, condition)
    assert not holds(either_table, negated(condition))


@pytest.mark.parametrize(
    "condition",
    [
        absent("name"),
        equals("count", 1),
        differs("size", 3),
        less_than("size", 3),
        greater_than("size", 3),
        less_than("count", 3),
        between("size", 4, 5),
        begins_with("name", "Fi"),
        contains("data", "c"),
        all_of(exists("name"), exists("count")),
        any_of(absent("name"), exists("count")),
        all_of(any_of(exists("name"), exists("size")), absent("data")),
    ],
)
def test_a_condition_that_does_not_hold_fails(either_table: Table, condition: Condition) -> None:
    assert not holds(either_table, condition)


def test_a_combination_of_no_conditions_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one condition"):
        all_of()


def test_conditions_are_equal_and_hashable_by_value() -> None:
    assert all_of(exists("a"), equals("b", 1)) == all_of(exists("a"), equals("b", 1))
    assert len({exists("a"), exists("a"), exists("b")}) == 2


def updated(table: Table, update: UpdateExpression) -> dict[str, Any]:
    table.write(Put(ROW))
    row = table.write(Update(KEY, update, exists("pk")))
    assert row == table.get(KEY)
    assert row is not None
    return row


def test_an_update_sets_adds_and_removes_at_once(either_table: Table) -> None:
    update = UpdateExpression(
        set={"status": "locked", "comment": {"by": "us"}}, add={"size": -1, "count": 2}, remove=["data"]
    )
    assert updated(either_table, update) == {
        **KEY,
        "name": "films",
        "size": 2,
        "status": "locked",
        "comment": {"by": "us"},
        "count": 2,
    }


def test_adding_to_a_set_adds_the_missing_members_and_creates_the_set(either_table: Table) -> None:
    either_table.write(Put(ROW))
    for number in (7, 3, 7):
        row = either_table.write(Update(KEY, UpdateExpression(add={"done": frozenset({number})}), exists("pk")))
    assert row is not None
    assert row["done"] == {3, 7}
    assert either_table.get(KEY) == row


def test_the_size_of_a_set_is_the_number_of_its_members(either_table: Table) -> None:
    either_table.write(Put({**ROW, "done": frozenset({3, 7})}))
    update = UpdateExpression(set={"status": "closed"})
    with pytest.raises(Conflict):
        either_table.write(Update(KEY, update, has_size("done", 3), lambda _: Conflict()))
    either_table.write(Update(KEY, update, has_size("done", 2), lambda _: Conflict()))


def test_setting_none_removes_the_attribute(either_table: Table) -> None:
    assert "status" not in updated(either_table, UpdateExpression(set={"status": None, "name": "shows"}))


def test_an_empty_update_leaves_the_row_unchanged(either_table: Table) -> None:
    assert updated(either_table, UpdateExpression()) == ROW


def test_removing_a_missing_attribute_changes_nothing(either_table: Table) -> None:
    assert updated(either_table, UpdateExpression(remove=["count"])) == ROW
