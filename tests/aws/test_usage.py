from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from chalicelib.aws.dynamodb.expressions import equals
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Put
from chalicelib.aws.usage import Usage, count_read, count_round_trip, count_write, track_usage
from tests.support.faults import Faults, throttled

A = {"pk": "p", "sk": "a"}


def test_reads_and_writes_are_counted_separately(table: Table) -> None:
    with track_usage() as writing:
        table.write(Put(A))
    with track_usage() as reading:
        table.get(A)
        list(table.query(equals("pk", "p")))
        table.get_many([A])
    assert (writing.round_trips, writing.read_units) == (1, 0)
    assert (reading.round_trips, reading.write_units) == (3, 0)
    assert writing.write_units > 0
    assert reading.read_units > 0


def test_a_transaction_is_one_round_trip(table: Table) -> None:
    with track_usage() as usage:
        table.transact([Put(A), Put({**A, "sk": "b"})])
    assert usage.round_trips == 1


def test_the_units_of_several_tables_are_added() -> None:
    with track_usage() as usage:
        count_read({"ConsumedCapacity": {"CapacityUnits": 0.5}})
        count_write({"ConsumedCapacity": [{"CapacityUnits": 2.0}, {"CapacityUnits": 4.0}]})
        count_write({})
    assert usage == Usage(0, 0.5, 6.0)


def test_missing_units_count_as_zero() -> None:
    with track_usage() as usage:
        count_read({"ConsumedCapacity": {"CapacityUnits": None}})
        count_write({"ConsumedCapacity": [{"CapacityUnits": None}, {"CapacityUnits": 4.0}]})
    assert usage == Usage(0, 0.0, 4.0)


def test_failed_attempts_count_as_round_trips(table: Table, faults: Faults) -> None:
    faults.on(1, throttled).on(2, throttled)
    with track_usage() as usage:
        table.get(A)
    assert usage.round_trips == 3


def test_calls_outside_the_block_are_not_counted(table: Table) -> None:
    table.get(A)
    with track_usage() as usage:
        pass
    table.get(A)
    assert usage == Usage()


def test_parallel_requests_count_their_own_calls() -> None:
    barrier = Barrier(4)

    def request(calls: int) -> int:
        with track_usage() as usage:
            barrier.wait()
            for _ in range(calls):
                count_round_trip()
            barrier.wait()
        return usage.round_trips

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(request, range(4))) == [0, 1, 2, 3]
