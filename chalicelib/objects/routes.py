"""The HTTP operations on objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard
from urllib.parse import quote

from chalicelib.aws.retry import OutcomeUnknown
from chalicelib.blobs.errors import SourceNotCompleted, SourceNotFound, SourceRemoved, SourceWithoutFile
from chalicelib.buckets.errors import BucketLocked, BucketNotActive, BucketNotFound
from chalicelib.core import log
from chalicelib.core.errors import ApiError, NotEnabled, RequestInvalid, Unavailable
from chalicelib.core.lazy_module import LazyModule
from chalicelib.http.operation import Call, JsonResponse, Operation
from chalicelib.http.preconditions import read_preconditions
from chalicelib.listing.pagination import SortTooLarge, page_request, pagination
from chalicelib.objects.errors import (
    ObjectDeleted,
    ObjectNotFound,
    ObjectStale,
    PolicyMissing,
    UniqueKeyAbsent,
    UniqueKeyChange,
    UniqueKeyTaken,
    WalkTooLong,
)
from chalicelib.objects.service import Objects

if TYPE_CHECKING:
    from chalicelib.objects import models, response_models
    from chalicelib.objects.models import CreateObjectRequest
    from chalicelib.objects.result import CreateResult
    from chalicelib.objects.stored_object import StoredObject
else:
    models = LazyModule("chalicelib.objects.models")
    response_models = LazyModule("chalicelib.objects.response_models")

OBJECTS = "/v1/buckets/{bucket_identifier}/objects"
OBJECT = f"{OBJECTS}/{{object_identifier}}"
DEFAULT_PAGE_SIZE = 10
operation = partial(Operation, tag="Objects", scope="namespace")
# The limit for a request with inline content. A Lambda function receives 6 MB at most.
MAX_REQUEST_BYTES = 6_000_000
SOURCE_ERRORS = (SourceNotFound, SourceNotCompleted, SourceWithoutFile, SourceRemoved)
WRITE_ERRORS = (BucketNotFound, BucketLocked, BucketNotActive, NotEnabled)
CREATE_ERRORS = (*WRITE_ERRORS, *SOURCE_ERRORS, PolicyMissing, UniqueKeyTaken, UniqueKeyAbsent, ObjectDeleted)
CHANGE_ERRORS = (*WRITE_ERRORS, ObjectNotFound, ObjectStale, UniqueKeyChange)


class AutoProcessing(Protocol):
    """Processes objects in a batch. The package `batches` provides it."""

    def process(self, organization: str, namespace_id: str, results: Sequence[CreateResult]) -> None:
        """Creates and submits a batch with these objects of one bucket. Raises ApiError with their ids."""


def object_operations(objects: Callable[[], Objects], processing: Callable[[], AutoProcessing]) -> list[Operation]:
    """The operations of the resource: create one or many, get, put, patch, delete, list, and soft-delete many.

    `processing` is called if a request has `auto_process`.
    """

    def create(call: Call) -> JsonResponse:
        result = objects().create(call.partition, _bucket(call), call.body, policy=call.query.policy)
        if call.query.auto_process:
            processing().process(call.organization_id, call.namespace_id, [result])
        return _response(result.stored)

    def create_many(call: Call) -> JsonResponse:
        requests = [partial(_read_row, row) for row in call.body.objects]
        outcomes = objects().create_many(call.partition, _bucket(call), requests, policy=call.query.policy)
        _log_internal_errors(outcomes)
        created = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
        if call.query.auto_process and created:
            processing().process(call.organization_id, call.namespace_id, created)
        return _bulk_response(outcomes)

    def get(call: Call) -> JsonResponse:
        stored = objects().get(call.partition, _bucket(call), call.path["object_identifier"])
        with_urls = call.query.return_presigned_urls
        # A request for download URLs always gets new URLs, so its response is never 304.
        if not with_urls and read_preconditions(call.headers).is_current(stored.etag):
            return JsonResponse(None, status=304, headers={"ETag": stored.etag})
        document_count = 0 if call.query.include_document_count else None
        sign = objects().blobs.presigned_get if with_urls else None
        return _response(stored, document_count=document_count, sign=sign)

    def update(call: Call) -> JsonResponse:
        stored = objects().update(
            call.partition,
            _bucket(call),
            call.path["object_identifier"],
            call.body,
            preconditions=read_preconditions(call.headers),
        )
        return _response(stored)

    def delete(call: Call) -> JsonResponse:
        objects().delete(
            call.partition,
            _bucket(call),
            call.path["object_identifier"],
            preconditions=read_preconditions(call.headers),
        )
        return JsonResponse(None, status=204)

    def list_post(call: Call) -> JsonResponse:
        body = call.body.model_dump(include=call.body.model_fields_set)
        return _list(objects(), call, body, path=f"{_path(call)}/list")

    def list_get(call: Call) -> JsonResponse:
        return _list(objects(), call, {}, path=_path(call))

    def soft_delete(call: Call) -> JsonResponse:
        count = objects().soft_delete(call.partition, _bucket(call), call.body)
        return JsonResponse({"soft_deleted": count, "requested": len(call.body.object_ids), "collections": 0})

    return [
        operation(
            method="POST",
            path=OBJECTS,
            name="create_object_buckets",
            summary="Create Object",
            description="Creates an object. If its unique key exists already, `policy` decides what happens.",
            run=create,
            response=lambda: response_models.ObjectResponse,
            response_headers=("ETag",),
            body=lambda: models.CreateObjectRequest,
            body_required=True,
            query=lambda: models.CreateObjectQuery,
            permission="write",
            errors=CREATE_ERRORS,
            max_body_bytes=MAX_REQUEST_BYTES,
        ),
        operation(
            method="POST",
            path=f"{OBJECTS}/batch",
            name="create_objects_batch_buckets",
            summary="Create Objects in Batch",
            description="Creates up to 100 objects in request order. Each one succeeds or fails on its own.",
            run=create_many,
            body=lambda: models.CreateObjectsBatchRequest,
            body_required=True,
            query=lambda: models.CreateObjectQuery,
            response=lambda: response_models.CreateObjectsBatchResponse,
            error_body=lambda: response_models.CreateObjectsBatchResponse,
            permission="write",
            errors=(*WRITE_ERRORS, PolicyMissing),
            max_body_bytes=MAX_REQUEST_BYTES,
        ),
        operation(
            method="GET",
            path=OBJECTS,
            name="list_objects_get_buckets",
            summary="List Objects",
            description="Lists objects, oldest first. All parameters are in the query string.",
            run=list_get,
            query=lambda: models.ObjectsQuery,
            response=lambda: response_models.ListObjectsResponse,
            errors=(BucketNotFound, SortTooLarge, WalkTooLong),
        ),
        operation(
            method="POST",
            path=f"{OBJECTS}/list",
            name="list_objects_buckets",
            summary="List Objects",
            description="Lists objects with pagination, sorting and filtering. The body overrides the query string.",
            run=list_post,
            body=lambda: models.ListObjectsRequest,
            query=lambda: models.ObjectsQuery,
            response=lambda: response_models.ListObjectsResponse,
            errors=(BucketNotFound, SortTooLarge, WalkTooLong),
        ),
        operation(
            method="POST",
            path=f"{OBJECTS}/bulk-soft-delete",
            name="bulk_soft_delete_objects_buckets",
            summary="Bulk Soft Delete Objects",
            description=(
                "Soft-deletes objects: they are no longer returned or counted, but remain stored and keep their unique"
                " keys."
            ),
            run=soft_delete,
            body=lambda: models.BulkSoftDeleteRequest,
            body_required=True,
            response=lambda: response_models.BulkSoftDeleteResponse,
            permission="delete",
            errors=(BucketNotFound, BucketLocked, BucketNotActive),
        ),
        operation(
            method="GET",
            path=OBJECT,
            name="get_object_buckets",
            summary="Get Object",
            description="Returns an object.",
            run=get,
            response=lambda: response_models.ObjectResponse,
            response_headers=("ETag",),
            query=lambda: models.GetObjectQuery,
            errors=(BucketNotFound, ObjectNotFound),
            conditional="read",
        ),
        operation(
            method="PUT",
            path=OBJECT,
            name="update_object_buckets",
            summary="Update Object",
            description="Updates what the body contains; blobs replace the ones of the same property.",
            run=update,
            response=lambda: response_models.ObjectResponse,
            response_headers=("ETag",),
            body=lambda: models.UpdateObjectRequest,
            body_required=True,
            permission="write",
            errors=(*CHANGE_ERRORS, *SOURCE_ERRORS),
            conditional="write",
            max_body_bytes=MAX_REQUEST_BYTES,
        ),
        operation(
            method="PATCH",
            path=OBJECT,
            name="patch_object_buckets",
            summary="Partially Update Object",
            description="Updates the fields that the body contains; null removes a field.",
            run=update,
            response=lambda: response_models.ObjectResponse,
            response_headers=("ETag",),
            body=lambda: models.PatchObjectRequest,
            body_required=True,
            permission="write",
            errors=CHANGE_ERRORS,
            conditional="write",
        ),
        operation(
            method="DELETE",
            path=OBJECT,
            name="delete_object_buckets",
            summary="Delete Object",
            description="Deletes an object and its files. Its unique key and idempotency key can be used again.",
            run=delete,
            response=lambda: response_models.ObjectResponse,
            query=lambda: models.DeleteObjectQuery,
            status=204,
            permission="delete",
            errors=(BucketNotFound, BucketLocked, BucketNotActive, ObjectNotFound, ObjectStale),
            conditional="write",
        ),
    ]


def _bucket(call: Call) -> str:
    return call.path["bucket_identifier"]


def _path(call: Call) -> str:
    return OBJECTS.replace("{bucket_identifier}", quote(_bucket(call), safe=""))


def _response(stored: StoredObject, **options: Any) -> JsonResponse:
    from chalicelib.objects.views import show

    return JsonResponse(show(stored, **options), headers={"ETag": stored.etag})


def _read_row(row: Mapping[str, Any]) -> CreateObjectRequest:
    """The create request in one row of a bulk create. Raises RequestInvalid."""
    from pydantic import ValidationError

    from chalicelib.core.json_codec import to_json
    from chalicelib.http.parsing import problems_in_model

    try:
        request: CreateObjectRequest = models.CreateObjectRequest.model_validate_json(to_json(row))
    except ValidationError as error:
        raise RequestInvalid(problems_in_model(error, "body", models.CreateObjectRequest)) from None
    return request


def _log_internal_errors(outcomes: Sequence[CreateResult | Exception]) -> None:
    for index, outcome in enumerate(outcomes):
        if _is_internal_error(outcome):
            log.log("row failed", level=log.ERROR, error=outcome, object_index=index)


def _is_internal_error(outcome: CreateResult | Exception) -> TypeGuard[Exception]:
    """Whether a row failed with an error that is not the client's."""
    return isinstance(outcome, Exception) and not isinstance(outcome, ApiError)


