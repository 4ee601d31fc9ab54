from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.dynamodb.attribute_values import Item, encode
from chalicelib.aws.dynamodb.expressions import UpdateExpression, absent, exists
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Key, Put, Update
from chalicelib.aws.retry import OutcomeUnknown
from chalicelib.core.errors import AlreadyExists, ApiError, PreconditionFailed, Unavailable
from tests.support.engine import Tables
from tests.support.faults import Fault, Faults, applied_then_timeout, cancelled, error_response, unprocessed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

A = {"pk": "p", "sk": "a"}
B = {"pk": "p", "sk": "b"}
C = {"pk": "p", "sk": "c"}


def raises(kind: type[ApiError]) -> Callable[[Item | None], ApiError]:
    return lambda _: kind()


def all_unprocessed(name: str, *rows: Key) -> Fault:
    requests = [{"DeleteRequest": {"Key": encode(row)}} for row in rows]
    return unprocessed(UnprocessedItems={name: requests})


def test_unprocessed_rows_are_deleted_by_another_attempt(table: Table, tables: Tables, faults: Faults) -> None:
    for row in (A, B, C):
        table.write(Put(row))
    faults.on(1, all_unprocessed(tables.catalog, A, B, C))
    assert table.delete_many([A, B, C]) == 3
    assert faults.calls == 5
    assert [table.get(row) for row in (A, B, C)] == [None, None, None]


def test_rows_that_always_stay_unprocessed_raise_unavailable(table: Table, tables: Tables, faults: Faults) -> None:
    table.write(Put(A))
    faults.always(all_unprocessed(tables.catalog, A))
    with pytest.raises(Unavailable):
        table.delete_many([A])


def test_one_of_many_concurrent_writers_of_a_row_succeeds(table: Table) -> None:
    def attempt(number: int) -> int | None:
        try:
            table.write(Put({**A, "by": number}, absent("pk"), raises(AlreadyExists)))
        except AlreadyExists:
            return None
        return number

    with ThreadPoolExecutor(16) as pool:
        won = [number for number in pool.map(attempt, range(32)) if number is not None]
    row = table.get(A)
    assert row is not None
    assert won == [row["by"]]


def test_concurrent_counts_are_not_lost(table: Table) -> None:
    table.write(Put({**A, "n": 0}))

    def count(number: int) -> None:
        change = Update(A, UpdateExpression(add={"n": 1}), exists("pk"))
        table.transact([change, Put({"pk": "q", "sk": str(number)})]) if number % 2 else table.write(change)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(32)))
    assert table.get(A) == {**A, "n": 32}


def test_an_invalid_update_is_not_reported_as_a_failed_condition(table: Table) -> None:
    table.write(Put({**A, "n": "text"}))
    with pytest.raises(ClientError, match="ValidationException"):
        table.write(Update(A, UpdateExpression(add={"n": 1}), exists("pk"), raises(PreconditionFailed)))


def test_an_invalid_transaction_is_not_reported_as_a_failed_condition(table: Table, faults: Faults) -> None:
    faults.on(1, cancelled("None", "ValidationError"))
    with pytest.raises(ClientError):
        table.transact([Put(A), Put(B, absent("pk"), raises(AlreadyExists))])


def test_a_missing_table_raises_the_error_of_the_client(client: DynamoDBClient) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        Table(client, "nowhere").get(A)


def test_the_outcome_is_unknown_if_an_error_follows_an_attempt_without_a_response(table: Table, faults: Faults) -> None:
    faults.on(1, applied_then_timeout()).on(2, error_response("AccessDeniedException"))
    with pytest.raises(OutcomeUnknown):
        table.write(Put(A))
    assert table.get(A) == A


def test_rejected_credentials_raise_the_error_of_the_client(table: Table, faults: Faults) -> None:
    faults.on(1, error_response("AccessDeniedException"))
    with pytest.raises(ClientError, match="AccessDenied"):
        table.write(Put(A))
