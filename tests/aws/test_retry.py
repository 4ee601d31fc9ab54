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
BUDGET = 6.0

PASSING = {
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
AMBIGUOUS = {
    "timeout": fault.applied_then_timeout(),
    "closed": fault.applied_then_closed(),
}
LOST_FOR_GOOD = ("lost", "internal error", "unavailable")


def no(kind: type[ApiError]) -> Callable[[Any], ApiError]:
    return lambda row: kind()


PUT = Put({**A, "n": 1}, absent("pk"), no(AlreadyExists))
COUNT = Update(A, UpdateExpression(add={"n": 1}), exists("pk"), no(NotFound))
REVISE = Update(A, UpdateExpression(set={"n": 2}), equals("n", 1), no(PreconditionFailed))


@pytest.mark.parametrize("name", PASSING)
def test_trouble_that_passes_is_not_seen(table: Table, faults: Faults, name: str) -> None:
    for call in (1, 3, 5, 7):
        faults.on(call, PASSING[name])
    table.write(PUT)
    assert table.get(A) == {**A, "n": 1}
    table.transact([COUNT, Put(B)])
    assert list(table.query(equals("pk", "p"))) == [{**A, "n": 2}, B]


@pytest.mark.parametrize("name", PASSING)
def test_trouble_that_stays_ends_in_busy_with_nothing_stored(
    table: Table, faults: Faults, time: SlowTime, name: str
) -> None:
    faults.always(PASSING[name])
    attempts: list[Callable[[], object]] = [
        lambda: table.write(PUT),
        lambda: table.transact([PUT, Put(B)]),
    ]
    for attempt in attempts:
        with pytest.raises(Unavailable) as refused:
            attempt()
        assert isinstance(refused.value, OutcomeUnknown) is (name in LOST_FOR_GOOD)
    faults.always(Fault())
    assert table.get(A) is None


def test_reads_of_a_storage_that_is_down_end_in_busy(table: Table, faults: Faults) -> None:
    faults.always(fault.throttled)
    for read in (
        lambda: table.get(A),
        lambda: list(table.query(equals("pk", "p"))),
        lambda: table.count(equals("pk", "p")),
        lambda: table.get_many([A]),
    ):
        with pytest.raises(Unavailable):
            read()


def test_waiting_grows_and_stays_inside_the_budget(table: Table, faults: Faults, time: SlowTime) -> None:
    faults.always(fault.throttled)
    with pytest.raises(Unavailable):
        table.get(A)
    assert time.sleeps == sorted(time.sleeps)
    assert BUDGET / 2 < time.now < BUDGET


def test_waits_are_spread_by_chance(client: Any, tables: Tables) -> None:
    def first_nap(jitter: float) -> float:
        time = SlowTime()
        table = time.table(client, tables.catalog, jitter=jitter)
        faults = Faults(client).on(1, fault.throttled)
        table.get(A)
        faults.remove()
        return time.sleeps[0]

    assert 0 < first_nap(0.0) < first_nap(0.5) < first_nap(0.9)


def test_a_slow_answer_uses_the_budget_up(table: Table, faults: Faults, time: SlowTime) -> None:
    def slow() -> Any:
        time.now += 5.0
        instead = fault.lost().instead
        assert instead is not None
        return instead()

    faults.always(Fault(instead=slow))
    with track_usage() as meter, pytest.raises(Unavailable):
        table.get(A)
    assert meter.round_trips == 2


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_put_whose_answer_was_lost_knows_itself(table: Table, faults: Faults, name: str) -> None:
    faults.on(1, AMBIGUOUS[name])
    table.write(PUT)
    assert table.get(A) == {**A, "n": 1}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_change_whose_answer_was_lost_knows_itself(table: Table, faults: Faults, name: str) -> None:
    table.write(PUT)
    faults.on(1, AMBIGUOUS[name])
    assert table.write(REVISE) == {**A, "n": 2}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_count_whose_answer_was_lost_is_not_counted_twice(table: Table, faults: Faults, name: str) -> None:
    table.write(PUT)
    faults.on(1, AMBIGUOUS[name]).on(2, AMBIGUOUS[name])
    assert table.write(COUNT) == {**A, "n": 2}
    assert table.get(A) == {**A, "n": 2}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_remove_whose_answer_was_lost_is_made(table: Table, faults: Faults, name: str) -> None:
    table.write(PUT)
    faults.on(1, AMBIGUOUS[name])
    assert table.write(Delete(A, exists("pk"), no(NotFound))) is None
    assert table.get(A) is None


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_transaction_whose_answer_was_lost_is_made_once(table: Table, faults: Faults, name: str) -> None:
    table.write(PUT)
    faults.on(1, AMBIGUOUS[name])
    table.transact([COUNT, Put(B, absent("pk"), no(AlreadyExists))])
    assert [table.get(A), table.get(B)] == [{**A, "n": 2}, B]


def test_a_lost_answer_does_not_hide_that_another_was_first(table: Table, faults: Faults) -> None:
    table.write(PUT)
    faults.on(1, fault.lost())
    with pytest.raises(AlreadyExists):
        table.write(PUT)


def test_a_lost_refusal_is_still_a_refusal(table: Table, faults: Faults) -> None:
    table.write(Put({**A, "n": 9}))
    faults.on(1, fault.applied_then_timeout())
    with pytest.raises(PreconditionFailed):
        table.write(REVISE)
    faults.on(1, fault.applied_then_timeout())
    with pytest.raises(AlreadyExists):
        table.transact([PUT, Put(B)])


def test_a_remove_that_was_throttled_does_not_take_credit(table: Table, faults: Faults) -> None:
    faults.on(1, fault.throttled)
    with pytest.raises(NotFound):
        table.write(Delete(A, exists("pk"), no(NotFound)))


def test_a_failed_condition_outweighs_a_conflict_beside_it(table: Table, faults: Faults) -> None:
    faults.on(1, fault.cancelled("TransactionConflict", "ConditionalCheckFailed"))
    with pytest.raises(AlreadyExists):
        table.transact([COUNT, PUT])


def test_a_late_twin_of_an_attempt_changes_nothing(table: Table, tables: Tables, client: Any) -> None:
    sent: list[dict[str, Any]] = []

    def remember(params: dict[str, Any], **_: Any) -> None:
        sent.append(params)

    table.write(PUT)
    client.meta.events.register("provide-client-params.dynamodb.UpdateItem", remember)
    table.write(COUNT)
    client.meta.events.unregister("provide-client-params.dynamodb.UpdateItem", remember)
    with pytest.raises(client.exceptions.ConditionalCheckFailedException):
        client.update_item(**sent[0])
    assert table.get(A) == {**A, "n": 2}
