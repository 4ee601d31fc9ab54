"""The forms of deliveries in responses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.deliveries.delivery import APPLIED, IGNORED, Delivery
from chalicelib.deliveries.payload import shown_payload
from chalicelib.deliveries.status import previous_secret_end
from chalicelib.listing.pagination import page_request, pagination
from chalicelib.objects.views import show as show_object

if TYPE_CHECKING:
    from chalicelib.buckets.bucket import Bucket
    from chalicelib.deliveries.attempts import Replayed
    from chalicelib.deliveries.delivery_log import LogPage
    from chalicelib.deliveries.forecast import Forecasted
    from chalicelib.deliveries.response_models import (
        AdapterTestResponse,
        DeliveryModel,
        DeliveryResponse,
        Forecast,
        ListDeliveriesResponse,
        NotReplayed,
        Outcome,
        RefreshResponse,
        ReplayResponse,
        ReplayResult,
        RotateSecretResponse,
    )
    from chalicelib.tasks.task import NewTask

# The objects in the response of a test, together. A response of a Lambda function has at most 6 MB, in which quotes and
# backslashes take two bytes.
MAX_OBJECTS_BYTES = 4_000_000
OUTCOMES = ("created", "updated", "duplicate", "ignored", "parked")


def show(delivery: Delivery) -> DeliveryModel:
    """Returns a delivery as the delivery log shows it."""
    return {
        "delivery_id": delivery.delivery_id,
        "bucket_id": delivery.bucket_id,
        "adapter_type": delivery.adapter_type,
        "event_type": delivery.event_type,
        "state": delivery.state,
        "result": delivery.result,
        "reason": delivery.reason,
        "object_id": delivery.object_id,
        "signature_form": delivery.form,
        "received_at": delivery.received_at,
        "updated_at": delivery.updated_at,
        "expires_at": delivery.expires_at,
        "attempt": delivery.attempt,
        "repeats": delivery.repeats,
        "body_bytes": delivery.body_bytes,
    }


def show_with_body(delivery: Delivery, body: bytes | None) -> DeliveryResponse:
    """Returns a delivery with its body. `body` is None if it has expired."""
    payload, text = (None, None) if body is None else shown_payload(body)
    return {**show(delivery), "payload": payload, "body": text}


def show_page(page: LogPage, given: Mapping[str, Any], *, path: str, limit: int) -> ListDeliveriesResponse:
    """Returns a page of the delivery log. `given` is the body of the request."""
    request = page_request(None, given, default_limit=limit)
    links = pagination(
        request, path=path, returned=len(page.deliveries), total=0, next_cursor=page.next_cursor, by_offset=False
    )
    return {"results": [show(each) for each in page.deliveries], "pagination": links}


def show_replay(results: Iterable[Replayed], next_cursor: str | None) -> ReplayResponse:
    """Returns the result of a replay."""
    replayed: list[ReplayResult] = []
    failed: list[NotReplayed] = []
    for each in results:
        if each.before is None or each.after is None:
            failed.append({"delivery_id": each.delivery_id, "error": str(each.error)})
        else:
            replayed.append({**show(each.after), "previous_state": each.before.state})
    return {"results": replayed, "failed": failed, "next_cursor": next_cursor}


def show_test(results: Iterable[Forecasted], next_cursor: str | None) -> AdapterTestResponse:
    """Returns the outcomes of a test."""
    forecasts: list[Forecast] = []
    failed: list[NotReplayed] = []
    remaining_bytes = MAX_OBJECTS_BYTES
    for each in results:
        if each.after is None:
            failed.append({"delivery_id": str(each.delivery_id), "error": str(each.error)})
            continue
        remaining_bytes -= 2 * each.stored.stored_bytes if each.stored else 0
        forecasts.append(_forecast(each, each.after, len(forecasts), with_object=remaining_bytes >= 0))
    counts = Counter(each["outcome"] for each in forecasts)
    return {
        "results": forecasts,
        "counts": {name: counts[name] for name in OUTCOMES},  # type: ignore[index]
        "failed": failed,
        "next_cursor": next_cursor,
    }


def _forecast(found: Forecasted, after: Delivery, index: int, *, with_object: bool) -> Forecast:
    return {
        "delivery_id": found.delivery_id,
        "index": index,
        "event_type": after.event_type,
        "outcome": _outcome(after),
        "previous_outcome": _outcome(found.before) if found.before else None,
        "reason": after.reason,
        "object_id": after.object_id,
        "object": show_object(found.stored) if found.stored and with_object else None,
    }


def _outcome(delivery: Delivery) -> Outcome:
    if delivery.state == APPLIED:
        return delivery.result or "duplicate"
    return "ignored" if delivery.state == IGNORED else "parked"


def show_refresh(bucket: Bucket, task: NewTask) -> RefreshResponse:
    """Returns the response with the task of a refresh."""
    return {"bucket_id": bucket.bucket_id, "task_id": task.task_id, "status": TaskStatusEnum.PENDING.value}


def show_rotation(bucket: Bucket, secret: str, now: str) -> RotateSecretResponse:
    """Returns the response with the new secret of an adapter."""
    adapter: dict[str, Any] = bucket.settings.source_adapter or {}
    return {
        "bucket_id": bucket.bucket_id,
        "webhook_url": adapter["webhook_url"],
        "webhook_secret": secret,
        "previous_secret_expires_at": previous_secret_end(adapter, now),
    }
