"""Batches under everything that may happen between two steps.

A history has a few objects in chunks of three, a hook that succeeds, fails or dies, deliveries in any order and several
times, processes that are killed at any call to AWS, workers that lose their lease, and clients that cancel the batch
and change or delete objects at any moment. Whatever happens, every object is accounted for exactly once.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.batches import batch as batch_module
from chalicelib.batches import chunk_store
from chalicelib.objects.stored_object import StoredObject
from chalicelib.processing.processor import BatchContext, HookDied, ProcessingFailed
from tests.support.batches import BatchWorld, new_batch_world
from tests.support.engine import drop_blob_bucket, drop_tables, new_blob_bucket, new_tables
from tests.support.objects import create_object_bucket, created
from tests.support.task_queue import ProcessKilled, killing
from tests.support.world import World, new_world

CHUNK_SIZE = 3
BEHAVIOURS = ("completes", "completes", "transient", "permanent", "hook_dies", "worker_dies", "lease_ends", "changes",
              "deletes", "cancels")  # fmt: skip
TERMINAL = {"COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELED"}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of a few objects, so that a batch has several."""
    monkeypatch.setattr(batch_module, "CHUNK_SIZE", CHUNK_SIZE)
    monkeypatch.setattr(chunk_store, "CHUNK_SIZE", CHUNK_SIZE)


@dataclass
class History:
    """A batch, its hook, and what the hook was called with. `plan` has a behaviour for each object."""

    plan: Mapping[str, str] = field(default_factory=dict)
    run: BatchWorld = field(init=False)
    bucket: str = ""
    path: str = ""
    depth: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    changed: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)

    def process(self, stored: StoredObject, context: BatchContext) -> dict[str, Any]:
        """The hook. A behaviour that disturbs the worker only does so once for an object."""
        behaviour = self.plan.get(stored.object_id, "completes")
        self.seen[stored.object_id] += 1
        if self.seen[stored.object_id] == 1 or behaviour in ("hook_dies", "permanent"):
            self._disturb(behaviour, stored)
        return {"title": f"processed {self.seen[stored.object_id]}"}

    def _disturb(self, behaviour: str, stored: StoredObject) -> None:
        path = f"/v1/buckets/{self.bucket}/objects/{stored.object_id}"
        if behaviour == "transient":
            raise ProcessingFailed("network", "The other service is busy")
        if behaviour == "permanent":
            raise ProcessingFailed("validation", "The object is invalid")
        if behaviour == "hook_dies":
            raise HookDied("The process of the hook ended with the exit code 9")
        if behaviour == "worker_dies":
            raise ProcessKilled
        if behaviour == "lease_ends":
            self._let_another_worker_continue()
        if behaviour == "changes":
            self.run.api.patch(path, {"title": "changed by a client"})
            self.changed.add(stored.object_id)
        if behaviour == "deletes":
            self.run.api.call("DELETE", path)
            self.deleted.add(stored.object_id)
        if behaviour == "cancels":
            self.run.api.post(f"{self.path}/cancel")

    def _let_another_worker_continue(self) -> None:
        """The lease ends while this worker is still busy, and a second one gets the messages."""
        if self.depth:
            return
        self.depth += 1
        self.run.world.clock.advance(400)
        for message in list(self.run.queues.batches.waiting):
            with killed_quietly():
                self.run.deliver(message)
        self.depth -= 1


@contextmanager
def killed_quietly() -> Iterator[None]:
    with suppress(ProcessKilled):
        yield


@contextmanager
def fresh_world(client: Any, s3: Any) -> Iterator[World]:
    """A world with tables and files of its own, because each example needs empty ones."""
    tables, bucket = new_tables(client), new_blob_bucket(s3)
    try:
        yield new_world(client, tables, s3, bucket)
    finally:
        drop_tables(client, tables)
        drop_blob_bucket(s3, bucket)


def new_history(world: World, behaviours: list[str]) -> History:
    history = History()
    history.run = new_batch_world(world, history.process)
    api = history.run.api
    history.bucket = create_object_bucket(api)
    ids = [created(api, history.bucket, {"title": "new"})["object_id"] for _ in behaviours]
    history.plan = dict(zip(ids, behaviours, strict=True))
    new = api.post(f"/v1/buckets/{history.bucket}/batches", {"object_ids": ids}).json
    history.path = f"/v1/buckets/{history.bucket}/batches/{new['batch_id']}"
    submitted = api.post(f"{history.path}/submit", {"webhook_url": "https://example.com/done"})
    assert submitted.status == 200, submitted.text
    return history


