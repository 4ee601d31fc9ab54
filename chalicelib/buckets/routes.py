"""The API operations that create, read, change and list buckets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.buckets.bucket import Bucket, show
from chalicelib.buckets.errors import (
    AdapterCycle,
    BucketLocked,
    BucketNameTaken,
    BucketNotActive,
    BucketNotFound,
    RevisionStale,
    SchemaBreak,
)
from chalicelib.buckets.service import Buckets
from chalicelib.core.lazy_module import LazyModule
from chalicelib.http.operation import Call, JsonResponse, Operation
from chalicelib.http.preconditions import read_preconditions
from chalicelib.listing.pagination import ListTooLong, SortTooLarge, page_request, pagination

if TYPE_CHECKING:
    from chalicelib.buckets import list_models, models, response_models
    from chalicelib.buckets.models import (
        BucketCreateRequest,
        BucketPatchRequest,
        BucketUpdateRequest,
    )
    from chalicelib.buckets.response_models import ListBucketsResponse
    from chalicelib.listing import models as listing_models
else:
    listing_models = LazyModule("chalicelib.listing.models")
    list_models = LazyModule("chalicelib.buckets.list_models")
    models = LazyModule("chalicelib.buckets.models")
    response_models = LazyModule("chalicelib.buckets.response_models")

BUCKETS = "/v1/buckets"
BUCKET = f"{BUCKETS}/{{bucket_identifier}}"
DEFAULT_PAGE = 10
operation = partial(Operation, tag="Buckets", scope="namespace")
CHANGE_ERRORS = (
    BucketNotFound,
    BucketNameTaken,
    BucketLocked,
    BucketNotActive,
    RevisionStale,
    SchemaBreak,
    AdapterCycle,
)


def bucket_operations(buckets: Callable[[], Buckets]) -> list[Operation]:
    """Returns the operations. `buckets` returns the service; it is called for each request."""

    def create(call: Call) -> JsonResponse:
        bucket = buckets().create(call.partition, call.body, origin=call.origin, can_see=call.can_see)
        return _revealing_response(buckets(), call, bucket)

    def get(call: Call) -> JsonResponse:
        bucket = buckets().get(call.partition, call.path["bucket_identifier"])
        if read_preconditions(call.headers).is_current(bucket.etag):
            return JsonResponse(None, status=304, headers={"ETag": bucket.etag})
        return _response(bucket)

    def change(call: Call) -> JsonResponse:
        bucket = buckets().change(
            call.partition,
            call.path["bucket_identifier"],
            call.body,
            preconditions=read_preconditions(call.headers),
            force_schema_break=call.query.force_schema_break,
            origin=call.origin,
            can_see=call.can_see,
        )
        return _revealing_response(buckets(), call, bucket)

    def list_post(call: Call) -> JsonResponse:
        body = call.body.model_dump(include=call.body.model_fields_set)
        return _list(buckets(), call, body, path=f"{BUCKETS}/list")

    def list_get(call: Call) -> JsonResponse:
        query_parameters = {"search": call.query.search}
        return _list(buckets(), call, query_parameters, path=BUCKETS, query_parameters=query_parameters)

    return [
        operation(
            method="POST",
            path=BUCKETS,
            name="create_bucket",
            summary="Create Bucket",
            description="Creates a bucket with a schema. Names are unique within the namespace.",
            run=create,
            response=lambda: response_models.BucketResponse,
            response_headers=("ETag",),
            body=lambda: models.BucketCreateRequest,
            body_required=True,
            permission="write",
            errors=(BucketNameTaken, AdapterCycle),
        ),
        operation(
            method="GET",
            path=BUCKETS,
            name="list_buckets_get",
            summary="List Buckets",
            description="Lists buckets, newest first. All parameters are in the query string.",
            run=list_get,
            query=lambda: list_models.BucketsQuery,
            response=lambda: response_models.ListBucketsResponse,
            errors=(SortTooLarge, ListTooLong),
        ),
        operation(
            method="POST",
            path=f"{BUCKETS}/list",
            name="list_buckets",
            summary="List Buckets",
            description="Lists buckets with pagination, sorting and filtering. The body overrides the query string.",
            run=list_post,
            body=lambda: list_models.ListBucketsRequest,
            query=lambda: listing_models.PageQuery,
            response=lambda: response_models.ListBucketsResponse,
            errors=(SortTooLarge, ListTooLong),
        ),
        operation(
            method="GET",
            path=BUCKET,
            name="get_bucket",
            summary="Get Bucket",
            description="Returns a bucket by id or by name.",
            run=get,
            response=lambda: response_models.BucketResponse,
            response_headers=("ETag",),
            errors=(BucketNotFound,),
            conditional="read",
        ),
        operation(
            method="PUT",
            path=BUCKET,
            name="update_bucket",
            summary="Update Bucket",
            description="Changes the keys that the body contains; absent keys stay unchanged.",
            run=change,
            response=lambda: response_models.BucketResponse,
            response_headers=("ETag",),
            body=lambda: models.BucketUpdateRequest,
            body_required=True,
            query=lambda: models.BucketChangeQuery,
            permission="write",
            errors=CHANGE_ERRORS,
            conditional="write",
        ),
        operation(
            method="PATCH",
            path=BUCKET,
            name="patch_bucket",
            summary="Partially Update Bucket",
            description="Changes the keys that the body contains; absent keys stay unchanged.",
            run=change,
            response=lambda: response_models.BucketResponse,
            response_headers=("ETag",),
            body=lambda: models.BucketPatchRequest,
            body_required=True,
            query=lambda: models.BucketChangeQuery,
            permission="write",
            errors=CHANGE_ERRORS,
            conditional="write",
        ),
    ]


def _response(bucket: Bucket, *, webhook_secret: str | None = None) -> JsonResponse:
    return JsonResponse(show(bucket, webhook_secret=webhook_secret), headers={"ETag": bucket.etag})


def _revealing_response(buckets: Buckets, call: Call, bucket: Bucket) -> JsonResponse:
    """Returns the response to a write. It contains the adapter's secret if the request sets or generates it."""
    secret = buckets.webhook_secret(bucket) if _reveals(call.body) else None
    return _response(bucket, webhook_secret=secret)


