"""The HTTP operations on the uploads to a bucket."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from chalicelib.batches.errors import BatchEmpty, ObjectsInFlight
from chalicelib.buckets.errors import BucketLocked, BucketNotActive, BucketNotFound
from chalicelib.core.lazy_module import LazyModule
from chalicelib.http.operation import Call, JsonResponse, Operation
from chalicelib.listing.cursors import CursorInvalid
from chalicelib.listing.pagination import SortTooLarge, page_request, pagination
from chalicelib.objects.errors import ObjectDeleted, ObjectTooLarge, PolicyMissing, UniqueKeyAbsent, UniqueKeyTaken
from chalicelib.uploads.errors import (
    EtagMismatch,
    FileNotStored,
    SizeMismatch,
    UploadCompleted,
    UploadEnded,
    UploadListTooLong,
    UploadNotFound,
    UploadProcessing,
    UploadTooLarge,
)

if TYPE_CHECKING:
    from chalicelib.buckets import place as places
    from chalicelib.uploads import confirming, models, response_models, views
    from chalicelib.uploads.facade import UploadServices
else:
    confirming = LazyModule("chalicelib.uploads.confirming")
    places = LazyModule("chalicelib.buckets.place")
    models = LazyModule("chalicelib.uploads.models")
    response_models = LazyModule("chalicelib.uploads.response_models")
    views = LazyModule("chalicelib.uploads.views")

UPLOADS = "/v1/buckets/{bucket_identifier}/uploads"
UPLOAD = f"{UPLOADS}/{{upload_id}}"
DEFAULT_PAGE_SIZE = 20
# A confirmation reads up to 100 MB, and has two seconds less than the gateway.
CONFIRM_SECONDS = 24.0
BUCKET_ERRORS = (BucketNotFound, BucketLocked, BucketNotActive)
OBJECT_ERRORS = (PolicyMissing, UniqueKeyTaken, UniqueKeyAbsent, ObjectDeleted, ObjectTooLarge)
operation = partial(Operation, tag="Uploads", scope="namespace")


def upload_operations(services: Callable[[], UploadServices]) -> list[Operation]:
    """Returns the operations on the uploads to a bucket."""
    return [*_new_operations(services), *_confirm_operations(services), *_crud_operations(services)]


def _new_operations(services: Callable[[], UploadServices]) -> list[Operation]:
    def create(call: Call) -> JsonResponse:
        return JsonResponse(views.show_new(services().create(places.place_of(call), call.body)))

    def create_many(call: Call) -> JsonResponse:
        made = [views.show_new(new) for new in services().create_many(places.place_of(call), call.body)]
        return JsonResponse({"uploads": made, "total": len(made)})

    return [
        operation(
            method="POST",
            path=UPLOADS,
            name="create_upload_buckets",
            summary="Create Upload",
            description=(
                "Returns a URL with which a client stores a file of up to 5 GiB in one PUT. The file then becomes an"
                " object, also without a confirmation."
            ),
            run=create,
            response=lambda: response_models.UploadResponse,
            body=lambda: models.CreateUploadRequest,
            body_required=True,
            permission="write",
            errors=(*BUCKET_ERRORS, UploadTooLarge),
        ),
        operation(
            method="POST",
            path=f"{UPLOADS}/batch",
            name="create_uploads_batch_buckets",
            summary="Create Uploads in Batch",
            description="Returns URLs for up to 100 files. If one of them is invalid, there are none.",
            run=create_many,
            response=lambda: response_models.BatchUploadResponse,
            body=lambda: models.BatchUploadRequest,
            body_required=True,
            permission="write",
            errors=(*BUCKET_ERRORS, UploadTooLarge),
        ),
    ]


def _confirm_operations(services: Callable[[], UploadServices]) -> list[Operation]:
    def confirm(call: Call) -> JsonResponse:
        query, body = call.query, call.body
        wanted = confirming.Confirmation(
            etag=body.etag,
            size_bytes=body.file_size_bytes,
            policy=query.policy,
            task="always" if getattr(query, "async") else "by_size",
            submits=bool(body.auto_submit_batch),
        )
        return JsonResponse(
            views.show_confirmed(services().confirm(places.place_of(call), call.path["upload_id"], wanted))
        )

    def confirm_many(call: Call) -> JsonResponse:
        wanted = [each.model_dump(exclude_none=True) for each in call.body.confirmations]
        task = services().confirm_many(places.place_of(call), wanted, call.query.policy)
        return JsonResponse(views.show_batch_confirmation(task, len(wanted)))

    return [
        operation(
            method="POST",
            path=f"{UPLOAD}/confirm",
            name="confirm_upload_buckets",
            summary="Confirm Upload",
            description=(
                "Checks the file that a client has stored, and creates the object. From 100 MB on, a task does so. A"
                " repetition returns the same result."
            ),
            run=confirm,
            response=lambda: response_models.ConfirmUploadResponse,
            body=lambda: models.ConfirmUploadRequest,
            query=lambda: models.ConfirmUploadQuery,
            permission="write",
            errors=(
                *BUCKET_ERRORS,
                UploadNotFound,
                UploadEnded,
                UploadProcessing,
                FileNotStored,
                EtagMismatch,
                SizeMismatch,
                *OBJECT_ERRORS,
                BatchEmpty,
                ObjectsInFlight,
            ),
            time_limit_seconds=CONFIRM_SECONDS,
        ),
        operation(
            method="POST",
            path=f"{UPLOADS}/confirm/batch",
            name="confirm_uploads_batch_buckets",
            summary="Confirm Uploads in Batch",
            description="Starts a task that confirms up to 100 uploads, one after another.",
            run=confirm_many,
            response=lambda: response_models.BatchConfirmResponse,
            body=lambda: models.BatchConfirmRequest,
            body_required=True,
            query=lambda: models.BatchConfirmQuery,
            permission="write",
            errors=(*BUCKET_ERRORS, PolicyMissing),
        ),
    ]


def _crud_operations(services: Callable[[], UploadServices]) -> list[Operation]:
    def list_(call: Call) -> JsonResponse:
        return _list(services(), call)

    def get(call: Call) -> JsonResponse:
        found, place = services(), places.place_of(call)
        upload = found.get(place, call.path["upload_id"])
        with_url = call.query.return_presigned_urls
        url = views.download_urls(found.files, found.bucket(place))(upload) if with_url else None
        return JsonResponse(views.show(upload, presigned_url=url))

    def delete(call: Call) -> JsonResponse:
        services().cancel(places.place_of(call), call.path["upload_id"], removes_file=call.query.delete_s3_object)
        return JsonResponse(None, status=204)

    return [
        operation(
            method="POST",
            path=f"{UPLOADS}/list",
            name="list_uploads_buckets",
            summary="List Uploads",
            description="Lists the uploads to a bucket, newest first, with search, filters, sort and statistics.",
            run=list_,
            response=lambda: response_models.ListUploadsResponse,
            body=lambda: models.ListUploadsRequest,
            query=lambda: models.ListUploadsQuery,
            errors=(BucketNotFound, CursorInvalid, SortTooLarge, UploadListTooLong),
        ),
        operation(
            method="GET",
            path=UPLOAD,
            name="get_upload_buckets",
            summary="Get Upload",
            description="Returns an upload. One that was not confirmed before its URL expired is FAILED.",
            run=get,
            response=lambda: response_models.UploadResponse,
            query=lambda: models.GetUploadQuery,
            errors=(BucketNotFound, UploadNotFound),
        ),
        operation(
            method="DELETE",
            path=UPLOAD,
            name="delete_upload_buckets",
            summary="Delete Upload",
            description="Cancels an upload that is not completed. Its URL then stores nothing that lasts.",
            run=delete,
            response=lambda: None,
            query=lambda: models.DeleteUploadQuery,
            permission="delete",
            errors=(BucketNotFound, UploadNotFound, UploadCompleted),
            status=204,
        ),
    ]


def _list(services: UploadServices, call: Call) -> JsonResponse:
    # Imported here because only lists need filters, sorts and cursors, which are a fifth of the code.
    from chalicelib.listing.query import read_list
    from chalicelib.uploads.lists import NEWEST_FIRST

    place, fields = places.place_of(call), call.body.model_dump(include=call.body.model_fields_set)
    bucket = services.bucket(place)
    page = page_request(call.query, fields, default_limit=DEFAULT_PAGE_SIZE)
    scope, known = f"uploads {place.partition} {bucket.bucket_id}", response_models.UploadResponse.__annotations__
    query = read_list(page, fields, default=NEWEST_FIRST, scope=scope, fields=known)
    selected, stats = services.list(bucket, place, query)
    sign = views.download_urls(services.files, bucket) if fields.get("return_presigned_urls") else None
    shown = [views.show(upload, presigned_url=sign(upload) if sign else None) for upload in selected.rows]
    links = pagination(
        page,
        path=f"/v1/buckets/{quote(call.path['bucket_identifier'], safe='')}/uploads/list",
        returned=len(shown),
        total=selected.total,
        next_cursor=selected.next_cursor,
    )
    return JsonResponse({"results": shown, "pagination": links, "stats": stats.shown()})
