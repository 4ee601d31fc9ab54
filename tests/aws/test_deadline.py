from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.deadline import deadline_of, time_limit
from chalicelib.core.errors import Unavailable
from tests.support.faults import Faults, throttled
from tests.support.slow_time import SlowTime

A = {"pk": "p", "sk": "a"}
CALL_SECONDS = 6.0


def test_without_a_shared_time_limit_each_call_has_its_own(table: Table, faults: Faults, time: SlowTime) -> None:
    faults.always(throttled)
    for number in range(1, 4):
        with pytest.raises(Unavailable):
            table.get(A)
        assert CALL_SECONDS * number - 1.5 * number < time.now < CALL_SECONDS * number


def test_calls_in_a_block_share_its_time_limit(table: Table, faults: Faults, time: SlowTime) -> None:
    faults.always(throttled)
    with time_limit(10.0):
        for _ in range(5):
            with pytest.raises(Unavailable):
                table.get(A)
    assert 8.0 < time.now < 10.0


def test_a_call_has_one_attempt_even_after_the_time_limit(table: Table, time: SlowTime) -> None:
    with time_limit(1.0):
        table.get(A)
        time.now += 100
        assert table.get(A) is None


def test_the_shared_time_limit_starts_with_the_first_call(table: Table, faults: Faults, time: SlowTime) -> None:
    with time_limit(1.0):
        time.now += 100
        faults.on(1, throttled).on(2, throttled)
        assert table.get(A) is None


def test_an_inner_block_ends_at_the_earlier_of_both_deadlines() -> None:
    with time_limit(10.0):
        assert deadline_of(0.0, CALL_SECONDS) == 6.0
        with time_limit(2.0):
            assert deadline_of(1.0, CALL_SECONDS) == 3.0
        with time_limit(60.0):
            assert deadline_of(8.0, CALL_SECONDS) == 10.0
        assert deadline_of(9.0, CALL_SECONDS) == 10.0
    assert deadline_of(9.0, CALL_SECONDS) == 15.0


def test_another_thread_does_not_share_the_time_limit() -> None:
    with time_limit(1.0), ThreadPoolExecutor(1) as pool:
        assert pool.submit(deadline_of, 0.0, CALL_SECONDS).result() == CALL_SECONDS
