"""A replay whose calls to AWS fail, or during which another client does something with the same delivery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

import pytest

from tests.deliveries.counting import batches_of, check_counters, delivery_log
from tests.deliveries.test_faults import KINDS
from tests.deliveries.unreliable import MAX_REPETITIONS, Unreliable, faults_of, meanwhile, new_unreliable
from tests.support.api import ApiResponse
from tests.support.faults import Faults
from tests.support.nightly import all_or_sample
from tests.support.slow_time import SlowTime
from tests.support.task_queue import ProcessKilled
from tests.support.webhooks import ADAPTER, deliver, encoded, event, new_adapter_bucket, signed
from tests.support.world import World


@pytest.fixture
def run(time: SlowTime, world: World) -> Unreliable:
    return new_unreliable(world)


@dataclass
class Parked:
    """A parked delivery, which the adapter of its bucket can apply by now."""

    run: Unreliable
    number: int

    def __post_init__(self) -> None:
        self.api = self.run.api
        self.bucket = new_adapter_bucket(self.api, name=f"films {self.number}", batching={"mode": "immediate"})
        self.path = f"/v1/buckets/{self.bucket}"
        self.body = encoded(event(1, rating="many"))
        self.headers = signed(self.run.world, self.body)
        parked = self.send().json
        assert parked["status"] == "parked"
        self.delivery_id = parked["delivery_id"]
        adapter = {**ADAPTER, "field_mapping": {"data.title": "title"}, "batching": {"mode": "immediate"}}
        assert self.api.patch(self.path, {"source_adapter": adapter}).status == 200
        self.run.streams()

    def send(self) -> ApiResponse:
        return deliver(self.run.world, self.bucket, self.body, headers=self.headers)

    def replay(self) -> ApiResponse:
        return self.api.post(f"{self.path}/source-adapter/replay", {"delivery_ids": [self.delivery_id]})

    def delete(self) -> None:
        for stored in self.api.post(f"{self.path}/objects/list", {}).json["results"]:
            assert self.api.call("DELETE", f"{self.path}/objects/{stored['object_id']}").status == 204

    def check(self) -> int:
        """Checks the counters, and that each attempt that created the object has it in one batch. Returns how many."""
        self.run.pump()
        check_counters(self.api, self.bucket)
        (delivery,) = delivery_log(self.api, self.bucket)
        assert delivery["state"] == "APPLIED"
        batches = batches_of(self.api, self.bucket)
        assert all(batch["object_ids"] == [delivery["object_id"]] for batch in batches)
        assert all(batch["status"] != "DRAFT" for batch in batches)
        return len(batches)


def calls_of(run: Unreliable) -> int:
    parked, faults = Parked(run, 0), Faults(run.world.client)
    assert parked.replay().status == 200
    faults.remove()
    assert parked.check() == 1
    return faults.calls


def test_a_replay_applies_a_delivery_once_after_a_fault_of_any_call(run: Unreliable) -> None:
    for call, (kind, failing) in zip(range(1, calls_of(run) + 1), cycle(zip(KINDS, cycle((1, 40)))), strict=False):
        parked = Parked(run, call)
        with faults_of(run) as faults:
            for number in range(call, call + (1 if kind.startswith("killed") else failing)):
                faults.on(number, KINDS[kind])
            for _ in range(MAX_REPETITIONS):
                try:
                    if parked.replay().status == 200:
                        break
                except ProcessKilled:
                    continue
            else:
                raise AssertionError("the replay does not succeed")
        assert parked.check() == 1, (call, kind)
        assert len(parked.api.post(f"{parked.path}/objects/list", {}).json["results"]) == 1


def replay_and_delete(parked: Parked) -> None:
    assert parked.replay().status == 200
    parked.delete()


OTHERS: dict[str, Callable[[Parked], object]] = {
    "another replay": Parked.replay,
    "a repetition by the sender": Parked.send,
    "a deletion": Parked.delete,
    "a replay and a deletion": replay_and_delete,
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_replay_during_which_something_happens_has_the_outcome_of_some_order(run: Unreliable, other: str) -> None:
    for call in all_or_sample(range(1, calls_of(run) + 1), 2):
        parked = Parked(run, call)
        with faults_of(run) as faults:
            faults.on(call, meanwhile(lambda parked=parked: OTHERS[other](parked)))  # type: ignore[misc]
            response = parked.replay()
        assert response.status == 200, response.text
        (result,) = response.json["results"]
        assert response.json["failed"] == []
        found = parked.api.post(f"{parked.path}/objects/list", {}).json["results"]
        assert len(found) <= 1
        (delivery,) = delivery_log(parked.api, parked.bucket)
        if other == "another replay":
            assert (result["attempt"], delivery["attempt"]) == (3, 3) or result["attempt"] == 2
            assert (len(found), parked.check()) == (1, 1)
        elif other == "a repetition by the sender":
            assert (delivery["repeats"], len(found), parked.check()) == (1, 1, 1)
        else:
            # Whoever replays after the deletion creates the object again.
            assert parked.check() == 1 + (other != "a deletion" and bool(found) and result["result"] == "created")
