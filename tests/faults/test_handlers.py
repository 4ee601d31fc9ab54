"""Injects temporary and permanent faults into the calls of the stream and task handlers, then delivers again.

`make nightly` injects them into every call. In `make test`, a deletion fails in every third.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest

from tests.deletion.conftest import Work
from tests.faults.consistency import check_consistency
from tests.faults.fault_kinds import FAULTS
from tests.faults.operation_requests import BODY
from tests.support.api import Api
from tests.support.faults import Fault, Faults
from tests.support.nightly import all_or_sample
from tests.support.objects import create_object_bucket, created
from tests.support.pump import Record, Source
from tests.support.world import World


@dataclass(frozen=True)
class FaultPlan:
    """A fault of one call, or of that call and all later ones."""

    call: int
    fault: Fault
    once: bool

    def apply(self, faults: Faults) -> None:
        if self.once:
            faults.on(self.call, self.fault)
        else:
            faults.always(self.fault, first=self.call)


def deliver(world: World, source: Source, records: list[Record], plan: FaultPlan | None = None) -> tuple[bool, int]:
    """Delivers records. Returns whether the handler reported no failure, and how many calls it made."""
    faults = Faults(world.client, world.s3)
    if plan:
        plan.apply(faults)
    try:
        response = source.deliver(records)
    finally:
        faults.remove()
    return not response["batchItemFailures"], faults.calls


def records_of_new_object(world: World, bucket: str, table: str) -> list[Record]:
    """Creates an object and returns the new records of a table's stream."""
    created(world.api(), bucket, BODY)
    if table == "catalog":
        assert world.pump.objects.drain()
    found: list[Record] = getattr(world.pump, table).new()
    return found


@pytest.mark.parametrize("table", ["objects", "catalog"])
def test_a_stream_handler_counts_correctly_after_any_fault(world: World, table: str) -> None:
    bucket = create_object_bucket(world.api())
    source: Source = getattr(world.pump, table)
    _, calls = deliver(world, source, records_of_new_object(world, bucket, table))
    failures = 0
    for call, fault, once in product(range(1, calls + 1), FAULTS.values(), (True, False)):
        records = records_of_new_object(world, bucket, table)
        succeeded, _ = deliver(world, source, records, FaultPlan(call, fault, once))
        assert succeeded or not once, "a single fault is retried within the call"
        failures += not succeeded
        assert succeeded or deliver(world, source, records)[0]
    assert calls > 1
    assert failures > 0
    check_consistency(world)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_deletion_completes_after_any_fault(world: World, work: Work, kind: str) -> None:
    api = world.api()
    namespace_id = api.get("/v1/namespaces/films").json["namespace_id"]
    calls = calls_of_a_deletion(world, work, api)
    for call in all_or_sample(range(1, calls + 1), 3):
        bucket, task_id = bucket_to_delete(api)
        work.send(task_id)
        faults = Faults(world.client, world.s3).always(FAULTS[kind], first=call)
        work.harness.deliver(work.harness.queue.waiting[0])
        faults.remove()
        assert work.complete(task_id).status == "COMPLETED"
        work.check_bucket_is_removed(bucket, namespace_id)
    assert calls > 5
    check_consistency(world)


def calls_of_a_deletion(world: World, work: Work, api: Api) -> int:
    """Returns the number of calls that the deletion of the bucket of `bucket_to_delete` makes."""
    _, task_id = bucket_to_delete(api)
    counting = Faults(world.client, world.s3)
    assert work.complete(task_id).status == "COMPLETED"
    counting.remove()
    return counting.calls


def bucket_to_delete(api: Api) -> tuple[str, str]:
    """Creates a bucket with two objects, one of them with a file. Returns its id and that of its deletion task."""
    bucket = create_object_bucket(api, "to-delete")
    created(api, bucket, BODY)
    created(api, bucket, {"title": "M"})
    return bucket, api.call("DELETE", f"/v1/buckets/{bucket}").json["task_id"]
