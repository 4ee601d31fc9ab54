from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.dynamodb.attribute_values import Item, encode
from chalicelib.aws.dynamodb.expressions import UpdateExpression, absent, any_of, equals, exists
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import ConditionCheck, Delete, Key, Put, Step, Update, Write
from chalicelib.aws.retry import OutcomeUnknown
from chalicelib.core.errors import AlreadyExists, ApiError, Conflict, NotFound, PreconditionFailed, Unavailable
from tests.support.engine import Tables
from tests.support.faults import Fault, Faults, applied_then_timeout, cancelled, error_response, unprocessed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

A = {"pk": "p", "sk": "a"}
B = {"pk": "p", "sk": "b"}
C = {"pk": "p", "sk": "c"}


def says(kind: type[ApiError]) -> Callable[[Item | None], ApiError]:
    """A maker of refusals that tell which row they met."""
    return lambda row: kind(details={"met": row})


def met(refused: pytest.ExceptionInfo[ApiError]) -> Any:
    assert refused.value.details is not None
    return refused.value.details["met"]


def test_put_writes_over_what_is_there(table: Table) -> None:
    assert table.write(Put({**A, "old": 1})) is None
    assert table.write(Put({**A, "new": 2})) is None
    assert table.get(A) == {**A, "new": 2}


def test_a_refused_put_changes_nothing_and_meets_the_row_in_its_way(table: Table) -> None:
    table.write(Put({**A, "n": 1}))
    with pytest.raises(AlreadyExists) as refused:
        table.write(Put({**A, "n": 2}, absent("pk"), says(AlreadyExists)))
    assert met(refused) == {**A, "n": 1} == table.get(A)


def test_a_change_gives_back_the_new_row(table: Table) -> None:
    table.write(Put({**A, "n": 1, "kept": "yes"}))
    new = table.write(Update(A, UpdateExpression(set={"n": 2}), equals("n", 1)))
    assert new == {**A, "n": 2, "kept": "yes"}


def test_a_change_of_a_row_that_is_gone_leaves_no_ghost(table: Table) -> None:
    with pytest.raises(NotFound) as refused:
        table.write(Update(A, UpdateExpression(set={"n": 2}), exists("pk"), says(NotFound)))
    assert met(refused) is None
    assert table.get(A) is None


def test_a_change_may_make_its_row_when_the_condition_says_so(table: Table) -> None:
    count = Update(A, UpdateExpression(add={"n": 1}), any_of(absent("pk"), exists("pk")))
    assert [table.write(count), table.write(count)] == [{**A, "n": 1}, {**A, "n": 2}]


def test_remove_gives_back_what_was_there(table: Table) -> None:
    table.write(Put({**A, "n": 1}))
    assert table.write(Delete(A)) == {**A, "n": 1}
    assert table.write(Delete(A)) is None
    assert table.get(A) is None


def test_a_refused_remove_leaves_the_row(table: Table) -> None:
    table.write(Put({**A, "n": 1}))
    with pytest.raises(PreconditionFailed) as refused:
        table.write(Delete(A, equals("n", 2), says(PreconditionFailed)))
    assert met(refused) == {**A, "n": 1} == table.get(A)


@pytest.mark.parametrize(
    "step",
    [Put(A, exists("pk")), Update(A, UpdateExpression(), exists("pk")), Delete(A, exists("pk"))],
    ids=lambda step: type(step).__name__,
)
def test_a_failed_condition_without_a_meaning_is_busy(table: Table, step: Write) -> None:
    with pytest.raises(Unavailable):
        table.write(step)
    with pytest.raises(Unavailable):
        table.transact([step])


def nothing_removed(name: str, *rows: Key) -> Fault:
    requests = [{"DeleteRequest": {"Key": encode(row)}} for row in rows]
    return unprocessed(UnprocessedItems={name: requests})


def test_rows_left_over_are_removed_by_another_attempt(table: Table, tables: Tables, faults: Faults) -> None:
    for row in (A, B, C):
        table.write(Put(row))
    faults.on(1, nothing_removed(tables.catalog, A, B, C))
    assert table.remove_many([A, B, C]) == 3
    assert faults.calls == 5
    assert [table.get(row) for row in (A, B, C)] == [None, None, None]


def test_rows_that_are_always_left_over_end_in_busy(table: Table, tables: Tables, faults: Faults) -> None:
    table.write(Put(A))
    faults.always(nothing_removed(tables.catalog, A))
    with pytest.raises(Unavailable):
        table.remove_many([A])


