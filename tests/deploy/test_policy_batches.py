"""The policies of the functions that run batches grant exactly the permissions that the functions use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from chalicelib.objects.stored_object import StoredObject
from chalicelib.processing.default_hook import DefaultHook
from chalicelib.processing.processor import BatchContext, ProcessingFailed
from tests.support.api import Api
from tests.support.batch_states import MISSING_OBJECT, batch_path, draft, submitted
from tests.support.batches import BATCH_QUEUE, TASK_QUEUE, BatchWorld, new_batch_world
from tests.support.objects import POSTER, create_object_bucket, created
from tests.support.permissions import Permission, granted, logical_ids, permissions_used, renamed
from tests.support.pump import Source
from tests.support.task_queue import FakeContext, Message
from tests.support.webhooks import deliver, event, new_adapter_bucket
from tests.support.world import World

QUEUES = {TASK_QUEUE: "TaskQueue", BATCH_QUEUE: "BatchQueue"}
ACTIONS = {"send_message": "SendMessage", "send_message_batch": "SendMessage"}
ACTIONS |= {"change_message_visibility": "ChangeMessageVisibility"}
# Actions of Lambda itself, which receives messages and reads streams with the role of the function.
POLLING = {f"sqs:{name}" for name in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")}
POLLING |= {f"dynamodb:{name}" for name in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")}


@dataclass
class SomeFail:
    """The default hook, which fails for objects with this title."""

    default: DefaultHook
    title: str = "fails"
    max_seconds: float = 60.0

    def process(self, stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        if stored.values.get("title") == self.title and context.attempt == 1:
            raise ProcessingFailed("network", "no connection")
        return {**self.default.process(stored, context), "take": 7}

    def close(self) -> None:
        """Nothing to close."""


@dataclass
class RecordingWorld(BatchWorld):
    """Records the permissions that each function uses, by the name of its policy."""

    used: dict[str, set[Permission]] = field(default_factory=lambda: defaultdict(set))
    seen: set[Permission] = field(default_factory=set)

    @contextmanager
    def not_recorded(self) -> Iterator[None]:
        """What the block uses does not count as used by the function that runs."""
        before = set(self.seen)
        yield
        self.seen.clear()
        self.seen.update(before)

    def deliver(self, message: Message) -> bool:
        return bool(self._recorded("batch-message", lambda: super(RecordingWorld, self).deliver(message)))

    def deliver_task(self, message: Message) -> bool:
        return bool(self._recorded("task", lambda: super(RecordingWorld, self).deliver_task(message)))

    def _drain(self, source: Source) -> None:
        name = "catalog-change" if source is self.world.pump.catalog else "objects-change"
        self._recorded(name, lambda: super(RecordingWorld, self)._drain(source))

    def _recorded(self, name: str, act: Any) -> Any:
        before = {url: len(self.queues.of(url).calls) for url in QUEUES}
        with permissions_used(self.world.client, self.world.s3) as seen:
            self.seen = seen
            result = act()
        self.used[name] |= renamed(seen, logical_ids(self.world))
        for url, count in before.items():
            calls = self.queues.of(url).calls[count:]
            self.used[name] |= {Permission(f"sqs:{ACTIONS[call]}", QUEUES[url]) for call in calls}
        return result


@pytest.fixture
def run(world: World) -> RecordingWorld:
    made = new_batch_world(world, processor=SomeFail(DefaultHook(world.services.objects.blobs, 20)))
    return RecordingWorld(made.world, made.queues, made.processor, made.receiver)


def use_batches(run: RecordingWorld) -> None:
    """Runs batches in all ways that differ in their calls to AWS, and deletes buckets with batches."""
    api = run.api
    bucket_id = create_object_bucket(api)
    bodies: list[dict[str, Any]] = [{"title": "M", "blobs": [POSTER]}, {"title": "fails"}, {"title": "fails"}]
    ids = [created(api, bucket_id, body)["object_id"] for body in bodies]
    batch_id = submitted(api, bucket_id, *ids, MISSING_OBJECT, webhook_url="https://example.com/done")
    run.receiver.statuses = [503]
    run.context = lambda: FakeContext(remaining=70)  # time for one object
    run.pump()
    run.context = FakeContext
    path = batch_path(bucket_id, batch_id)
    assert api.get(path).json["status"] == "COMPLETED_WITH_ERRORS"
    assert api.post(f"{path}/retry", {}).json["retried"] == 2
    run.pump()
    assert api.get(path).json["error_summary"] == {"validation": 1}
    stopped = submitted(api, bucket_id, MISSING_OBJECT, *ids, tolerated_failure_percentage=1)
    run.pump()
    assert api.get(batch_path(bucket_id, stopped)).json["status"] == "FAILED"
    _lose_a_message(run, api, bucket_id, ids)
    _delete_while_reported(run, api, bucket_id, ids)
    _receive_webhooks(run, api)
    submitted(api, bucket_id, *ids)
    draft(api, bucket_id, ids[0])
    assert api.call("DELETE", f"/v1/buckets/{bucket_id}", query={"force_foreclose": "true"}).status == 200
    run.pump()


def _lose_a_message(run: RecordingWorld, api: Api, bucket_id: str, ids: list[str]) -> None:
    """Runs a batch whose message is lost, so its task sends it again."""
    batch_id = submitted(api, bucket_id, *ids)
    while not run.queues.batches.waiting:
        run.step()
    run.queues.batches.waiting.clear()
    for _ in range(3):
        run.world.clock.advance(901)
        run.streams()
        run.deliver_task(run.queues.tasks.waiting[-1])
    run.pump()
    assert api.get(batch_path(bucket_id, batch_id)).json["status"] != "IN_PROGRESS"


def _receive_webhooks(run: RecordingWorld, api: Api) -> None:
    """Makes batches of the objects of webhooks: of a window whose time ends, and of one that is full."""
    for name, batching in (("timed", {"mode": "time_window"}), ("single", {"mode": "immediate"})):
        bucket_id = new_adapter_bucket(api, name=name, batching=batching)
        assert deliver(run.world, bucket_id, event()).status == 200
        run.pump()
        (batch,) = api.post(f"{batch_path(bucket_id)}/list", {}).json["results"]
        assert batch["status"] == "COMPLETED"


def _delete_while_reported(run: RecordingWorld, api: Api, bucket_id: str, ids: list[str]) -> None:
    """Cancels a batch, and deletes it while the message about its end is handled."""
    batch_id = submitted(api, bucket_id, *ids)
    run.step()
    path = batch_path(bucket_id, batch_id)
    assert api.post(f"{path}/cancel").status == 200
    run.streams()
    events = run.world.s3.meta.events

    def delete(**_: Any) -> None:
        events.unregister("after-call.s3.PutObject", delete)
        with run.not_recorded():
            assert api.call("DELETE", path).status == 200

    events.register("after-call.s3.PutObject", delete)
    run.pump()


def allowed(policy: str) -> set[Permission]:
    return {each for each in granted(policy, ("dynamodb:", "s3:", "sqs:")) if each.action not in POLLING}


def test_the_policies_grant_exactly_what_the_functions_use(run: RecordingWorld) -> None:
    use_batches(run)
    assert run.used["batch-message"] == allowed("batch-message")
    # These functions do other work as well, which has tests of its own.
    for policy in ("task", "catalog-change", "objects-change"):
        assert run.used[policy] - allowed(policy) == set(), policy
    for action in ("PutObject", "DeleteObject"):
        assert Permission(f"s3:{action}", "BlobBucket/batches/*") in run.used["task"]
    for queue in ("TaskQueue", "BatchQueue"):
        assert Permission("sqs:SendMessage", queue) in run.used["catalog-change"]
