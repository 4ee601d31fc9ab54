"""Only the functions that use the key may use it, and only in the ways in which they use it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.batches import BatchWorld
from tests.support.permissions import Permission, granted
from tests.support.pump import Source
from tests.support.secret_key import KeyCalls, new_key, with_key
from tests.support.task_queue import Message
from tests.support.webhooks import ADAPTER, SCHEMA, deliver, event
from tests.support.world import World

POLICIES = ("api", "batch-message", "blob-arrival", "catalog-change", "mirror-message", "objects-change", "task")


@dataclass
class RecordingWorld(BatchWorld):
    """Records the calls to KMS of each function, by the name of its policy."""

    key: KeyCalls = field(kw_only=True)
    used: dict[str, set[Permission]] = field(default_factory=lambda: defaultdict(set))

    def deliver(self, message: Message) -> bool:
        return bool(self.recorded("batch-message", lambda: super(RecordingWorld, self).deliver(message)))

    def deliver_task(self, message: Message) -> bool:
        return bool(self.recorded("task", lambda: super(RecordingWorld, self).deliver_task(message)))

    def _drain(self, source: Source) -> None:
        name = "catalog-change" if source is self.world.pump.catalog else "objects-change"
        self.recorded(name, lambda: super(RecordingWorld, self)._drain(source))

    def recorded(self, name: str, act: Callable[[], Any]) -> Any:
        self.world.clock.advance(3600)  # nothing is in the cache, as in a new process
        self.key.calls.clear()
        result = act()
        self.used[name] |= {Permission(f"kms:{call.title()}", "SecretsKeyArn") for call in self.key.calls}
        return result


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch) -> RecordingWorld:
    key = new_key(world.client)
    made = with_key(world, key, monkeypatch)
    return RecordingWorld(made.world, made.queues, made.processor, made.receiver, key=key)


def use_secrets(run: RecordingWorld) -> str:
    """Uses secrets in all ways that requests do. Returns the path of the bucket."""
    body = {"bucket_name": "films", "bucket_schema": SCHEMA, "source_adapter": ADAPTER}
    bucket = run.api.post("/v1/buckets", body).json["bucket_id"]
    run.world.clock.advance(3600)
    assert deliver(run.world, bucket, event(1)).status == 200
    path = f"/v1/buckets/{bucket}"
    made = run.api.post(f"{path}/objects", {"title": "M"}).json["object_id"]
    batch = run.api.post(f"{path}/batches", {"object_ids": [made]}).json["batch_id"]
    submission = {"webhook_url": "https://example.com/done"}
    assert run.api.post(f"{path}/batches/{batch}/submit", submission).status == 200
    return path


def test_the_policies_grant_exactly_what_the_functions_use(run: RecordingWorld) -> None:
    path = run.recorded("api", lambda: use_secrets(run))
    run.pump()
    assert len(run.receiver.requests) == 1
    assert run.api.call("DELETE", path).status == 200
    run.pump()
    assert {policy: run.used[policy] for policy in POLICIES} == {
        policy: granted(policy, ("kms:",)) for policy in POLICIES
    }
