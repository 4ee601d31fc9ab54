"""The response to a webhook. It is separate from the other views, which take longer to import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.deliveries.delivery import APPLIED, IGNORED, Delivery

if TYPE_CHECKING:
    from chalicelib.deliveries.receiving import Received


def show_received(received: Received) -> dict[str, Any]:
    """Returns the response to a webhook."""
    delivery = received.delivery
    if delivery is None:
        return dict(received.handshake or {})
    return {
        "status": "duplicate" if received.is_repetition else outcome_of(delivery),
        "delivery_id": delivery.delivery_id,
        "object_id": delivery.object_id,
        "reason": delivery.reason,
    }


def outcome_of(delivery: Delivery) -> str:
    """Returns the outcome of a delivery: accepted, duplicate, ignored or parked."""
    if delivery.state == APPLIED:
        return "duplicate" if delivery.result == "duplicate" else "accepted"
    return "ignored" if delivery.state == IGNORED else "parked"
