"""Calls in several threads: their results, and the count of what they consume."""

from __future__ import annotations

from functools import partial
from threading import Barrier

from chalicelib.aws.concurrency import run_concurrently
from chalicelib.aws.usage import count_round_trip, count_write, track_usage
from chalicelib.core.deadline import deadline_of, time_limit

CALLS = 4


def test_results_are_in_the_order_of_the_calls_and_all_are_counted() -> None:
    barrier = Barrier(CALLS, timeout=30)

    def call(number: int) -> int:
        barrier.wait()  # so that all calls run at the same time
        for _ in range(100):
            count_round_trip()
            count_write({"ConsumedCapacity": {"CapacityUnits": number}})
        return number

    with track_usage() as usage:
        futures = run_concurrently([partial(call, number) for number in range(CALLS)], CALLS)
    assert [future.result() for future in futures] == list(range(CALLS))
    assert (usage.round_trips, usage.write_units) == (100 * CALLS, 100 * sum(range(CALLS)))


def test_a_call_that_fails_is_counted_and_does_not_stop_the_others() -> None:
    def fail() -> int:
        count_round_trip()
        raise ValueError("x")

    def succeed() -> int:
        count_round_trip()
        return 1

    with track_usage() as usage:
        failed, *others = run_concurrently([fail, succeed, succeed], max_threads=1)
    assert isinstance(failed.exception(), ValueError)
    assert [each.result() for each in others] == [1, 1]
    assert usage.round_trips == 3


def test_calls_have_the_time_limit_of_the_request() -> None:
    with time_limit(5):
        (found,) = run_concurrently([lambda: deadline_of(now=100, seconds=60)], max_threads=2)
        assert found.result() == deadline_of(now=100, seconds=60) == 105
