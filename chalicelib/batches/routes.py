"""The HTTP operations on the batches of a bucket."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.batches.errors import (
    BatchActive,
    BatchEmpty,
    BatchListTooLong,
    BatchNotDraft,
    BatchNotFound,
    NoObjectsMatch,
    ObjectsInFlight,
    ObjectsNotFound,
    SelectionTooSlow,
)
from chalicelib.batches.run_routes import BATCH, BATCHES, BUCKET_ERRORS, operation, run_operations
from chalicelib.buckets.errors import BucketNotFound
from chalicelib.core.errors import NotEnabled
from chalicelib.core.lazy_module import LazyModule
from chalicelib.http.operation import Call, JsonResponse, Operation
from chalicelib.listing.cursors import CursorInvalid

if TYPE_CHECKING:
    from chalicelib.batches import models, requests, response_models, responses
    from chalicelib.batches.batch import Batch
    from chalicelib.batches.facade import BatchServices
    from chalicelib.batches.lists import BatchPage
    from chalicelib.buckets import place as places
    from chalicelib.buckets.place import BucketPlace
else:
    places = LazyModule("chalicelib.buckets.place")
    models = LazyModule("chalicelib.batches.models")
    requests = LazyModule("chalicelib.batches.requests")
    responses = LazyModule("chalicelib.batches.responses")
    response_models = LazyModule("chalicelib.batches.response_models")

# A request with 50 000 ids has 1.7 MB.
MAX_IDS_BYTES = 4_000_000
SELECTION_ERRORS = (ObjectsNotFound, NoObjectsMatch, SelectionTooSlow, NotEnabled)


def batch_operations(services: Callable[[], BatchServices]) -> list[Operation]:
    """Returns the operations on the batches of a bucket."""
    return [*_crud_operations(services), *run_operations(services), *_detail_operations(services)]


def _crud_operations(services: Callable[[], BatchServices]) -> list[Operation]:
    def create(call: Call) -> JsonResponse:
        requests.check_collections(call.body.collection_ids)
        place, batches = places.place_of(call), services().batches
        is_submitted = requests.submits(call)
        if is_submitted and call.body.object_ids is None and call.body.filters is None:
            raise BatchEmpty()
        batch = batches.create(place, call.body, skip_validation=call.query.skip_validation)
        if is_submitted:
            batch = _auto_submit(services(), place, batch)
        return responses.batch_response(services(), batch)

    def get(call: Call) -> JsonResponse:
        found = services().batches.get_with_tally(places.place_of(call), call.path["batch_id"])
        return JsonResponse(services().reader.shown(found, with_urls=call.query.return_presigned_urls))

    def patch(call: Call) -> JsonResponse:
        metadata = call.body.metadata.model_dump(exclude_unset=True)
        batch = services().batches.set_metadata(places.place_of(call), call.path["batch_id"], metadata)
        return responses.batch_response(services(), batch)

    def delete(call: Call) -> JsonResponse:
        services().batches.remove(places.place_of(call), call.path["batch_id"])
        return JsonResponse({"message": "Successfully deleted", "success": True})

    def list_(call: Call) -> JsonResponse:
        return responses.list_response(services(), call, _bucket_list(services(), call), path=f"{_path(call)}/list")

    def add_objects(call: Call) -> JsonResponse:
        place, ids = places.place_of(call), call.body.object_ids
        batch = services().batches.add_objects(
            place, call.path["batch_id"], ids, skip_validation=call.query.skip_validation
        )
        return responses.batch_response(services(), batch)

    return [
        operation(
            method="POST",
            path=BATCHES,
            name="create_batch_buckets_batches",
            summary="Create Batch",
            description="Creates a batch from ids or from a filter. It is a draft, unless it is submitted at once.",
            run=create,
            response=lambda: response_models.BatchResponse,
            body=lambda: models.CreateBatchRequest,
            query=lambda: models.CreateBatchQuery,
            permission="write",
            errors=(*BUCKET_ERRORS, *SELECTION_ERRORS, BatchEmpty, ObjectsInFlight),
            max_body_bytes=MAX_IDS_BYTES,
        ),
        operation(
            method="POST",
            path=f"{BATCHES}/list",
            name="list_batches_buckets",
            summary="List Batches",
            description="Lists the batches of a bucket, newest first.",
            run=list_,
            response=lambda: response_models.ListBatchesResponse,
            body=lambda: models.ListBatchesRequest,
            errors=(BucketNotFound, CursorInvalid, BatchListTooLong),
        ),
        operation(
            method="GET",
            path=BATCH,
            name="get_batch_buckets_batches",
            summary="Get Batch",
            description="Returns a batch with its progress.",
            run=get,
            response=lambda: response_models.BatchResponse,
            query=lambda: models.BatchQuery,
            errors=(BucketNotFound, BatchNotFound),
        ),
        operation(
            method="PATCH",
            path=BATCH,
            name="patch_batch_buckets_batches",
            summary="Patch Batch",
            description="Replaces the metadata of a batch.",
            run=patch,
            response=lambda: response_models.BatchResponse,
            body=lambda: models.PatchBatchRequest,
            body_required=True,
            permission="write",
            errors=(*BUCKET_ERRORS, BatchNotFound),
        ),
        operation(
            method="DELETE",
            path=BATCH,
            name="delete_batch_buckets_batches",
            summary="Delete Batch",
            description="Deletes a batch that is not running. Its objects stay.",
            run=delete,
            response=lambda: response_models.GenericDeleteResponse,
            permission="delete",
            errors=(*BUCKET_ERRORS, BatchNotFound, BatchActive),
        ),
        operation(
            method="POST",
            path=f"{BATCH}/objects",
            name="add_objects_to_batch_buckets_batches",
            summary="Add Objects to Batch",
            description="Adds objects to a draft. Objects that it contains already are not added again.",
            run=add_objects,
            response=lambda: response_models.BatchResponse,
            body=lambda: models.AddObjectsRequest,
            body_required=True,
            query=lambda: models.AddObjectsQuery,
            permission="write",
            errors=(*BUCKET_ERRORS, BatchNotFound, BatchNotDraft, ObjectsNotFound),
            max_body_bytes=MAX_IDS_BYTES,
        ),
    ]


def _detail_operations(services: Callable[[], BatchServices]) -> list[Operation]:
    def audit(call: Call) -> JsonResponse:
        batch = services().batches.get(places.place_of(call), call.path["batch_id"])
        return JsonResponse(services().reader.audit(batch))

    def failed_documents(call: Call) -> JsonResponse:
        return _failed_documents(services(), call)

    return [
        operation(
            method="GET",
            path=f"{BATCH}/audit",
            name="get_batch_audit_buckets_batches",
            summary="Get Batch Audit",
            description="Counts the stored outcomes, and compares their sum with the number of submitted objects.",
            run=audit,
            response=lambda: response_models.BatchAuditResponse,
            errors=(BucketNotFound, BatchNotFound),
        ),
        operation(
            method="GET",
            path=f"{BATCH}/failed-documents",
            name="get_failed_documents_buckets_batches_batch",
            summary="Get Failed Documents",
            description="Lists the failed objects of a batch, in the order of the batch.",
            run=failed_documents,
            response=lambda: response_models.FailedDocumentsResponse,
            query=lambda: models.FailedDocumentsQuery,
            errors=(BucketNotFound, BatchNotFound),
        ),
    ]


def _bucket_list(services: BatchServices, call: Call) -> BatchPage:
    from chalicelib.batches.lists import BatchFilter, list_of_bucket

    body = call.body
    bucket = services.batches.buckets.get(call.partition, call.path["bucket_identifier"])
    other_bucket = body.bucket_id not in (None, bucket.bucket_id)
    other_namespace = body.namespace_id is not None and not _is_namespace(services, call, body.namespace_id)
    wanted = BatchFilter(status=body.status, is_empty=other_bucket or other_namespace or body.collection_id is not None)
    page = requests.requested_page(call, f"batches {call.partition} {bucket.bucket_id} {body.status}")
    return list_of_bucket(services.batches, bucket, call.partition, page, wanted)


def _is_namespace(services: BatchServices, call: Call, identifier: str) -> bool:
    found = services.namespaces.find(call.organization_id, identifier)
    return found is not None and found.namespace_id == call.namespace_id


def _failed_documents(services: BatchServices, call: Call) -> JsonResponse:
    from chalicelib.batches.views import show_failure

    batch = services.batches.get(places.place_of(call), call.path["batch_id"])
    query = call.query
    is_empty = query.collection_id is not None or query.tier_num not in (None, 0)
    failures = [] if is_empty else services.reader.failures(batch)
    rows = [
        {**show_failure(each), "tier_num": 0, "retry_count": each.attempt - 1}
        for each in failures[query.offset : query.offset + query.limit]
    ]
    total = {"total_count": len(failures), "limit": query.limit, "offset": query.offset}
    return JsonResponse({"batch_id": batch.batch_id, "results": rows, **total})


def _auto_submit(services: BatchServices, place: BucketPlace, batch: Batch) -> Batch:
    """Submits a new batch. If that fails, the error has the id of the draft."""
    from chalicelib.batches.service import Submission
    from chalicelib.core.errors import ApiError

    try:
        return services.batches.submit(place, batch.batch_id, Submission())[0]
    except ApiError as error:
        error.details = {**(error.details or {}), "draft_batch_id": batch.batch_id}
        raise


def _path(call: Call) -> str:
    from urllib.parse import quote

    return f"/v1/buckets/{quote(call.path['bucket_identifier'], safe='')}/batches"