def _bulk_response(outcomes: Sequence[CreateResult | Exception]) -> JsonResponse:
    from chalicelib.objects.views import show_bulk_result

    body = show_bulk_result(outcomes)
    if body["succeeded_count"]:
        return JsonResponse(body)
    # If no row succeeded, an error of the entire request shows the client whether a retry can help.
    for error_class in (OutcomeUnknown, Unavailable):
        for outcome in outcomes:
            if isinstance(outcome, error_class):
                raise outcome
    internal_errors = [outcome for outcome in outcomes if _is_internal_error(outcome)]
    if len(internal_errors) == len(outcomes):
        raise internal_errors[0]
    return JsonResponse(body, status=422)


def _list(objects: Objects, call: Call, given: Mapping[str, Any], *, path: str) -> JsonResponse:
    # Imported here because only lists need these modules, which are a fifth of the code.
    from chalicelib.core.json_path import check_path
    from chalicelib.listing.query import read_list
    from chalicelib.objects.lists import (
        LISTED_OBJECTS,
        OLDEST_FIRST,
        is_by_creation,
        list_objects,
        only_selected,
        with_download_urls,
    )
    from chalicelib.objects.views import page_stats, selected, show

    page = page_request(call.query, given, default_limit=DEFAULT_PAGE_SIZE)
    for index, selected_path in enumerate(given.get("select") or ()):
        check_path(selected_path, "body", "select", index, named=False)
    bucket = objects.buckets.get(call.partition, _bucket(call))
    query = read_list(page, given, default=OLDEST_FIRST, scope=f"objects {call.partition} {bucket.bucket_id}")
    with_urls = bool(given.get("return_presigned_urls"))
    resource = with_download_urls(objects.blobs.presigned_bytes()) if with_urls else LISTED_OBJECTS
    paths = given.get("select")
    resource = only_selected(resource, paths) if paths else resource
    found = list_objects(objects.store, bucket, query, resource)
    sign = objects.blobs.presigned_get if with_urls else None
    results = [show(stored, sign=sign) for stored in found.rows]
    if paths:
        results = [selected(each, paths) for each in results]
    body = {
        "results": results,
        "pagination": pagination(
            page,
            path=path,
            returned=len(found.rows),
            total=found.total,
            next_cursor=found.next_cursor,
            by_offset=query.is_plain and is_by_creation(query),
        ),
        "stats": page_stats(found.rows),
    }
    return JsonResponse(body)