def _reveals(body: BucketCreateRequest | BucketPatchRequest | BucketUpdateRequest) -> bool:
    """Whether this request sets or generates the adapter's secret. Only then the response contains it."""
    from chalicelib.adapters.rules import sets_secret

    adapter = getattr(body, "source_adapter", None)
    return adapter is not None and sets_secret(adapter)


def _list(
    buckets: Buckets,
    call: Call,
    given: Mapping[str, Any],
    *,
    path: str,
    query_parameters: Mapping[str, Any] | None = None,
) -> JsonResponse:
    # Imported here because these modules are a fifth of the code and only lists need them.
    from chalicelib.buckets.lists import NEWEST_FIRST, list_buckets
    from chalicelib.listing.query import read_list

    page = page_request(call.query, given, default_limit=DEFAULT_PAGE)
    query = read_list(
        page,
        given,
        default=NEWEST_FIRST,
        scope=f"buckets {call.partition}",
        fields=response_models.BucketResponse.__annotations__,
    )
    selected, stats = list_buckets(buckets.store.rows, call.partition, query)
    body: ListBucketsResponse = {
        "results": [show(bucket) for bucket in selected.rows],
        "total_count": selected.total,
        "pagination": pagination(
            page,
            path=path,
            returned=len(selected.rows),
            total=selected.total,
            next_cursor=selected.next_cursor,
            query_parameters=query_parameters,
        ),
        "stats": stats,
        "warnings": None,
    }
    return JsonResponse(body)
