"""Reads of many rows with several calls at a time return, count and raise what reads one after another do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from chalicelib.aws.dynamodb.concurrent_reads import MAX_CONCURRENT_CALLS, get_concurrently
from chalicelib.aws.dynamodb.table import BATCH_GET_KEYS, Table
from chalicelib.aws.usage import Usage, track_usage
from chalicelib.core.deadline import time_limit
from chalicelib.core.errors import Unavailable
from tests.support.batch_reads import MAX_WAIT_SECONDS, before_reads, failing_reads
from tests.support.engine import Tables
from tests.support.faults import throttled
from tests.support.slow_time import SlowTime
from tests.support.table_rows import fill, key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROW_COUNT = 350
CALL_COUNT = 4
# The last call has fewer keys than the others.
SMALL_CALL = ROW_COUNT % BATCH_GET_KEYS
KEYS = [key(number) for number in range(ROW_COUNT)]


def usage_of(read: Callable[[], object]) -> Usage:
    with track_usage() as usage:
        read()
    return usage


def test_calls_overlap_and_return_every_row_once(client: DynamoDBClient, table: Table) -> None:
    assert CALL_COUNT % MAX_CONCURRENT_CALLS == 0
    rows = fill(table, ROW_COUNT)
    # Each call waits until as many have begun as can run at a time.
    all_begun = threading.Barrier(MAX_CONCURRENT_CALLS)
    with before_reads(client, lambda _: all_begun.wait(MAX_WAIT_SECONDS)):
        found = get_concurrently(table, [*KEYS, key(9999)])
    assert sorted(found, key=lambda row: row["number"]) == rows


def test_usage_is_that_of_reads_one_after_another(table: Table) -> None:
    fill(table, ROW_COUNT)
    concurrent = usage_of(lambda: get_concurrently(table, KEYS))
    assert concurrent == usage_of(lambda: table.get_many(KEYS))
    assert concurrent.round_trips == CALL_COUNT


@pytest.mark.parametrize("count", [0, 1, BATCH_GET_KEYS])
def test_one_call_needs_no_thread(client: DynamoDBClient, table: Table, count: int) -> None:
    rows = fill(table, count)
    threads: list[threading.Thread] = []
    with before_reads(client, lambda _: threads.append(threading.current_thread())):
        found = get_concurrently(table, KEYS[:count])
    assert sorted(found, key=lambda row: row["number"]) == rows
    assert threads == [threading.current_thread()] * min(count, 1)


def test_the_error_of_a_call_is_raised_after_all_calls_have_ended_and_are_counted(
    client: DynamoDBClient, tables: Tables
) -> None:
    time = SlowTime()
    table = time.table(client, tables.catalog)
    before = {*threading.enumerate()}
    with track_usage() as usage, failing_reads(client, SMALL_CALL, throttled), pytest.raises(Unavailable):
        get_concurrently(table, KEYS)
    assert {*threading.enumerate()} <= before
    assert usage.round_trips == CALL_COUNT + len(time.sleeps)
    assert get_concurrently(table, KEYS) == []


def test_the_time_limit_of_the_request_applies_to_all_calls(client: DynamoDBClient, tables: Tables) -> None:
    time = SlowTime()
    table = time.table(client, tables.catalog)
    with time_limit(2.0), failing_reads(client, SMALL_CALL, throttled), pytest.raises(Unavailable):
        get_concurrently(table, KEYS)
    assert time.now < 2.0
