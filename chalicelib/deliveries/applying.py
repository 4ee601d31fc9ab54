"""Applies a delivery to its bucket. Receiving, replay and forecast differ only in how they record the outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.aws.dynamodb.writes import Step
from chalicelib.buckets.bucket import DELETING, Bucket
from chalicelib.buckets.errors import BucketNotActive, BucketNotFound
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.errors import ApiError, Unavailable
from chalicelib.core.record import record
from chalicelib.deliveries.decision import Decision, decide, shortened
from chalicelib.deliveries.delivery import APPLIED, PARKED, Delivery
from chalicelib.deliveries.errors import AdapterNotFound
from chalicelib.objects.errors import UniqueKeyTaken
from chalicelib.objects.new_object import new_from_adapter
from chalicelib.objects.service import Objects, policy_or_upsert
from chalicelib.objects.stored_object import StoredObject

if TYPE_CHECKING:
    from chalicelib.deliveries.payload import Payload
    from chalicelib.objects.result import CreateResult

# An attempt that does nothing has none of these.
NO_RESULT: dict[str, Any] = {"reason": None, "result": None, "object_id": None, "batching": None}


class Recorder(Protocol):
    """Records the outcome of an attempt to apply a delivery."""

    def steps(self, outcome: Delivery) -> Sequence[Step]:
        """Returns the writes that record the outcome, for the transaction that writes the object."""

    def record(self, outcome: Delivery) -> None:
        """Records the outcome of a delivery that writes no object."""


@record
class Application:
    """Applies deliveries to the objects of a bucket.

    `objects` writes each object together with the steps of the recorder. `open_bucket` returns a bucket in which
    objects may be created; it raises BucketLocked and BucketNotActive.
    """

    objects: Callable[[Callable[[StoredObject, StoredObject | None], Sequence[Step]]], Objects]
    open_bucket: Callable[[str, Bucket], Bucket]
    clock: Clock

    def apply(self, delivery: Delivery, payload: Payload, bucket: Bucket, recorder: Recorder) -> Delivery:
        """Applies a delivery to a bucket that has a source adapter, and returns the delivery with the outcome.

        Raises AdapterNotFound if the bucket is being deleted, Unavailable, and the errors of the recorder's writes.
        """
        settings = bucket.settings
        assert settings.source_adapter is not None, "the caller has checked that there is an adapter"
        decision = decide(payload, settings.source_adapter, settings.schema, settings.unique_key)
        now = format_timestamp(self.clock())
        outcome = replace(delivery, **NO_RESULT, updated_at=now, event_type=decision.event_type)
        if decision.state is not None:
            outcome = replace(outcome, state=decision.state, reason=decision.reason)
            recorder.record(outcome)
            return outcome
        return self._write(outcome, decision, bucket, recorder)

    def _write(self, delivery: Delivery, decision: Decision, bucket: Bucket, recorder: Recorder) -> Delivery:
        """Writes the object, and records the outcome with it."""
        try:
            return self._create(delivery, decision, self.open_bucket(delivery.partition, bucket), recorder)
        except Unavailable:
            raise
        except UniqueKeyTaken as error:
            details = error.details or {}
            outcome = _duplicate(delivery, str(details["object_id"]), error.text)
        except ApiError as error:
            if _is_gone(error):
                raise AdapterNotFound() from error
            outcome = replace(delivery, state=PARKED, reason=shortened(error.text))
        recorder.record(outcome)
        return outcome

    def _create(self, delivery: Delivery, decision: Decision, bucket: Bucket, recorder: Recorder) -> Delivery:
        new = new_from_adapter(decision.fields, decision.files, bucket, idempotency_key=decision.idempotency_key)
        outcomes: list[Delivery] = []

        def companions(new: StoredObject, old: StoredObject | None) -> Sequence[Step]:
            outcomes.append(_applied(delivery, new, bucket, is_new=old is None))
            return recorder.steps(outcomes[-1])

        result = self.objects(companions).create_new(delivery.partition, bucket, new, policy=policy_or_upsert(bucket))
        if result.replayed_by is None:
            return outcomes[-1]
        outcome = _replayed(delivery, result)
        recorder.record(outcome)
        return outcome


def _is_gone(error: ApiError) -> bool:
    """Returns whether an error says that the bucket does not exist or is being deleted."""
    if isinstance(error, BucketNotActive):
        return (error.details or {}).get("status") == DELETING
    return isinstance(error, BucketNotFound)


def _applied(delivery: Delivery, new: StoredObject, bucket: Bucket, *, is_new: bool) -> Delivery:
    adapter = bucket.settings.source_adapter or {}
    return replace(
        delivery,
        state=APPLIED,
        result="created" if is_new else "updated",
        object_id=new.object_id,
        batching=adapter["batching"],
    )


def _replayed(delivery: Delivery, result: CreateResult) -> Delivery:
    return _duplicate(delivery, result.stored.object_id, "An object was created with the same dedup value before")


def _duplicate(delivery: Delivery, object_id: str, reason: str) -> Delivery:
    return replace(delivery, state=APPLIED, result="duplicate", object_id=object_id, reason=shortened(reason))
