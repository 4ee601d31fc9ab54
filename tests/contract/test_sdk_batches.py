"""The official SDK creates, runs, watches, retries and cancels batches, and parses all responses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from mixpeek.api.batches_api import BatchesApi
from mixpeek.api.bucket_batches_api import BucketBatchesApi
from mixpeek.api.tasks_api import TasksApi
from mixpeek.exceptions import BadRequestException, ConflictException, NotFoundException
from mixpeek.models.add_objects_to_batch_request import AddObjectsToBatchRequest
from mixpeek.models.bulk_submit_batches_request import BulkSubmitBatchesRequest
from mixpeek.models.create_batch_request import CreateBatchRequest
from mixpeek.models.list_batches_request import ListBatchesRequest
from mixpeek.models.patch_batch_request import PatchBatchRequest
from mixpeek.models.retry_batch_request import RetryBatchRequest
from mixpeek.models.submit_batch_request import SubmitBatchRequest

from chalicelib.objects.stored_object import StoredObject
from chalicelib.processing.processor import BatchContext, ProcessingFailed
from tests.contract.conftest import new_sdk
from tests.support.batches import BatchWorld, new_batch_world
from tests.support.objects import create_object_bucket, created
from tests.support.server import serving
from tests.support.world import World


@dataclass
class Hook:
    """Fails for objects with these titles: temporarily, or permanently."""

    temporarily: set[str] = field(default_factory=set)
    permanently: set[str] = field(default_factory=set)

    def __call__(self, stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        title = stored.values["title"]
        if title in self.temporarily:
            raise ProcessingFailed("network", "no connection")
        if title in self.permanently:
            raise ProcessingFailed("validation", "no picture")
        return {"seen_by": "the hook"}


@dataclass
class Batching:
    """The generated classes of the SDK for a server whose batches the test runs, and a bucket with three objects."""

    run: BatchWorld
    hook: Hook
    # Any, because the generated annotations allow None for all fields of responses.
    batches: Any
    of_organization: Any
    tasks: Any
    bucket: str
    ids: list[str]

    def create(self, *object_ids: str, **more: Any) -> Any:
        body = {"object_ids": list(object_ids or self.ids), **more}
        return self.batches.create_batch_buckets_batches(self.bucket, CreateBatchRequest.from_dict(body))

    def completed(self) -> Any:
        """Creates and runs a batch of all objects, and returns it."""
        batch = self.create()
        self.batches.submit_batch_buckets_batches(self.bucket, batch.batch_id)
        self.run.pump()
        return self.get(batch.batch_id)

    def get(self, batch_id: str) -> Any:
        return self.batches.get_batch_buckets_batches(self.bucket, batch_id)

    def statuses(self) -> list[str]:
        api = self.run.api
        return [api.get(f"/v1/buckets/{self.bucket}/objects/{each}").json["status"] for each in self.ids]

    def stats(self) -> dict[str, int]:
        return dict(self.run.api.get(f"/v1/buckets/{self.bucket}").json["batch_stats"])


@pytest.fixture
def batching(world: World) -> Iterator[Batching]:
    hook = Hook()
    run = new_batch_world(world, hook)
    with serving(run.world) as address:
        client = new_sdk(address, world.key, "films").buckets.api_client
        bucket = create_object_bucket(run.api)
        ids = [created(run.api, bucket, {"title": title})["object_id"] for title in ("M", "Fury", "Spione")]
        yield Batching(run, hook, BucketBatchesApi(client), BatchesApi(client), TasksApi(client), bucket, ids)


def test_a_batch_is_created_filled_submitted_and_completed(batching: Batching) -> None:
    """Probe 10 of the contract."""
    batch = batching.create(batching.ids[0], batch_name="spring", metadata={"notes": "first"})
    assert (batch.status, batch.batch_name, batch.metadata.notes) == ("DRAFT", "spring", "first")
    more = AddObjectsToBatchRequest(object_ids=batching.ids)
    added = batching.batches.add_objects_to_batch_buckets_batches(batching.bucket, batch.batch_id, more)
    assert added.object_ids == batching.ids
    patch = PatchBatchRequest.from_dict({"metadata": {"tags": ["a"]}})
    patched = batching.batches.patch_batch_buckets_batches(batching.bucket, batch.batch_id, patch)
    assert patched.metadata.tags == ["a"]

    task = batching.batches.submit_batch_buckets_batches(batching.bucket, batch.batch_id)
    assert (task.task_type, task.status) == ("api_buckets_batches_process", "PENDING")
    assert task.additional_data["sample_object_ids"] == batching.ids
    assert batching.get(batch.batch_id).status == "PENDING"
    # Probe 13 of the contract: a task is found without the header X-Namespace.
    outside = batching.run.api.using(namespace="")
    assert outside.get(f"/v1/tasks/{task.task_id}").json["status"] == "PENDING"
    assert task.task_id in outside.post("/v1/tasks/list").text
    batching.run.streams()
    assert batching.stats()["active"] == 1

    batching.run.pump()

    assert batching.tasks.get_task(task.task_id).status == "COMPLETED"
    done = batching.get(batch.batch_id)
    assert (done.status, done.lifecycle, done.documents_resolvable) == ("COMPLETED", "indexed", True)
    assert (done.progress.processed, done.progress.total, done.progress.percent) == (3, 3, 100.0)
    assert batching.statuses() == ["COMPLETED"] * 3
    counts = batching.stats()
    assert (counts["total"], counts["active"], counts["completed"], counts["failed"]) == (1, 0, 1, 0)
    audit = batching.batches.get_batch_audit_buckets_batches(batching.bucket, batch.batch_id)
    assert (audit["all_balanced"], audit["has_lost_objects"]) == (True, False)
    assert batching.of_organization.get_batch_by_id_batches(batch.batch_id).status == "COMPLETED"
    assert batching.tasks.get_task(task.task_id).task_type == "api_buckets_batches_process"


def test_failed_objects_are_listed_and_retried(batching: Batching) -> None:
    batching.hook.temporarily, batching.hook.permanently = {"M"}, {"Fury"}
    batch = batching.completed()
    assert (batch.status, batch.failed_object_count) == ("COMPLETED_WITH_ERRORS", 2)
    assert [(each.object_id, each.error_type) for each in batch.failed_objects] == [
        (batching.ids[0], "transient"),
        (batching.ids[1], "permanent"),
    ]
    assert batch.error_summary == {"network": 1, "validation": 1}
    assert (batch.progress.errors, batch.progress.first_error) == (2, "no connection")
    listed = batching.batches.get_failed_documents_buckets_batches_batch(batching.bucket, batch.batch_id, limit=1)
    assert (listed["total_count"], len(listed["results"])) == (2, 1)

    batching.hook.temporarily.clear()
    retry = batching.batches.retry_batch_buckets_batches(batching.bucket, batch.batch_id, RetryBatchRequest())
    assert (retry["retried"], retry["skipped"]) == (1, 1)
    batching.run.pump()
    batch = batching.get(batch.batch_id)
    assert (batch.status, batch.failed_object_count, batch.retry_count) == ("COMPLETED_WITH_ERRORS", 1, 1)

    batching.hook.permanently.clear()
    everything = RetryBatchRequest(retry_mode="all")
    batching.batches.retry_batch_buckets_batches(batching.bucket, batch.batch_id, everything)
    batching.run.pump()
    assert batching.get(batch.batch_id).status == "COMPLETED"
    assert batching.statuses() == ["COMPLETED"] * 3
    audit = batching.batches.get_batch_audit_buckets_batches(batching.bucket, batch.batch_id)
    assert (audit["all_balanced"], audit["tiers"][0]["processed"]) == (True, 3)


def test_a_batch_whose_objects_all_fail_is_resubmitted(batching: Batching) -> None:
    batching.hook.permanently = {"M", "Fury", "Spione"}
    batch = batching.completed()
    assert (batch.status, batch.lifecycle, batch.failure_category) == ("FAILED", "failed", "validation")
    assert batching.stats()["failed"] == 1
    batching.hook.permanently.clear()
    again = batching.batches.resubmit_batch_buckets_batches(batching.bucket, batch.batch_id)
    assert again["status"] == "PENDING"
    batching.run.pump()
    assert batching.get(batch.batch_id).status == "COMPLETED"
    as_draft = batching.batches.resubmit_batch_buckets_batches(batching.bucket, batch.batch_id, auto_submit=False)
    assert (as_draft["status"], as_draft["task_id"]) == ("DRAFT", None)
    assert batching.get(batch.batch_id).progress is None


def test_a_batch_is_canceled_and_deleted(batching: Batching) -> None:
    batch = batching.create()
    batching.batches.submit_batch_buckets_batches(batching.bucket, batch.batch_id)
    with pytest.raises(ConflictException):
        batching.batches.submit_batch_buckets_batches(batching.bucket, batching.create().batch_id)
    with pytest.raises(ConflictException):
        batching.batches.delete_batch_buckets_batches(batching.bucket, batch.batch_id)
    task = batching.batches.cancel_batch_buckets_batches(batching.bucket, batch.batch_id, reason="too early")
    assert task.status == "CANCELED"
    canceled = batching.get(batch.batch_id)
    assert (canceled.status, canceled.lifecycle, canceled.lifecycle_reason) == ("CANCELED", "canceled", "too early")
    with pytest.raises(BadRequestException):
        batching.of_organization.cancel_batch_by_id_batches(batch.batch_id)
    batching.run.pump()
    assert batching.run.processor.calls == []
    deleted = batching.batches.delete_batch_buckets_batches(batching.bucket, batch.batch_id)
    assert (deleted.success, deleted.message) == (True, "Successfully deleted")
    with pytest.raises(NotFoundException):
        batching.get(batch.batch_id)


def test_batches_are_listed_in_a_bucket_and_in_the_organization(batching: Batching) -> None:
    made = [batching.create(each).batch_id for each in batching.ids]
    batching.of_organization.cancel_batch_by_id_batches(made[0])
    batching.run.streams()  # the total of a bucket is a statistic
    page = batching.batches.list_batches_buckets(batching.bucket, ListBatchesRequest(limit=2))
    assert [each.batch_id for each in page.results] == [made[2], made[1]]
    assert page.total_count == 3
    following = ListBatchesRequest(limit=2, cursor=page.pagination["next_cursor"])
    assert [each.batch_id for each in batching.batches.list_batches_buckets(batching.bucket, following).results] == [
        made[0]
    ]
    found = batching.of_organization.list_all_batches(ListBatchesRequest.from_dict({"status": "CANCELED"}))
    assert [each.batch_id for each in found.results] == [made[0]]
    assert len(batching.of_organization.list_all_batches().results) == 3
    empty = ListBatchesRequest.from_dict({"collection_id": "col_1"})
    assert batching.of_organization.list_all_batches(empty).results == []


def test_a_whole_bucket_is_submitted(batching: Batching) -> None:
    request = BulkSubmitBatchesRequest(chunk_size=2)
    done = batching.batches.bulk_submit_batches_buckets(batching.bucket, request)
    assert (done.total_objects, done.total_batches, done.submitted, done.failed) == (3, 2, 2, 0)
    assert [each.object_count for each in done.batches] == [2, 1]
    batching.run.pump()
    assert batching.statuses() == ["COMPLETED"] * 3
    drafts = [batching.create(each).batch_id for each in batching.ids]
    everything = batching.batches.submit_all_drafts_buckets_batches(batching.bucket)
    assert (everything["submitted"], everything["failed"], everything["total"]) == (drafts, [], 3)


def test_the_end_of_a_batch_is_notified_once(batching: Batching) -> None:
    batch = batching.create()
    request = SubmitBatchRequest(webhook_url="https://example.com/done")
    task = batching.batches.submit_batch_buckets_batches(batching.bucket, batch.batch_id, submit_batch_request=request)
    assert task.additional_data["webhook_secret"]
    batching.run.pump()
    assert [each["url"] for each in batching.run.receiver.requests] == ["https://example.com/done"]
    assert batching.get(batch.batch_id).webhook_url == "https://example.com/done"
