"""The HTTP operations that run batches: submit, cancel, retry and resubmit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from chalicelib.batches.errors import (
    BatchEmpty,
    BatchEnded,
    BatchListTooLong,
    BatchNotDraft,
    BatchNotEnded,
    BatchNotFound,
    NoObjectsMatch,
    NothingToRetry,
    ObjectsInFlight,
    SelectionTooSlow,
)
from chalicelib.buckets.errors import BucketLocked, BucketNotActive, BucketNotFound
from chalicelib.core.errors import NotEnabled
from chalicelib.core.lazy_module import LazyModule
from chalicelib.http.operation import Call, JsonResponse, Operation

if TYPE_CHECKING:
    from chalicelib.batches import models, requests, response_models, responses
    from chalicelib.batches.facade import BatchServices
    from chalicelib.buckets import place as places
else:
    places = LazyModule("chalicelib.buckets.place")
    models = LazyModule("chalicelib.batches.models")
    requests = LazyModule("chalicelib.batches.requests")
    responses = LazyModule("chalicelib.batches.responses")
    response_models = LazyModule("chalicelib.batches.response_models")

BATCHES = "/v1/buckets/{bucket_identifier}/batches"
BATCH = f"{BATCHES}/{{batch_id}}"
operation = partial(Operation, tag="Batches", scope="namespace")
BUCKET_ERRORS = (BucketNotFound, BucketLocked, BucketNotActive)
SUBMIT_ERRORS = (*BUCKET_ERRORS, BatchNotFound, BatchNotDraft, BatchEmpty, ObjectsInFlight, NotEnabled)
RERUN_ERRORS = (*BUCKET_ERRORS, BatchNotFound, BatchNotEnded, ObjectsInFlight)


def run_operations(services: Callable[[], BatchServices]) -> list[Operation]:
    """Returns the operations that start and end the runs of batches."""

    def submit(call: Call) -> JsonResponse:
        requests.check_collections(call.body.collection_ids)
        submission = requests.submission_of(services(), call)
        _, task = services().batches.submit(places.place_of(call), call.path["batch_id"], submission)
        secret = submission.webhook.secret if submission.webhook and call.body.webhook_secret is None else None
        return responses.submit_response(services(), task, secret)

    def cancel(call: Call) -> JsonResponse:
        return responses.cancel_response(services(), places.place_of(call), call)

    def retry(call: Call) -> JsonResponse:
        done = services().reruns.retry(
            places.place_of(call),
            call.path["batch_id"],
            transient_only=call.body.retry_mode == "transient_only",
            max_retry_count=call.body.max_retry_count,
        )
        task_id = done.task.task_id if done.task else None
        counts = {"retried": done.retried, "skipped": done.skipped}
        return JsonResponse({"batch_id": done.batch.batch_id, **counts, "task_id": task_id})

    def resubmit(call: Call) -> JsonResponse:
        batch, task = services().reruns.resubmit(
            places.place_of(call), call.path["batch_id"], submit=requests.submits(call) is not False
        )
        task_id = task.task_id if task else None
        return JsonResponse({"batch_id": batch.batch_id, "status": batch.status.value, "task_id": task_id})

    def submit_all(call: Call) -> JsonResponse:
        return JsonResponse(services().bulk.submit_drafts(places.place_of(call)))

    def bulk_submit(call: Call) -> JsonResponse:
        requests.check_collections(call.body.collection_ids)
        return JsonResponse(services().bulk.submit_objects(places.place_of(call), call.body))

    return [
        operation(
            method="POST",
            path=f"{BATCH}/submit",
            name="submit_batch_buckets_batches",
            summary="Submit Batch",
            description="Submits a draft for processing, and returns the task that processes it.",
            run=submit,
            response=lambda: response_models.BatchTaskResponse,
            body=lambda: models.SubmitBatchRequest,
            query=lambda: models.SubmitBatchQuery,
            permission="write",
            errors=SUBMIT_ERRORS,
        ),
        operation(
            method="POST",
            path=f"{BATCH}/cancel",
            name="cancel_batch_buckets_batches",
            summary="Cancel Batch",
            description="Cancels a batch that has not ended. Objects that are being processed are completed; no other "
            "object starts.",
            run=cancel,
            response=lambda: response_models.BatchTaskResponse,
            query=lambda: models.CancelBatchQuery,
            permission="write",
            errors=(BucketNotFound, BatchNotFound, BatchEnded),
        ),
        operation(
            method="POST",
            path=f"{BATCH}/retry",
            name="retry_batch_buckets_batches",
            summary="Retry Batch",
            description="Processes the failed objects of a batch that has ended again.",
            run=retry,
            response=lambda: response_models.RetryBatchResponse,
            body=lambda: models.RetryBatchRequest,
            body_required=True,
            permission="write",
            errors=(*RERUN_ERRORS, NothingToRetry),
        ),
        operation(
            method="POST",
            path=f"{BATCH}/resubmit",
            name="resubmit_batch_buckets_batches",
            summary="Resubmit Batch",
            description="Makes a batch that has ended start over with all of its objects.",
            run=resubmit,
            response=lambda: response_models.ResubmitBatchResponse,
            body=lambda: models.ResubmitBatchRequest,
            query=lambda: models.ResubmitBatchQuery,
            permission="write",
            errors=RERUN_ERRORS,
        ),
        operation(
            method="POST",
            path=f"{BATCHES}/submit-all",
            name="submit_all_drafts_buckets_batches",
            summary="Submit All Drafts",
            description="Submits every draft of the bucket, oldest first.",
            run=submit_all,
            response=lambda: response_models.SubmitAllResponse,
            permission="write",
            errors=(BucketNotFound, BatchListTooLong),
        ),
        operation(
            method="POST",
            path=f"{BATCHES}/bulk-submit",
            name="bulk_submit_batches_buckets",
            summary="Bulk Submit",
            description="Submits the objects of the bucket, or those that match a filter, in batches.",
            run=bulk_submit,
            response=lambda: response_models.BulkSubmitResponse,
            body=lambda: models.BulkSubmitRequest,
            permission="write",
            errors=(*BUCKET_ERRORS, NoObjectsMatch, SelectionTooSlow, NotEnabled),
        ),
    ]
