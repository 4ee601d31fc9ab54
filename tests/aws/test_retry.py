from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.aws.dynamodb.expressions import UpdateExpression, absent, equals, exists
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Delete, Evidence, Put, Update, Write, applied_as_revision
from chalicelib.aws.retry import MAX_CONFLICT_WAIT_SECONDS, DeadlineExceeded, OutcomeUnknown
from chalicelib.aws.usage import track_usage
from chalicelib.core.deadline import time_limit
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


def proves(*, outcome: bool | None) -> Evidence:
    return lambda row: outcome


PROVEN = PUT._replace(was_applied=proves(outcome=True))


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


@pytest.mark.parametrize("name", ["conflict", "conflicting transaction"])
def test_waits_after_a_conflict_stay_short(table: Table, faults: Faults, time: SlowTime, name: str) -> None:
    faults.always(TEMPORARY[name])
    with pytest.raises(Unavailable):
        table.transact([PUT])
    assert max(time.sleeps) == time.sleeps[-1] <= MAX_CONFLICT_WAIT_SECONDS
    assert BUDGET_SECONDS - MAX_CONFLICT_WAIT_SECONDS < time.now < BUDGET_SECONDS


def test_waits_after_throttling_are_long_also_if_another_step_conflicted(
    table: Table, faults: Faults, time: SlowTime
) -> None:
    faults.always(fault.cancelled("TransactionConflict", "ThrottlingError"))
    with pytest.raises(Unavailable):
        table.transact([PUT, Put(B)])
    assert max(time.sleeps) > MAX_CONFLICT_WAIT_SECONDS


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
    for proof, expected in (
        (proves(outcome=False), AlreadyExists),
        (proves(outcome=None), OutcomeUnknown),
        (None, OutcomeUnknown),
    ):
        faults.on(1, fault.lost())
        with pytest.raises(expected):
            table.write(PUT._replace(was_applied=proof))


def test_a_condition_still_fails_if_the_first_response_is_lost(table: Table, faults: Faults) -> None:
    table.write(Put({**A, "n": 9}))
    for proof, in_write, in_transaction in (
        (proves(outcome=False), PreconditionFailed, AlreadyExists),
        (proves(outcome=None), OutcomeUnknown, OutcomeUnknown),
        (None, OutcomeUnknown, OutcomeUnknown),
    ):
        faults.on(1, fault.applied_then_timeout())
        with pytest.raises(in_write):
            table.write(SET._replace(was_applied=proof))
        faults.on(1, fault.applied_then_timeout())
        with pytest.raises(in_transaction):
            table.transact([PUT._replace(was_applied=proof), Put(B)])
        assert [table.get(A), table.get(B)] == [{**A, "n": 9}, None]


def test_a_write_that_the_row_proves_succeeds_although_another_writer_followed(table: Table, faults: Faults) -> None:
    def overwrite() -> None:
        table.write(Put({**A, "n": 5}))

    writes: list[Callable[[], object]] = [lambda: table.write(PROVEN), lambda: table.transact([PROVEN, Put(B)])]
    for write in writes:
        table.delete_many([A, B])
        faults.on(1, fault.applied_then(overwrite))
        write()
        assert table.get(A) == {**A, "n": 5}


@pytest.mark.parametrize(
    "write",
    [
        PUT._replace(was_applied=lambda row: None),
        Delete(A, absent("gone"), raises(NotFound), lambda row: True if row is None else None),
        Update(A, UpdateExpression(set={"n": 2}), absent("gone"), raises(NotFound), lambda row: None),
    ],
    ids=lambda write: type(write).__name__,
)
def test_a_write_with_evidence_is_not_repeated_in_a_state_that_came_back(
    table: Table, faults: Faults, write: Write
) -> None:
    def restore() -> None:
        table.delete_many([A])
        if not isinstance(write, Put):
            table.write(Put({**A, "n": 3}))

    restore()
    faults.on(1, fault.applied_then(restore))
    with pytest.raises(OutcomeUnknown):
        table.write(write)
    assert table.get(A) == (None if isinstance(write, Put) else {**A, "n": 3})


def test_the_outcome_of_a_transaction_is_unknown_if_an_error_follows_a_lost_response(
    table: Table, faults: Faults
) -> None:
    faults.on(1, fault.applied_then_timeout()).on(2, fault.error_response("AccessDeniedException"))
    with pytest.raises(OutcomeUnknown):
        table.transact([PUT, Put(B)])
    faults.on(1, fault.lost()).on(2, fault.cancelled("None", "ValidationError"))
    with pytest.raises(OutcomeUnknown):
        table.transact([PUT, Put(B)])
    assert table.get(B) == B


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


@given(old=st.integers(1, 9), current=st.none() | st.integers(1, 20), is_same=st.booleans())
def test_a_revision_proves_only_that_a_write_was_not_applied(old: int, current: int | None, *, is_same: bool) -> None:
    """It does so if the row has not got beyond the revision that the write would have made."""
    row = None if current is None else {"revision": current}
    proof = applied_as_revision(old, lambda _: is_same)(row)
    assert proof is (False if current is not None and is_same and current <= old + 1 else None)


def test_a_write_does_not_start_after_the_time_limit(table: Table, time: SlowTime) -> None:
    with time_limit(10.0):
        assert table.get(A) is None
        time.now += 10.0
        writes: list[Callable[[], object]] = [lambda: table.write(PUT), lambda: table.transact([PUT, Put(B)])]
        for write in writes:
            with pytest.raises(DeadlineExceeded):
                write()
    assert table.get(A) is None
