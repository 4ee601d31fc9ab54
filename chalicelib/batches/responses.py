"""The responses of operations on batches that several operations share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.batches.batch import Batch
from chalicelib.batches.closing import new_task
from chalicelib.batches.facade import BatchServices
from chalicelib.batches.lists import BatchPage
from chalicelib.batches.requests import DEFAULT_LIST_LIMIT
from chalicelib.batches.store import Found
from chalicelib.batches.views import show as show_batch
from chalicelib.buckets.place import BucketPlace
from chalicelib.http.operation import Call, JsonResponse
from chalicelib.listing.pagination import page_request, pagination
from chalicelib.tasks.task import NewTask, show, started


def batch_response(services: BatchServices, batch: Batch) -> JsonResponse:
    """Returns the response for a batch that a request has changed."""
    return JsonResponse(services.reader.shown(Found(batch, None)))


def list_response(services: BatchServices, call: Call, found: BatchPage, *, path: str) -> JsonResponse:
    """Returns the response of a list."""
    now = services.batches.clock()
    given = call.body.model_dump(exclude_unset=True)
    request = page_request(None, given, default_limit=DEFAULT_LIST_LIMIT)
    links = pagination(
        request, path=path, returned=len(found.rows), total=found.total, next_cursor=found.next_cursor, by_offset=False
    )
    results = [show_batch(each.batch, each.tally, now) for each in found.rows]
    return JsonResponse({"results": results, "total_count": found.total, "pagination": links})


def cancel_response(services: BatchServices, place: BucketPlace, call: Call) -> JsonResponse:
    """Cancels a batch, and returns the response."""
    batches = services.batches
    batch = batches.cancel(place, call.path["batch_id"], call.query.reason)
    task = batches.tasks.find(batch.organization, str(batch.task_id))
    if task is None:  # it has expired, which a task that runs never does
        task = started(new_task(batches.tasks, batch), batches.clock())
    return JsonResponse(_as_batch_task({**show(task), "status": batch.status.value}))


def submit_response(services: BatchServices, task: NewTask, secret: str | None) -> JsonResponse:
    """Returns the response for a batch that was submitted. `secret` signs its webhook, if the service made it."""
    shown = show(started(task, services.batches.clock()))
    if secret is not None:
        # Only this response contains the secret.
        shown = {**shown, "additional_data": {**(shown["additional_data"] or {}), "webhook_secret": secret}}
    return JsonResponse(_as_batch_task(shown))


def _as_batch_task(shown: Mapping[str, Any]) -> dict[str, Any]:
    return {**shown, "queue_position": None, "estimated_wait_minutes": None}
