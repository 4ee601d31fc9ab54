"""The operations on the source adapter of a bucket: its state, its deliveries, replay, test, and its secret."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from chalicelib import keys
from chalicelib.buckets.errors import BucketLocked, BucketNotActive, BucketNotFound
from chalicelib.buckets.service import check_writable
from chalicelib.core.clock import format_timestamp
from chalicelib.core.errors import NotEnabled
from chalicelib.core.lazy_module import LazyModule
from chalicelib.deliveries.errors import AdapterMissing, DeliveryNotFound, RefreshNotSupported
from chalicelib.http.operation import Call, JsonResponse, Operation
from chalicelib.listing.cursors import CursorInvalid

if TYPE_CHECKING:
    from chalicelib.deliveries import attempts, delivery_log, models, requests, response_models, status, views
    from chalicelib.deliveries.facade import DeliveryServices
else:
    attempts = LazyModule("chalicelib.deliveries.attempts")
    delivery_log = LazyModule("chalicelib.deliveries.delivery_log")
    models = LazyModule("chalicelib.deliveries.models")
    requests = LazyModule("chalicelib.deliveries.requests")
    response_models = LazyModule("chalicelib.deliveries.response_models")
    status = LazyModule("chalicelib.deliveries.status")
    views = LazyModule("chalicelib.deliveries.views")

ADAPTER = "/v1/buckets/{bucket_identifier}/source-adapter"
BUCKET_ERRORS = (BucketNotFound, BucketLocked, BucketNotActive)
operation = partial(Operation, tag="Source Adapters", scope="namespace")


def adapter_operations(services: Callable[[], DeliveryServices]) -> list[Operation]:
    """Returns the operations on the source adapter of a bucket."""
    return [*_state_operations(services), *_log_operations(services), *_attempt_operations(services)]


def _state_operations(services: Callable[[], DeliveryServices]) -> list[Operation]:
    def get_status(call: Call) -> JsonResponse:
        found = services()
        bucket = found.buckets.get(call.partition, call.path["bucket_identifier"])
        state = found.states.find(keys.deliveries(call.partition, bucket.bucket_id))
        return JsonResponse(status.show_status(bucket, state, format_timestamp(found.clock())))

    def rotate(call: Call) -> JsonResponse:
        found, body = services(), call.body
        bucket = found.rotation.rotate(
            call.partition, call.path["bucket_identifier"], body.webhook_secret, body.grace_seconds
        )
        secret = str(found.buckets.webhook_secret(bucket))
        return JsonResponse(views.show_rotation(bucket, secret, format_timestamp(found.clock())))

    def refresh(call: Call) -> JsonResponse:
        found = services().refresh
        bucket, task = found.start(call.organization_id, call.namespace_id, call.path["bucket_identifier"])
        return JsonResponse(views.show_refresh(bucket, task))

    return [
        operation(
            method="GET",
            path=f"{ADAPTER}/status",
            name="get_source_adapter_status",
            summary="Get Source Adapter Status",
            description="Returns the state of a bucket's source adapter, with counters of its deliveries.",
            run=get_status,
            response=lambda: response_models.AdapterStatusResponse,
            errors=(BucketNotFound,),
        ),
        operation(
            method="POST",
            path=f"{ADAPTER}/rotate-secret",
            name="rotate_source_adapter_secret",
            summary="Rotate Webhook Secret",
            description=(
                "Replaces the secret that signs the webhooks of a source adapter. The current secret remains valid for"
                " a while, so that no event is lost until the sender has the new one."
            ),
            run=rotate,
            response=lambda: response_models.RotateSecretResponse,
            body=lambda: models.RotateSecretRequest,
            permission="write",
            errors=(*BUCKET_ERRORS, AdapterMissing),
        ),
        operation(
            method="POST",
            path=f"{ADAPTER}/refresh",
            name="refresh_source_adapter",
            summary="Refresh Source Adapter",
            description=(
                "Starts a task that takes over the objects of the source buckets of an adapter of type `bucket`. Each"
                " becomes one object, however often this is repeated; if the bucket has a unique key, later changes"
                " arrive with the next refresh."
            ),
            run=refresh,
            response=lambda: response_models.RefreshResponse,
            permission="write",
            errors=(*BUCKET_ERRORS, RefreshNotSupported),
        ),
    ]


def _log_operations(services: Callable[[], DeliveryServices]) -> list[Operation]:
    def list_(call: Call) -> JsonResponse:
        found, body = services(), call.body
        rows = found.rows(call.partition, call.path["bucket_identifier"])
        page = delivery_log.read_page(found.store, requests.log_query(rows, body, descending=True), found.clock())
        path = ADAPTER.replace("{bucket_identifier}", call.path["bucket_identifier"])
        given = body.model_dump(exclude_unset=True)
        return JsonResponse(views.show_page(page, given, path=f"{path}/deliveries/list", limit=body.limit))

    def get(call: Call) -> JsonResponse:
        found = services()
        rows = found.rows(call.partition, call.path["bucket_identifier"])
        delivery = attempts.get(found.store, rows, call.path["delivery_id"], found.clock)
        return JsonResponse(views.show_with_body(delivery, found.store.body(delivery)))

    return [
        operation(
            method="POST",
            path=f"{ADAPTER}/deliveries/list",
            name="list_source_adapter_deliveries",
            summary="List Deliveries",
            description="Lists the deliveries to a source adapter of the last 30 days, newest first.",
            run=list_,
            response=lambda: response_models.ListDeliveriesResponse,
            body=lambda: models.ListDeliveriesRequest,
            errors=(BucketNotFound, CursorInvalid),
        ),
        operation(
            method="GET",
            path=f"{ADAPTER}/deliveries/{{delivery_id}}",
            name="get_source_adapter_delivery",
            summary="Get Delivery",
            description="Returns a delivery to a source adapter, with its body.",
            run=get,
            response=lambda: response_models.DeliveryResponse,
            errors=(BucketNotFound, DeliveryNotFound),
        ),
    ]


def _attempt_operations(services: Callable[[], DeliveryServices]) -> list[Operation]:
    def replay(call: Call) -> JsonResponse:
        found, body = services(), call.body
        bucket = found.with_adapter(call.partition, call.path["bucket_identifier"])
        check_writable(bucket)
        rows = keys.deliveries(call.partition, bucket.bucket_id)
        ids, next_cursor = found.chosen(requests.log_query(rows, body, descending=False), body.delivery_ids)
        return JsonResponse(views.show_replay(found.replay.run(rows, bucket, ids), next_cursor))

    def test(call: Call) -> JsonResponse:
        found, body = services(), call.body
        bucket = found.with_proposed(call.partition, call.path["bucket_identifier"], body.source_adapter)
        check_writable(bucket)
        if body.payloads is not None:
            place = (call.organization_id, call.namespace_id)
            return JsonResponse(views.show_test(found.test.of_payloads(bucket, place, body.payloads), None))
        rows = keys.deliveries(call.partition, bucket.bucket_id)
        ids, next_cursor = found.chosen(requests.log_query(rows, body, descending=False), body.delivery_ids)
        return JsonResponse(views.show_test(found.test.of_stored(bucket, rows, ids), next_cursor))

    return [
        operation(
            method="POST",
            path=f"{ADAPTER}/replay",
            name="replay_source_adapter_deliveries",
            summary="Replay Deliveries",
            description=(
                "Applies deliveries again with the current source adapter, for example parked ones after its mapping"
                " was corrected. At most 100 in a request; `next_cursor` continues with later ones."
            ),
            run=replay,
            response=lambda: response_models.ReplayResponse,
            body=lambda: models.ReplayRequest,
            permission="write",
            errors=(*BUCKET_ERRORS, AdapterMissing, CursorInvalid),
        ),
        operation(
            method="POST",
            path=f"{ADAPTER}/test",
            name="test_source_adapter",
            summary="Test Source Adapter",
            description=(
                "Tries a source adapter on stored deliveries, or on payloads in the request, and returns which objects"
                " they would create or update, and which would be ignored or parked, and why. Nothing is written."
            ),
            run=test,
            response=lambda: response_models.AdapterTestResponse,
            body=lambda: models.AdapterTestRequest,
            errors=(*BUCKET_ERRORS, AdapterMissing, CursorInvalid, NotEnabled),
        ),
    ]