def test_a_transaction_makes_all_its_writes(table: Table) -> None:
    table.write(Put({**B, "n": 1}))
    table.write(Put(C))
    table.transact(
        [
            Put({**A, "n": 1}, absent("pk")),
            Update(B, UpdateExpression(add={"n": 1}), exists("pk")),
            Delete(C, exists("pk")),
            ConditionCheck({"pk": "p", "sk": "d"}, absent("pk")),
        ]
    )
    assert [table.get(key) for key in (A, B, C)] == [{**A, "n": 1}, {**B, "n": 2}, None]


def test_a_refused_transaction_makes_none_of_its_writes(table: Table) -> None:
    table.write(Put({**B, "n": 1}))
    with pytest.raises(AlreadyExists):
        table.transact([Put(A), Delete(B), Put(C, exists("pk"), says(AlreadyExists))])
    assert [table.get(key) for key in (A, B, C)] == [None, {**B, "n": 1}, None]


STEPS: list[Step] = [
    Put(A, absent("pk"), says(AlreadyExists)),
    Update(B, UpdateExpression(add={"n": 1}), equals("n", 1), says(PreconditionFailed)),
    Delete(C, exists("pk"), says(NotFound)),
    ConditionCheck({"pk": "p", "sk": "d"}, absent("locked"), says(Conflict)),
]
# What has to be there for the step of the same position, and only that one, to be refused.
SPOILED: list[tuple[type[ApiError], dict[str, Any] | None]] = [
    (AlreadyExists, {**A, "by": "another"}),
    (PreconditionFailed, {**B, "n": 7}),
    (NotFound, None),
    (Conflict, {"pk": "p", "sk": "d", "locked": True}),
]


@pytest.mark.parametrize("position", range(len(STEPS)))
def test_each_step_finds_its_own_refusal_by_position(table: Table, position: int) -> None:
    table.write(Put({**B, "n": 1}))
    table.write(Put(C))
    refusal, spoiled = SPOILED[position]
    table.write(Put(spoiled) if spoiled else Delete(C))
    with pytest.raises(refusal) as refused:
        table.transact(STEPS)
    assert met(refused) == spoiled


def test_the_first_refused_step_explains_the_cancellation(table: Table) -> None:
    table.write(Put(A))
    with pytest.raises(AlreadyExists):
        table.transact(STEPS)


def test_of_many_writers_of_one_row_one_wins(table: Table) -> None:
    def attempt(number: int) -> int | None:
        try:
            table.write(Put({**A, "by": number}, absent("pk"), says(AlreadyExists)))
        except AlreadyExists:
            return None
        return number

    with ThreadPoolExecutor(16) as pool:
        won = [number for number in pool.map(attempt, range(32)) if number is not None]
    row = table.get(A)
    assert row is not None
    assert won == [row["by"]]


def test_counts_by_many_are_not_lost(table: Table) -> None:
    table.write(Put({**A, "n": 0}))

    def count(number: int) -> None:
        change = Update(A, UpdateExpression(add={"n": 1}), exists("pk"))
        table.transact([change, Put({"pk": "q", "sk": str(number)})]) if number % 2 else table.write(change)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(32)))
    assert table.get(A) == {**A, "n": 32}


def test_a_fault_of_ours_is_not_a_refusal(table: Table) -> None:
    table.write(Put({**A, "n": "text"}))
    with pytest.raises(ClientError, match="ValidationException"):
        table.write(Update(A, UpdateExpression(add={"n": 1}), exists("pk"), says(PreconditionFailed)))


def test_a_fault_of_ours_in_a_transaction_is_not_a_refusal(table: Table, faults: Faults) -> None:
    faults.on(1, cancelled("None", "ValidationError"))
    with pytest.raises(ClientError):
        table.transact([Put(A), Put(B, absent("pk"), says(AlreadyExists))])


def test_a_table_that_is_not_there_is_a_fault(client: DynamoDBClient) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        Table(client, "nowhere").get(A)


def test_a_fault_after_an_attempt_without_an_answer_leaves_the_write_unsettled(table: Table, faults: Faults) -> None:
    faults.on(1, applied_then_timeout()).on(2, error_response("AccessDeniedException"))
    with pytest.raises(OutcomeUnknown):
        table.write(Put(A))
    assert table.get(A) == A


def test_credentials_that_are_refused_are_a_fault(table: Table, faults: Faults) -> None:
    faults.on(1, error_response("AccessDeniedException"))
    with pytest.raises(ClientError, match="AccessDenied"):
        table.write(Put(A))
