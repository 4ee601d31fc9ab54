from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from chalicelib.aws.dynamodb.expressions import equals
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Put
from chalicelib.aws.usage import Usage, count_read, count_round_trip, count_write, track_usage
from tests.support.faults import Faults, throttled

A = {"pk": "p", "sk": "a"}


def test_reads_and_writes_are_counted_apart(table: Table) -> None:
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
    with track_usage() as meter:
        table.transact([Put(A), Put({**A, "sk": "b"})])
    assert meter.round_trips == 1


def test_the_units_of_several_tables_are_summed() -> None:
    with track_usage() as meter:
        count_read({"ConsumedCapacity": {"CapacityUnits": 0.5}})
        count_write({"ConsumedCapacity": [{"CapacityUnits": 2.0}, {"CapacityUnits": 4.0}]})
        count_write({})
    assert meter == Usage(0, 0.5, 6.0)


def test_units_that_nobody_tells_are_none() -> None:
    with track_usage() as meter:
        count_read({"ConsumedCapacity": {"CapacityUnits": None}})
        count_write({"ConsumedCapacity": [{"CapacityUnits": None}, {"CapacityUnits": 4.0}]})
    assert meter == Usage(0, 0.0, 4.0)


def test_attempts_that_fail_are_round_trips_too(table: Table, faults: Faults) -> None:
    faults.on(1, throttled).on(2, throttled)
    with track_usage() as meter:
        table.get(A)
    assert meter.round_trips == 3


def test_what_happens_outside_is_not_counted(table: Table) -> None:
    table.get(A)
    with track_usage() as meter:
        pass
    table.get(A)
    assert meter == Usage()


def test_requests_in_parallel_count_their_own() -> None:
    everyone = Barrier(4)

    def request(calls: int) -> int:
        with track_usage() as meter:
            everyone.wait()
            for _ in range(calls):
                count_round_trip()
            everyone.wait()
        return meter.round_trips

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(request, range(4))) == [0, 1, 2, 3]
