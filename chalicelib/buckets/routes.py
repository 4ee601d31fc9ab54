"""The operations on buckets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
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
from chalicelib.http.operation import Answer, Call, Operation
from chalicelib.http.preconditions import read_preconditions
from chalicelib.listing.pagination import SortTooLarge, page_request, pagination

if TYPE_CHECKING:
    from chalicelib.buckets.models import (
        BucketCreateRequest,
        BucketPatchRequest,
        BucketUpdateRequest,
    )
    from chalicelib.buckets.response_models import ListBucketsResponse

BUCKETS = "/v1/buckets"
BUCKET = f"{BUCKETS}/{{bucket_identifier}}"
DEFAULT_PAGE = 10
CHANGE_REFUSALS = (
    BucketNotFound,
    BucketNameTaken,
    BucketLocked,
    BucketNotActive,
    RevisionStale,
    SchemaBreak,
    AdapterCycle,
)


def bucket_operations(buckets: Callable[[], Buckets]) -> list[Operation]:
    """Create, get, replace, patch and list."""

    def create(call: Call) -> Answer:
        bucket = buckets().create(call.partition, call.body, origin=call.origin, sees=call.sees)
        return _answer(bucket, reveal=_reveals(call.body))

    def get(call: Call) -> Answer:
        bucket = buckets().get(call.partition, call.path["bucket_identifier"])
        if read_preconditions(call.headers).is_current(bucket.etag):
            return Answer(None, status=304, headers={"ETag": bucket.etag})
        return _answer(bucket)

    def change(call: Call) -> Answer:
        bucket = buckets().change(
            call.partition,
            call.path["bucket_identifier"],
            call.body,
            preconditions=read_preconditions(call.headers),
            force_schema_break=call.query.force_schema_break,
            origin=call.origin,
            sees=call.sees,
        )
        return _answer(bucket, reveal=_reveals(call.body))

    def list_post(call: Call) -> Answer:
        body = call.body.model_dump(include=call.body.model_fields_set)
        return _list(buckets(), call, body, path=f"{BUCKETS}/list")

    def list_get(call: Call) -> Answer:
        words = {"search": call.query.search}
        return _list(buckets(), call, words, path=BUCKETS, words=words)

    return [
        _operation(
            method="POST",
            path=BUCKETS,
            name="create_bucket",
            summary="Create Bucket",
            description="Creates a bucket with a schema. Names are unique within the namespace.",
            run=create,
            body=lambda: _models().BucketCreateRequest,
            body_required=True,
            permission="write",
            refusals=(BucketNameTaken, AdapterCycle),
        ),
        _operation(
            method="GET",
            path=BUCKETS,
            name="list_buckets_get",
            summary="List Buckets",
            description="Lists buckets, newest first, with the query string alone.",
            run=list_get,
            query=lambda: _list_models().BucketsQuery,
            answer=lambda: _answers().ListBucketsResponse,
            refusals=(SortTooLarge,),
        ),
        _operation(
            method="POST",
            path=f"{BUCKETS}/list",
            name="list_buckets",
            summary="List Buckets",
            description="Lists buckets with pagination, sorting and filtering. The body wins over the query.",
            run=list_post,
            body=lambda: _list_models().ListBucketsRequest,
            query=lambda: _list_models().PageQuery,
            answer=lambda: _answers().ListBucketsResponse,
            refusals=(SortTooLarge,),
        ),
        _operation(
            method="GET",
            path=BUCKET,
            name="get_bucket",
            summary="Get Bucket",
            description="A bucket by id or by name.",
            run=get,
            refusals=(BucketNotFound,),
            conditional="read",
        ),
        _operation(
            method="PUT",
            path=BUCKET,
            name="update_bucket",
            summary="Update Bucket",
            description="Changes the keys that the body holds; absent keys stay as they are.",
            run=change,
            body=lambda: _models().BucketUpdateRequest,
            body_required=True,
            query=lambda: _models().BucketChangeQuery,
            permission="write",
            refusals=CHANGE_REFUSALS,
            conditional="write",
        ),
        _operation(
            method="PATCH",
            path=BUCKET,
            name="patch_bucket",
            summary="Partially Update Bucket",
            description="Changes the keys that the body holds; absent keys stay as they are.",
            run=change,
            body=lambda: _models().BucketPatchRequest,
            body_required=True,
            query=lambda: _models().BucketChangeQuery,
            permission="write",
            refusals=CHANGE_REFUSALS,
            conditional="write",
        ),
    ]


def _models() -> ModuleType:
    """The models, which a request without a body never needs."""
    from chalicelib.buckets import models

    return models


def _list_models() -> ModuleType:
    """The models of lists alone."""
    from chalicelib.buckets import list_models

    return list_models


def _answers() -> ModuleType:
    """The models of answers, which only their description needs."""
    from chalicelib.buckets import response_models

    return response_models


def _operation(**given: Any) -> Operation:
    tagged = ("ETag",) if "answer" not in given else ()
    common = {
        "tag": "Buckets",
        "scope": "namespace",
        "answer": lambda: _answers().BucketResponse,
        "answer_headers": tagged,
    }
    return Operation(**{**common, **given})


def _answer(bucket: Bucket, *, reveal: bool = False) -> Answer:
    return Answer(show(bucket, reveal_secret=reveal), headers={"ETag": bucket.etag})


def _reveals(body: BucketCreateRequest | BucketPatchRequest | BucketUpdateRequest) -> bool:
    """Whether this very request sets or generates the adapter's secret: only then it is shown."""
    from chalicelib.adapters.rules import sets_secret

    adapter = getattr(body, "source_adapter", None)
    return adapter is not None and sets_secret(adapter)


def _list(
    buckets: Buckets,
    call: Call,
    given: Mapping[str, Any],
    *,
    path: str,
    words: Mapping[str, Any] | None = None,
) -> Answer:
    # Filters, sorts and cursors are a fifth of the code, and only lists need them.
    from chalicelib.buckets.lists import NEWEST_FIRST, list_buckets
    from chalicelib.listing.query import read_list

    page = page_request(call.query, given, default_limit=DEFAULT_PAGE)
    place = call.partition
    query = read_list(page, given, default=NEWEST_FIRST, scope=f"buckets {place}")
    selected, stats = list_buckets(buckets.store, place, query)
    body: ListBucketsResponse = {
        "results": [show(bucket) for bucket in selected.rows],
        "total_count": selected.total,
        "pagination": pagination(
            page,
            path=path,
            returned=len(selected.rows),
            total=selected.total,
            next_cursor=selected.next_cursor,
            words=words,
        ),
        "stats": stats,
        "warnings": None,
    }
    return Answer(body)
