"""A delivery: a webhook that another system sent to the source adapter of a bucket, and its row.

The row of a delivery is at the same time the claim on it: its id is computed from signed parts of the request, and it
is written, on condition that it does not exist, in the transaction that writes the object. So a delivery is either
unknown or applied as a whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from chalicelib import keys
from chalicelib.core.clock import format_timestamp, parse_timestamp
from chalicelib.core.ids import id_of_digest
from chalicelib.core.json_codec import to_json
from chalicelib.core.record import record

PREFIX = "dlv"
ID_CHARS = 26
# How long a delivery is kept, and a repetition of it is recognized.
RETENTION = timedelta(days=30)

State = Literal["APPLIED", "IGNORED", "PARKED"]
Result = Literal["created", "updated", "duplicate"]
APPLIED: State = "APPLIED"
IGNORED: State = "IGNORED"
PARKED: State = "PARKED"
STATES: tuple[State, ...] = (APPLIED, IGNORED, PARKED)


@record
class Delivery:
    """A delivery with its latest outcome.

    `reason` says why it was ignored or parked. `result` and `object_id` say what it did if it was applied. `attempt`
    is 1, and incremented by each replay. `repeats` is how often the sender has repeated it. `batching` is the rule for
    the batch that its object joins, or None if it joins none. `form` is the form of its signature. `body_bytes` is the
    length of its body, which is in `body_parts` rows of their own.
    """

    organization: str
    namespace_id: str
    bucket_id: str
    delivery_id: str
    adapter_type: str
    form: str
    received_at: str
    updated_at: str
    state: State
    body_bytes: int
    body_parts: int
    event_type: str | None = None
    reason: str | None = None
    result: Result | None = None
    object_id: str | None = None
    batching: Mapping[str, Any] | None = None
    attempt: int = 1
    repeats: int = 0
    revision: int = 1

    @property
    def partition(self) -> str:
        """The partition of the namespace."""
        return keys.partition(self.organization, self.namespace_id)

    @property
    def rows(self) -> str:
        """The partition key of the deliveries to the bucket."""
        return keys.deliveries(self.partition, self.bucket_id)

    @property
    def expires_at(self) -> str:
        """The time from which the delivery is not kept any longer."""
        return format_timestamp(_expiry(self))


def delivery_id(bucket_id: str, *, message_id: str | None, body: bytes, timestamp: int | None) -> str:
    """Returns the id of a delivery: a hash of its signed parts.

    These are the id that the sender gave to the message, or without one the body and the signed time in seconds since
    the epoch, if the signature includes a time.
    """
    if message_id is not None:
        return _id("message", bucket_id, message_id)
    return _id("body", bucket_id, hashlib.sha256(body).hexdigest(), timestamp)


def log_key(received_at: str, delivery_id: str) -> str:
    """Returns the sort key of a delivery in the log, which is in the order of receipt."""
    return f"{received_at}#{delivery_id}"


def to_item(delivery: Delivery) -> dict[str, Any]:
    """Returns the row of a delivery, with its keys."""
    return {
        **keys.delivery(delivery.rows, delivery.delivery_id),
        "organization": delivery.organization,
        "namespace_id": delivery.namespace_id,
        "bucket_id": delivery.bucket_id,
        "delivery_id": delivery.delivery_id,
        "adapter_type": delivery.adapter_type,
        "form": delivery.form,
        "received_at": delivery.received_at,
        "changed_at": delivery.updated_at,
        "state": delivery.state,
        "event_type": delivery.event_type,
        "reason": delivery.reason,
        "result": delivery.result,
        "object_id": delivery.object_id,
        "batching": dict(delivery.batching) if delivery.batching else None,
        "attempt": delivery.attempt,
        "repeats": delivery.repeats,
        "revision": delivery.revision,
        "body_bytes": delivery.body_bytes,
        "body_parts": delivery.body_parts,
        "ttl": ttl(delivery),
        # The key in the index `by_name`, which lists deliveries in the order of receipt. `status` is in the index too.
        "ns": delivery.rows,
        "name_key": log_key(delivery.received_at, delivery.delivery_id),
        "status": delivery.state,
    }


def from_item(item: Mapping[str, Any]) -> Delivery:
    """Returns the delivery in a row."""
    return Delivery(
        organization=item["organization"],
        namespace_id=item["namespace_id"],
        bucket_id=item["bucket_id"],
        delivery_id=item["delivery_id"],
        adapter_type=item["adapter_type"],
        form=item["form"],
        received_at=item["received_at"],
        updated_at=item["changed_at"],
        state=item["state"],
        body_bytes=item["body_bytes"],
        body_parts=item["body_parts"],
        event_type=item.get("event_type"),
        reason=item.get("reason"),
        result=item.get("result"),
        object_id=item.get("object_id"),
        batching=item.get("batching"),
        attempt=item["attempt"],
        repeats=item["repeats"],
        revision=item["revision"],
    )


def ttl(delivery: Delivery) -> int:
    """Returns when DynamoDB may remove the rows of a delivery, in seconds since the epoch."""
    return int(_expiry(delivery).timestamp())


def is_expired(delivery: Delivery, now: datetime) -> bool:
    """Returns whether the retention period of a delivery has ended. DynamoDB removes its rows within days of that."""
    return now >= _expiry(delivery)


def _expiry(delivery: Delivery) -> datetime:
    return parse_timestamp(delivery.received_at) + RETENTION


def _id(*parts: Any) -> str:
    digest = hashlib.sha256(to_json(["delivery", *parts]).encode()).digest()
    return id_of_digest(PREFIX, digest, ID_CHARS)
