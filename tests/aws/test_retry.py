from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.aws.dynamodb.expressions import UpdateExpression, absent, equals, exists
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Delete, Put, Update
from chalicelib.aws.retry import OutcomeUnknown
from chalicelib.aws.usage import track_usage
from chalicelib.core.errors import AlreadyExists, ApiError, NotFound, PreconditionFailed, Unavailable
from tests.support import faults as fault
from tests.support.engine import Tables
from tests.support.faults import Fault, Faults
from tests.support.slow_time import SlowTime

A = {"pk": "p", "sk": "a"}
B = {"pk": "p", "sk": "b"}
BUDGET_SECONDS = 6.0

TEMPORARY = {
    "throttled": fault.throttled,
    "over capacity": fault.over_capacity,
    "conflict": fault.conflicting_write,
    "in progress": fault.in_progress,
    "throttled transaction": fault.cancelled("ThrottlingError"),
    "conflicting transaction": fault.conflicting_transaction,
    "never sent": fault.never_sent(),
    "lost": fault.lost(),
    "internal error": fault.internal_error,
    "unavailable": fault.unavailable,
}
RESPONSE_LOST = {
    "timeout": fault.applied_then_timeout(),
    "closed": fault.applied_then_closed(),
}
OUTCOME_UNKNOWN = ("lost", "internal error", "unavailable")


def raises(kind: type[ApiError]) -> Callable[[Any], ApiError]:
    return lambda row: kind()


PUT = Put({**A, "n": 1}, absent("pk"), raises(AlreadyExists))
ADD = Update(A, UpdateExpression(add={"n": 1}), exists("pk"), raises(NotFound))
SET = Update(A, UpdateExpression(set={"n": 2}), equals("n", 1), raises(PreconditionFailed))


@pytest.mark.parametrize("name", TEMPORARY)
def test_a_temporary_fault_is_not_visible_to_the_caller(table: Table, faults: Faults, name: str) -> None:
    for call in (1, 3, 5, 7):
        faults.on(call, TEMPORARY[name])
    table.write(PUT)
    assert table.get(A) == {**A, "n": 1}
    table.transact([ADD, Put(B)])
    assert list(table.query(equals("pk", "p"))) == [{**A, "n": 2}, B]


@pytest.mark.parametrize("name", TEMPORARY)
def test_a_permanent_fault_raises_unavailable_and_nothing_is_stored(
    table: Table, faults: Faults, time: SlowTime, name: str
) -> None:
    faults.always(TEMPORARY[name])
    attempts: list[Callable[[], object]] = [
        lambda: table.write(PUT),
        lambda: table.transact([PUT, Put(B)]),
    ]
    for attempt in attempts:
        with pytest.raises(Unavailable) as failed:
            attempt()
        assert isinstance(failed.value, OutcomeUnknown) is (name in OUTCOME_UNKNOWN)
    faults.always(Fault())
    assert table.get(A) is None


def test_reads_raise_unavailable_while_the_storage_fails(table: Table, faults: Faults) -> None:
    faults.always(fault.throttled)
    for read in (
        lambda: table.get(A),
        lambda: list(table.query(equals("pk", "p"))),
        lambda: table.count(equals("pk", "p")),
        lambda: table.get_many([A]),
    ):
        with pytest.raises(Unavailable):
            read()


def test_waits_grow_and_stay_within_the_budget(table: Table, faults: Faults, time: SlowTime) -> None:
    faults.always(fault.throttled)
    with pytest.raises(Unavailable):
        table.get(A)
    assert time.sleeps == sorted(time.sleeps)
    assert BUDGET_SECONDS / 2 < time.now < BUDGET_SECONDS


def test_waits_have_jitter(client: Any, tables: Tables) -> None:
    def first_wait(jitter: float) -> float:
        time = SlowTime()
        table = time.table(client, tables.catalog, jitter=jitter)
        faults = Faults(client).on(1, fault.throttled)
        table.get(A)
        faults.remove()
        return time.sleeps[0]

    assert 0 < first_wait(0.0) < first_wait(0.5) < first_wait(0.9)


