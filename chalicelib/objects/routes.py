"""The operations on objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeGuard
from urllib.parse import quote

from chalicelib.aws.retry import OutcomeUnknown
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
    from chalicelib.objects.result import Settled
    from chalicelib.objects.stored_object import StoredObject
else:
    models = LazyModule("chalicelib.objects.models")
    response_models = LazyModule("chalicelib.objects.response_models")

OBJECTS = "/v1/buckets/{bucket_identifier}/objects"
OBJECT = f"{OBJECTS}/{{object_identifier}}"
DEFAULT_PAGE = 10
operation = partial(Operation, tag="Objects", scope="namespace")
# API Gateway hands a Lambda 6 MB at most, and that is what inline content has to share.
MAX_CONTENT_BYTES = 6_000_000
WRITE_ERRORS = (BucketNotFound, BucketLocked, BucketNotActive, NotEnabled)
CREATE_ERRORS = (*WRITE_ERRORS, PolicyMissing, UniqueKeyTaken, UniqueKeyAbsent, ObjectDeleted)
CHANGE_ERRORS = (*WRITE_ERRORS, ObjectNotFound, ObjectStale, UniqueKeyChange)


def object_operations(objects: Callable[[], Objects]) -> list[Operation]:
    """Create one and many, get, replace, patch, delete, list, and hide many."""

    def create(call: Call) -> JsonResponse:
        _check_not_processed(call)
        settled = objects().create(call.partition, _bucket(call), call.body, policy=call.query.policy)
        return _response(settled.stored)

    def create_batch(call: Call) -> JsonResponse:
        _check_not_processed(call)
        requests = [partial(_read_row, row) for row in call.body.objects]
        outcomes = objects().create_many(call.partition, _bucket(call), requests, policy=call.query.policy)
        _log_faults(call, outcomes)
        return _batch_answer(outcomes)

    def get(call: Call) -> JsonResponse:
        stored = objects().get(call.partition, _bucket(call), call.path["object_identifier"])
        signing = call.query.return_presigned_urls
        # Whoever asks for a URL wants a fresh one, of whatever state.
        if not signing and read_preconditions(call.headers).is_current(stored.etag):
            return JsonResponse(None, status=304, headers={"ETag": stored.etag})
        counted = 0 if call.query.include_document_count else None
        return _response(stored, document_count=counted, sign=objects().blobs.presigned_get if signing else None)

    def change(call: Call) -> JsonResponse:
        stored = objects().change(
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

    def hide(call: Call) -> JsonResponse:
        hidden = objects().hide(call.partition, _bucket(call), call.body)
        return JsonResponse({"soft_deleted": hidden, "requested": len(call.body.object_ids), "collections": 0})

    return [
        operation(
            method="POST",
            path=OBJECTS,
            name="create_object_buckets",
            summary="Create Object",
            description="Creates an object. With a unique key, `policy` says what happens when it is taken.",
            run=create,
            response=lambda: response_models.ObjectResponse,
            response_headers=("ETag",),
            body=lambda: models.CreateObjectRequest,
            body_required=True,
            query=lambda: models.CreateObjectQuery,
            permission="write",
            errors=CREATE_ERRORS,
            max_body_bytes=MAX_CONTENT_BYTES,
        ),
        operation(
            method="POST",
            path=f"{OBJECTS}/batch",
            name="create_objects_batch_buckets",
            summary="Create Objects in Batch",
            description="Creates up to a hundred objects, each settled on its own, in their order.",
            run=create_batch,
            body=lambda: models.CreateObjectsBatchRequest,
            body_required=True,
            query=lambda: models.CreateObjectQuery,
            response=lambda: response_models.CreateObjectsBatchResponse,
            error_body=lambda: response_models.CreateObjectsBatchResponse,
            permission="write",
            errors=(*WRITE_ERRORS, PolicyMissing),
            max_body_bytes=MAX_CONTENT_BYTES,
        ),
        operation(
            method="GET",
            path=OBJECTS,
            name="list_objects_get_buckets",
            summary="List Objects",
            description="Lists objects, oldest first, with the query string alone.",
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
            description="Lists objects with pagination, sorting and filtering. The body wins over the query.",
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
            description="Hides objects: they stay stored and keep their unique keys, and count no more.",
            run=hide,
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
            description="An object by id.",
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
            description="Changes what the body holds; blobs replace those of the same property.",
            run=change,
            response=lambda: response_models.ObjectResponse,
            response_headers=("ETag",),
            body=lambda: models.UpdateObjectRequest,
            body_required=True,
            permission="write",
            errors=CHANGE_ERRORS,
            conditional="write",
            max_body_bytes=MAX_CONTENT_BYTES,
        ),
        operation(
            method="PATCH",
            path=OBJECT,
            name="patch_object_buckets",
            summary="Partially Update Object",
            description="Changes the fields that the body holds; a null removes one.",
            run=change,
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
            description="Removes an object and its files for good; what identified it is free again.",
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


def _response(stored: StoredObject, **more: Any) -> JsonResponse:
    from chalicelib.objects.views import show

    return JsonResponse(show(stored, **more), headers={"ETag": stored.etag})


def _check_not_processed(call: Call) -> None:
    if call.query.auto_process:
        raise NotEnabled("auto_process is not enabled here", details={"field": "auto_process"})


def _read_row(row: Mapping[str, Any]) -> CreateObjectRequest:
    """A row of a batch as a request. Raises RequestInvalid."""
    from pydantic import ValidationError

    from chalicelib.core.json_codec import to_json
    from chalicelib.http.parsing import problems_of

    try:
        request: CreateObjectRequest = models.CreateObjectRequest.model_validate_json(to_json(row))
    except ValidationError as error:
        raise RequestInvalid(problems_of(error, "body")) from None
    return request


def _log_faults(call: Call, outcomes: Sequence[Settled | Exception]) -> None:
    for index, outcome in enumerate(outcomes):
        if _is_fault(outcome):
            log.log("row failed", level=log.ERROR, error=outcome, request_id=call.request_id, object_index=index)


def _is_fault(outcome: Settled | Exception) -> TypeGuard[Exception]:
    """Whether that is what came of a row by a fault of ours."""
    return isinstance(outcome, Exception) and not isinstance(outcome, ApiError)


def _batch_answer(outcomes: Sequence[Settled | Exception]) -> JsonResponse:
    from chalicelib.objects.views import show_batch

    shown = show_batch(outcomes)
    if shown["succeeded_count"]:
        return JsonResponse(shown)
    # Where nothing was stored the same request may succeed soon; where nobody knows, that is to be said.
    for kind in (OutcomeUnknown, Unavailable):
        for outcome in outcomes:
            if isinstance(outcome, kind):
                raise outcome
    faults = [outcome for outcome in outcomes if _is_fault(outcome)]
    if len(faults) == len(outcomes):
        raise faults[0]
    return JsonResponse(shown, status=422)


def _list(objects: Objects, call: Call, given: Mapping[str, Any], *, path: str) -> JsonResponse:
    # Filters, sorts and cursors are a fifth of the code, and only lists need them.
    from chalicelib.core.json_path import check_path
    from chalicelib.listing.query import read_list
    from chalicelib.objects.lists import KIND, OLDEST_FIRST, is_by_age, list_objects, shown_with
    from chalicelib.objects.views import page_stats, selected, show

    page = page_request(call.query, given, default_limit=DEFAULT_PAGE)
    for index, selected_path in enumerate(given.get("select") or ()):
        check_path(selected_path, "body", "select", index, named=False)
    bucket = objects.buckets.get(call.partition, _bucket(call))
    query = read_list(page, given, default=OLDEST_FIRST, scope=f"objects {call.partition} {bucket.bucket_id}")
    signing = bool(given.get("return_presigned_urls"))
    kind = shown_with(objects.blobs.presigned_bytes()) if signing else KIND
    found = list_objects(objects.store, bucket, query, kind)
    sign = objects.blobs.presigned_get if signing else None
    shown = [show(stored, sign=sign) for stored in found.rows]
    body = {
        "results": [selected(each, given["select"]) for each in shown] if given.get("select") else shown,
        "pagination": pagination(
            page,
            path=path,
            returned=len(found.rows),
            total=found.total,
            next_cursor=found.next_cursor,
            by_offset=query.is_plain and is_by_age(query),
        ),
        "stats": page_stats(found.rows),
    }
    return JsonResponse(body)
