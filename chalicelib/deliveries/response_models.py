"""The responses about deliveries."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.deliveries.delivery import Result, State
from chalicelib.listing.models import PaginationResponse


class WebhookResponse(TypedDict):
    """What a webhook has led to. The response to a handshake has the members that its sender requires."""

    status: Annotated[
        Literal["accepted", "duplicate", "ignored", "parked"],
        Field(
            description=(
                "accepted: an object was created or updated. duplicate: the same delivery, or the same dedup value, was"
                " received before. ignored: the event is not wanted. parked: the delivery is kept, and can be replayed"
                " when the reason has been removed"
            )
        ),
    ]
    delivery_id: Annotated[str, Field(description="The delivery, as in the delivery log")]
    object_id: Annotated[str | None, Field(description="The object that it created, updated or repeated")]
    reason: Annotated[str | None, Field(description="Why it was ignored, parked, or counts as a duplicate")]


Challenge = Annotated[str, Field(description="The value of `hub.challenge`, as plain text")]


class DeliveryModel(TypedDict):
    """A delivery in the delivery log."""

    delivery_id: Annotated[str, Field(description="Identifies the delivery in its bucket")]
    bucket_id: Annotated[str, Field(description="The bucket of the source adapter")]
    adapter_type: Annotated[str, Field(description="The type of the adapter when the delivery was received")]
    event_type: Annotated[str | None, Field(description="The event type in the payload")]
    state: Annotated[State, Field(description="The outcome of the latest attempt")]
    result: Annotated[Result | None, Field(description="What it did, if it was applied")]
    reason: Annotated[str | None, Field(description="Why it was ignored, parked, or counts as a duplicate")]
    object_id: Annotated[str | None, Field(description="The object that it created, updated or repeated")]
    signature_form: Annotated[str, Field(description="The form of the signature that was verified")]
    received_at: Annotated[str, Field(description="When it was first received")]
    updated_at: Annotated[str, Field(description="When the latest attempt was made")]
    expires_at: Annotated[str, Field(description="Until when it is kept")]
    attempt: Annotated[int, Field(description="1, and incremented by each replay")]
    repeats: Annotated[int, Field(description="How often the sender has repeated it")]
    body_bytes: Annotated[int, Field(description="The size of its body")]


class DeliveryResponse(DeliveryModel):
    """A delivery with its body."""

    payload: Annotated[
        Any, Field(description="The body as JSON; null if it is not JSON, or has values that a response cannot contain")
    ]
    body: Annotated[
        str | None,
        Field(
            description="The first 256 KB of the body as text, if `payload` cannot show it; invalid UTF-8 is replaced"
        ),
    ]


class ListDeliveriesResponse(TypedDict):
    """A page of the delivery log."""

    results: Annotated[list[DeliveryModel], Field(description="The deliveries, newest first")]
    pagination: Annotated[PaginationResponse, Field(description="How to get the next page")]


class ReplayResult(DeliveryModel):
    """A delivery after a replay."""

    previous_state: Annotated[State, Field(description="The state before the replay")]


class NotReplayed(TypedDict):
    """A delivery that was not replayed."""

    delivery_id: Annotated[str, Field(description="Identifies the delivery")]
    error: Annotated[str, Field(description="Why it was not replayed")]


class ReplayResponse(TypedDict):
    """The result of a replay."""

    results: Annotated[list[ReplayResult], Field(description="The replayed deliveries, in the order of the replay")]
    failed: Annotated[list[NotReplayed], Field(description="Deliveries that could not be replayed")]
    next_cursor: Annotated[str | None, Field(description="Where to go on; null if no deliveries remain")]


Outcome = Literal["created", "updated", "duplicate", "ignored", "parked"]


class Forecast(TypedDict):
    """What a delivery or a payload would do."""

    delivery_id: Annotated[str | None, Field(description="The stored delivery; null for a payload in the request")]
    index: Annotated[int, Field(description="The position among the results")]
    event_type: Annotated[str | None, Field(description="The event type in the payload")]
    outcome: Annotated[Outcome, Field(description="What it would do")]
    previous_outcome: Annotated[Outcome | None, Field(description="What the delivery did when it was last applied")]
    reason: Annotated[str | None, Field(description="Why it would be ignored, parked, or count as a duplicate")]
    object_id: Annotated[str | None, Field(description="The object that it would create, update or repeat")]
    object: Annotated[
        dict[str, Any] | None,
        Field(
            description="The object as it would be then; null if there is none, or if the response would be too large"
        ),
    ]


class AdapterTestResponse(TypedDict):
    """The outcomes of a test. Nothing was written."""

    results: Annotated[list[Forecast], Field(description="The outcomes, in the order of receipt")]
    counts: Annotated[dict[str, int], Field(description="The number of results by outcome")]
    failed: Annotated[list[NotReplayed], Field(description="Deliveries that could not be tried")]
    next_cursor: Annotated[str | None, Field(description="Where to go on; null if no deliveries remain")]


class RotateSecretResponse(TypedDict):
    """The new secret of an adapter."""

    bucket_id: Annotated[str, Field(description="The bucket of the adapter")]
    webhook_url: Annotated[str | None, Field(description="The URL to which events are sent; it has not changed")]
    webhook_secret: Annotated[str, Field(description="The new secret; no other response contains it")]
    previous_secret_expires_at: Annotated[
        str | None, Field(description="Until when the previous secret is accepted; null if it is not")
    ]


class AdapterStatistics(TypedDict):
    """The deliveries in the delivery log, by the outcome of their latest attempts. Expired deliveries do not count."""

    events_received: Annotated[
        int, Field(description="Requests with a valid signature: deliveries and their repetitions")
    ]
    events_accepted: Annotated[int, Field(description="Deliveries that created or updated an object")]
    events_duplicate: Annotated[int, Field(description="Repeated deliveries, and those with a repeated dedup value")]
    events_ignored: Annotated[int, Field(description="Deliveries of events that are not wanted")]
    events_rejected: Annotated[int, Field(description="Deliveries that are parked, because they cannot be applied")]
    objects_created: Annotated[int, Field(description="Deliveries whose latest attempt created an object")]
    batches_submitted: Annotated[int, Field(description="Batches of these objects that were submitted")]


class AdapterStatusResponse(TypedDict):
    """The state of a bucket's source adapter."""

    bucket_id: Annotated[str, Field(description="The bucket of the adapter")]
    configured: Annotated[bool, Field(description="Whether the bucket has a source adapter")]
    adapter_type: Annotated[str | None, Field(description="The type of the adapter")]
    enabled: Annotated[bool, Field(description="Whether the adapter takes events")]
    webhook_url: Annotated[str | None, Field(description="The URL to which events are sent")]
    batching: Annotated[dict[str, Any] | None, Field(description="How its objects are collected into batches")]
    stats: Annotated[AdapterStatistics, Field(description="Counters of the deliveries in the delivery log")]
    last_event_at: Annotated[str | None, Field(description="When the latest delivery was received")]
    last_object_id: Annotated[str | None, Field(description="The object of the latest delivery that was applied")]
    last_error: Annotated[str | None, Field(description="Why a delivery was last parked")]
    last_error_at: Annotated[str | None, Field(description="When a delivery was last parked")]
    open_batch_id: Annotated[
        str | None, Field(description="The id that the batch of the open window will have; null if no window is open")
    ]
    open_batch_size: Annotated[int, Field(description="The number of deliveries in the open window")]
    open_batch_closes_at: Annotated[
        str | None, Field(description="When the open window closes; null if it closes when it is full")
    ]
    previous_secret_expires_at: Annotated[
        str | None, Field(description="Until when the secret before the last rotation is accepted; null if it is not")
    ]


class RefreshResponse(TypedDict):
    """The task that takes over the objects of the source buckets."""

    bucket_id: Annotated[str, Field(description="The bucket of the adapter")]
    task_id: Annotated[str, Field(description="The task")]
    status: Annotated[str, Field(description="The status of the task")]
