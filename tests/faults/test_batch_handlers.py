"""Injects temporary and permanent faults into the calls of the functions that run a batch, then delivers again.

`make nightly` injects them into every call, `make test` into every third.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import pytest

from chalicelib.objects.stored_object import StoredObject
from chalicelib.processing.processor import BatchContext, ProcessingFailed
from tests.faults.consistency import check_consistency
from tests.faults.fault_kinds import FAULTS
from tests.faults.operation_requests import BODY
from tests.support.batch_states import batch_path, submitted
from tests.support.batches import BatchWorld, new_batch_world
from tests.support.faults import Faults
from tests.support.nightly import all_or_sample
from tests.support.objects import create_object_bucket, created
from tests.support.pump import Source
from tests.support.world import World

WEBHOOK = "https://example.com/done"
MAX_DELIVERIES = 100


def second_fails(stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
    """Fails for one of two objects, and returns a field for the other one."""
    if stored.values["take"] == 2:
        raise ProcessingFailed("validation", "no picture")
    return {"seen": True}


class Redelivering(BatchWorld):
    """Delivers the records of a stream again until the handler reports no failure, as Lambda does."""

    def _drain(self, source: Source) -> None:
        records = source.new()
        for _ in range(MAX_DELIVERIES if records else 0):
            if not source.deliver(records)["batchItemFailures"]:
                return
        assert not records, "the handler fails without faults"


class OneBatch:
    """A submitted batch of two objects in a bucket of its own, of which one fails."""

    def __init__(self, run: BatchWorld, number: int) -> None:
        self.run, self.api = run, run.api
        self.bucket = create_object_bucket(self.api, f"tested {number:05}")
        self.ids = [created(self.api, self.bucket, {**BODY, "take": take})["object_id"] for take in (1, 2)]
        run.streams()
        batch_id = submitted(self.api, self.bucket, *self.ids, webhook_url=WEBHOOK)
        self.path = batch_path(self.bucket, batch_id)

    def check(self) -> None:
        """Checks that every object has exactly one outcome, and that the end was reported."""
        batch = self.api.get(self.path).json
        assert (batch["status"], batch["webhook"]["status"]) == ("COMPLETED_WITH_ERRORS", "delivered"), batch
        assert (batch["progress"]["processed"], batch["error_summary"]) == (2, {"validation": 1})
        assert batch["report_key"]
        assert self.api.get(f"{self.path}/audit").json["all_balanced"]
        statuses = [self.api.get(f"/v1/buckets/{self.bucket}/objects/{each}").json["status"] for each in self.ids]
        assert statuses == ["COMPLETED", "FAILED"]
        assert self.api.get(f"/v1/tasks/{batch['task_id']}").json["status"] == "COMPLETED_WITH_ERRORS"


@pytest.fixture
def run(world: World) -> BatchWorld:
    made = new_batch_world(world, second_fails)
    return Redelivering(made.world, made.queues, made.processor, made.receiver)


# How many calls fail, one after another: one, which is repeated at once, or so many that the functions fail.
@pytest.mark.parametrize(("failing", "parity"), [(1, 1), (1, 2), (40, 1), (40, 2)])
def test_a_batch_ends_correctly_after_faults_of_any_call(run: BatchWorld, failing: int, parity: int) -> None:
    """Faults begin at every second call, in two parts that can run in parallel. The kinds of faults take turns.

    In `make test`, they begin at every sixth.
    """
    counting = Faults(run.world.client, run.world.s3)
    first = OneBatch(run, 0)
    start = counting.calls
    run.pump()
    calls = counting.calls - start
    counting.remove()
    first.check()
    assert calls > 30
    tested = all_or_sample(range(parity, calls + 1, 2), 3)
    for call, fault in zip(tested, cycle(FAULTS.values()), strict=False):
        batch = OneBatch(run, call)
        faults = Faults(run.world.client, run.world.s3)
        for number in range(call, call + failing):
            faults.on(number, fault)
        run.pump()
        faults.remove()
        batch.check()
    check_consistency(run.world)