def chunk_rows(world: World) -> list[dict[str, Any]]:
    rows = world.client.scan(TableName=world.tables.catalog, ConsistentRead=True)["Items"]
    return [row for row in rows if row["sk"]["S"].startswith("RUN#")]


def outcomes(world: World) -> str:
    return "".join(row["outcomes"]["S"] for row in sorted(chunk_rows(world), key=lambda row: row["sk"]["S"]))


def check_end(history: History) -> None:
    """Every object has one outcome, all totals agree, and nothing is left to do."""
    run, api = history.run, history.run.api
    found = api.get(f"{history.path}?return_presigned_urls=true").json
    assert found["status"] in TERMINAL
    letters = outcomes(run.world)
    assert len(letters) == len(history.plan)
    assert found["status"] == "CANCELED" or "-" not in letters
    audit = api.get(f"{history.path}/audit").json
    assert audit["all_balanced"], audit
    assert not audit["has_lost_objects"], audit
    progress = found["progress"]
    if progress is not None:
        assert progress["processed"] == len(letters.replace("-", ""))
        assert progress["errors"] == found["failed_object_count"] == sum(map(letters.count, "dnvaxr"))
    check_task(history, found)
    check_report(history, found, letters)
    check_webhook(history, found)
    check_objects(history, letters)
    assert not run.queues.batches.waiting
    assert not run.queues.batches.dead
    keys = {row["sk"]["S"].split("#")[0]: row for row in all_rows(run.world) if row["pk"]["S"].startswith("BATCHES#")}
    assert "ACTIVE" not in keys


def check_task(history: History, found: dict[str, Any]) -> None:
    task = history.run.api.get(f"/v1/tasks/{found['task_id']}").json
    assert task["status"] == found["status"], (task, found["status"])


def check_report(history: History, found: dict[str, Any], letters: str) -> None:
    import json

    content = history.run.world.s3.get_object(Bucket=history.run.world.settings.blob_bucket, Key=found["report_key"])
    lines = [json.loads(line) for line in content["Body"].read().splitlines()]
    assert [line["object_id"] for line in lines] == list(history.plan)
    expected = {"C": "completed", "-": "not_processed", "M": "skipped", "D": "skipped", "S": "skipped"}
    assert [line["outcome"] for line in lines] == [expected.get(letter, "failed") for letter in letters]


def check_webhook(history: History, found: dict[str, Any]) -> None:
    """The notification was sent at least once, and always with the same id."""
    requests = history.run.receiver.requests
    assert {request["headers"]["webhook-id"] for request in requests} == {f"{found['batch_id']}-1"}
    assert found["webhook"]["status"] == "delivered"


def check_objects(history: History, letters: str) -> None:
    """Objects that were changed or deleted by a client are as the client left them."""
    for object_id, letter in zip(history.plan, letters, strict=True):
        response = history.run.api.get(f"/v1/buckets/{history.bucket}/objects/{object_id}")
        if object_id in history.deleted:
            assert response.status == 404
        elif letter == "C":
            assert response.json["status"] == "COMPLETED"
        elif letter in "vnr":
            assert (response.json["status"], bool(response.json["error"])) == ("FAILED", True)
        elif object_id in history.changed and history.seen[object_id] == 1:
            assert letter == "M"
            assert response.json["title"] == "changed by a client"


def all_rows(world: World) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = world.client.scan(TableName=world.tables.catalog, ConsistentRead=True)["Items"]
    return rows


behaviour_lists = st.lists(st.sampled_from(BEHAVIOURS), min_size=1, max_size=8)


@settings(max_examples=max(5, settings().max_examples // 20))
@given(behaviour_lists, st.sets(st.integers(1, 250), max_size=6), st.randoms(use_true_random=False))
def test_every_object_is_accounted_for_exactly_once(
    client: Any, s3: Any, behaviours: list[str], kills: set[int], rng: random.Random
) -> None:
    with fresh_world(client, s3) as world:
        history = new_history(world, behaviours)
        run = history.run
        with killing(run.queues.batches, world.client, world.s3, at=lambda number: number in kills):
            for _ in range(400):
                with killed_quietly():
                    if not run.step(rng=rng, repeats=2):
                        break
        run.pump()
        check_end(history)
