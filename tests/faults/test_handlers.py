"""Every call that the functions of streams and tasks make goes wrong, once and for good; told again, they succeed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest

from tests.deletion.conftest import Work
from tests.faults.kinds import FAULTS
from tests.faults.steps import BODY
from tests.faults.whole import check_whole
from tests.support.api import Api
from tests.support.faults import Fault, Faults
from tests.support.objects import create_object_bucket, created
from tests.support.pump import Record, Source
from tests.support.world import World


@dataclass(frozen=True)
class Plan:
    """A fault on a call, or on all from it on."""

    call: int
    fault: Fault
    once: bool

    def carry_out(self, faults: Faults) -> None:
        if self.once:
            faults.on(self.call, self.fault)
        else:
            faults.always(self.fault, first=self.call)


def deliver(world: World, source: Source, records: list[Record], plan: Plan | None = None) -> tuple[bool, int]:
    """Whether the function took all of it, and how many calls it made."""
    faults = Faults(world.client, world.s3)
    if plan:
        plan.carry_out(faults)
    try:
        answer = source.deliver(records)
    finally:
        faults.remove()
    return not answer["batchItemFailures"], faults.calls


def news(world: World, bucket: str, table: str) -> list[Record]:
    """What a table's stream tells of one more object."""
    created(world.api(), bucket, BODY)
    if table == "catalog":
        assert world.pump.objects.drain()
    found: list[Record] = getattr(world.pump, table).new()
    return found


@pytest.mark.parametrize("table", ["objects", "catalog"])
def test_a_stream_s_function_counts_in_the_end_whatever_failed(world: World, table: str) -> None:
    bucket = create_object_bucket(world.api())
    source: Source = getattr(world.pump, table)
    _, calls = deliver(world, source, news(world, bucket, table))
    refused = 0
    for call, fault, once in product(range(1, calls + 1), FAULTS.values(), (True, False)):
        records = news(world, bucket, table)
        taken, _ = deliver(world, source, records, Plan(call, fault, once))
        assert taken or not once, "one failure is made good at once"
        refused += not taken
        assert taken or deliver(world, source, records)[0]
    assert calls > 1
    assert refused > 0
    check_whole(world)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_deletion_ends_whatever_failed(world: World, work: Work, kind: str) -> None:
    api = world.api()
    namespace_id = api.get("/v1/namespaces/films").json["namespace_id"]
    calls = calls_of_a_deletion(world, work, api)
    for call in range(1, calls + 1):
        bucket, task_id = doomed(api)
        work.begin(task_id)
        faults = Faults(world.client, world.s3).always(FAULTS[kind], first=call)
        work.line.deliver(work.line.queue.waiting[0])
        faults.remove()
        assert work.done(task_id).status == "COMPLETED"
        work.check_nothing_remains_of(bucket, namespace_id)
    assert calls > 5
    check_whole(world)


def calls_of_a_deletion(world: World, work: Work, api: Api) -> int:
    """How many calls are made to remove a bucket like those that are doomed."""
    _, task_id = doomed(api)
    counting = Faults(world.client, world.s3)
    assert work.done(task_id).status == "COMPLETED"
    counting.remove()
    return counting.calls


def doomed(api: Api) -> tuple[str, str]:
    """A bucket with two objects, one of them with a file, and the task of its deletion."""
    bucket = create_object_bucket(api, "doomed")
    created(api, bucket, BODY)
    created(api, bucket, {"title": "M"})
    return bucket, api.call("DELETE", f"/v1/buckets/{bucket}").json["task_id"]