def test_slow_responses_use_the_budget(table: Table, faults: Faults, time: SlowTime) -> None:
    def slow() -> Any:
        time.now += 5.0
        instead = fault.lost().instead
        assert instead is not None
        return instead()

    faults.always(Fault(instead=slow))
    with track_usage() as usage, pytest.raises(Unavailable):
        table.get(A)
    assert usage.round_trips == 2


@pytest.mark.parametrize("name", RESPONSE_LOST)
def test_a_put_succeeds_if_its_response_is_lost(table: Table, faults: Faults, name: str) -> None:
    faults.on(1, RESPONSE_LOST[name])
    table.write(PUT)
    assert table.get(A) == {**A, "n": 1}


@pytest.mark.parametrize("name", RESPONSE_LOST)
def test_an_update_succeeds_if_its_response_is_lost(table: Table, faults: Faults, name: str) -> None:
    table.write(PUT)
    faults.on(1, RESPONSE_LOST[name])
    assert table.write(SET) == {**A, "n": 2}


@pytest.mark.parametrize("name", RESPONSE_LOST)
def test_an_addition_is_applied_once_if_its_response_is_lost(table: Table, faults: Faults, name: str) -> None:
    table.write(PUT)
    faults.on(1, RESPONSE_LOST[name]).on(2, RESPONSE_LOST[name])
    assert table.write(ADD) == {**A, "n": 2}
    assert table.get(A) == {**A, "n": 2}


@pytest.mark.parametrize("name", RESPONSE_LOST)
def test_a_delete_succeeds_if_its_response_is_lost(table: Table, faults: Faults, name: str) -> None:
    table.write(PUT)
    faults.on(1, RESPONSE_LOST[name])
    assert table.write(Delete(A, exists("pk"), raises(NotFound))) is None
    assert table.get(A) is None


@pytest.mark.parametrize("name", RESPONSE_LOST)
def test_a_transaction_is_applied_once_if_its_response_is_lost(table: Table, faults: Faults, name: str) -> None:
    table.write(PUT)
    faults.on(1, RESPONSE_LOST[name])
    table.transact([ADD, Put(B, absent("pk"), raises(AlreadyExists))])
    assert [table.get(A), table.get(B)] == [{**A, "n": 2}, B]


def test_a_lost_response_does_not_hide_an_earlier_write_of_another_writer(table: Table, faults: Faults) -> None:
    table.write(PUT)
    faults.on(1, fault.lost())
    with pytest.raises(AlreadyExists):
        table.write(PUT)


def test_a_condition_still_fails_if_the_first_response_is_lost(table: Table, faults: Faults) -> None:
    table.write(Put({**A, "n": 9}))
    faults.on(1, fault.applied_then_timeout())
    with pytest.raises(PreconditionFailed):
        table.write(SET)
    faults.on(1, fault.applied_then_timeout())
    with pytest.raises(AlreadyExists):
        table.transact([PUT, Put(B)])


def test_a_throttled_delete_of_a_missing_row_fails(table: Table, faults: Faults) -> None:
    faults.on(1, fault.throttled)
    with pytest.raises(NotFound):
        table.write(Delete(A, exists("pk"), raises(NotFound)))


def test_a_failed_condition_takes_precedence_over_a_conflict(table: Table, faults: Faults) -> None:
    faults.on(1, fault.cancelled("TransactionConflict", "ConditionalCheckFailed"))
    with pytest.raises(AlreadyExists):
        table.transact([ADD, PUT])


def test_a_delayed_duplicate_of_an_attempt_changes_nothing(table: Table, tables: Tables, client: Any) -> None:
    sent: list[dict[str, Any]] = []

    def remember(params: dict[str, Any], **_: Any) -> None:
        sent.append(params)

    table.write(PUT)
    client.meta.events.register("provide-client-params.dynamodb.UpdateItem", remember)
    table.write(ADD)
    client.meta.events.unregister("provide-client-params.dynamodb.UpdateItem", remember)
    with pytest.raises(client.exceptions.ConditionalCheckFailedException):
        client.update_item(**sent[0])
    assert table.get(A) == {**A, "n": 2}
