"""A world in which any call to AWS may fail, or may be the last one of its process, while deliveries become batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

from tests.deliveries.counting import batches_of, check_counters, delivery_log
from tests.support.api import ApiResponse
from tests.support.batches import BatchWorld, new_batch_world
from tests.support.faults import Fault, Faults
from tests.support.pump import Source
from tests.support.task_queue import Message, ProcessKilled
from tests.support.webhooks import anonymous, encoded, event, new_adapter_bucket, signed
from tests.support.world import World

MAX_REPETITIONS = 100


def _kill(*_: object) -> NoReturn:
    raise ProcessKilled


killed_before = Fault(instead=_kill)
killed_afterwards = Fault(afterwards=_kill)


def meanwhile(act: Callable[[], object]) -> Fault:
    """Something happens before the call, which is then executed."""

    def instead() -> Any:
        act()

    return Fault(instead=instead)


def then_killed(act: Callable[[], object]) -> Fault:
    """The call is executed, something happens, and the process is killed."""

    def afterwards(_: object) -> None:
        act()
        _kill()

    return Fault(afterwards=afterwards)


class Unreliable(BatchWorld):
    """Delivers records and messages again until a function succeeds, as Lambda and SQS do."""

    def _drain(self, source: Source) -> None:
        records = source.new()
        for _ in range(MAX_REPETITIONS if records else 0):
            try:
                if not source.deliver(records)["batchItemFailures"]:
                    return
            except ProcessKilled:
                self.killed += 1
        assert not records, "the handler fails without faults"

    def _deliver(self, message: Message) -> None:
        # An exception is what Lambda sees as a failed function. The message then becomes visible again.
        try:
            super()._deliver(message)
        except Exception:
            self.killed += 1


def new_unreliable(world: World) -> Unreliable:
    """A world whose functions are repeated until they succeed."""
    made = new_batch_world(world)
    return Unreliable(made.world, made.queues, made.processor, made.receiver)


@contextmanager
def faults_of(run: BatchWorld) -> Iterator[Faults]:
    """Yields the faults of all calls to DynamoDB, S3 and SQS, in one numbering."""
    faults, queues = Faults(run.world.client, run.world.s3), run.queues
    for name in ("send_message", "send_message_batch", "change_message_visibility"):
        setattr(queues, name, _faulty(faults, getattr(queues, name)))
    try:
        yield faults
    finally:
        faults.remove()
        for name in ("send_message", "send_message_batch", "change_message_visibility"):
            delattr(queues, name)


def _faulty(faults: Faults, operation: Callable[..., Any]) -> Callable[..., Any]:
    return lambda **parameters: faults.call(partial(operation, **parameters))


@dataclass
class OneDelivery:
    """A signed webhook to a bucket of its own, its sender, and another client that may delete the object."""

    run: BatchWorld
    number: int
    batching: Mapping[str, Any]
    is_deleted: bool = False

    def __post_init__(self) -> None:
        self.api = self.run.api
        self.bucket = new_adapter_bucket(self.api, name=f"tested {self.number:05}", batching=self.batching)
        self.body = encoded(event(self.number, rating=3))
        self.headers = signed(self.run.world, self.body)
        # A bucket that has objects is marked as used, which takes a further call.
        self.run.streams()

    def post(self) -> ApiResponse:
        return anonymous(self.run.world).post(
            f"/v1/webhooks/generic_webhook/{self.bucket}", self.body, headers=self.headers
        )

    def send(self) -> ApiResponse:
        """Sends the webhook until it is accepted, as every sender does."""
        for _ in range(MAX_REPETITIONS):
            try:
                response = self.post()
            except ProcessKilled:
                continue
            if response.status == 200:
                return response
            assert response.status == 503, response.text
        raise AssertionError("the webhook is not accepted")

    def finish(self) -> None:
        """Delivers what follows from the webhook, up to the end of the batch."""
        self.run.pump()

    def delete(self) -> None:
        """A client deletes the object if it exists."""
        for stored in self.api.post(f"/v1/buckets/{self.bucket}/objects/list", {}).json["results"]:
            path = f"/v1/buckets/{self.bucket}/objects/{stored['object_id']}"
            self.is_deleted |= self.api.call("DELETE", path).status == 204

    def check(self) -> None:
        """Checks that the delivery was applied once, as a whole, and that its object is in one batch that was run."""
        (delivery,) = delivery_log(self.api, self.bucket)
        assert (delivery["state"], delivery["result"], delivery["attempt"]) == ("APPLIED", "created", 1), delivery
        object_id = delivery["object_id"]
        stored = self.api.get(f"/v1/buckets/{self.bucket}/objects/{object_id}")
        objects = self.api.post(f"/v1/buckets/{self.bucket}/objects/list", {}).json["results"]
        if self.is_deleted:
            assert (stored.status, objects) == (404, [])
        else:
            assert [each["object_id"] for each in objects] == [object_id]
            assert (stored.json["title"], stored.json["rating"]) == (f"Film {self.number}", 3)
        (batch,) = batches_of(self.api, self.bucket)
        assert batch["object_ids"] == [object_id]
        assert batch["status"] in ("COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED"), batch
        assert self.api.get(f"/v1/tasks/{batch['task_id']}").json["status"] == batch["status"]
        assert not self.is_deleted or self.run.processor.calls.count(object_id) <= 1
        assert self.is_deleted or self.run.processor.calls.count(object_id) == 1
        check_counters(self.api, self.bucket)
