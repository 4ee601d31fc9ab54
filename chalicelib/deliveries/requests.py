"""What requests about deliveries contain, as the services expect it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.core.clock import format_timestamp
from chalicelib.core.errors import invalid
from chalicelib.deliveries.delivery_log import LogQuery

if TYPE_CHECKING:
    from chalicelib.deliveries.models import AdapterTestRequest, ListDeliveriesRequest, ReplayRequest


def log_query(
    rows: str, body: ListDeliveriesRequest | ReplayRequest | AdapterTestRequest, *, descending: bool
) -> LogQuery:
    """Returns which part of the delivery log a request asks for."""
    return LogQuery(
        rows=rows,
        limit=body.limit,
        state=body.state,
        event_type=body.event_type,
        received_after=_timestamp("received_after", body.received_after),
        received_before=_timestamp("received_before", body.received_before),
        cursor=body.cursor,
        descending=descending,
    )


def _timestamp(name: str, moment: datetime | None) -> str | None:
    try:
        return format_timestamp(moment) if moment is not None else None
    except OverflowError as error:
        raise invalid("body", name, message="The time is outside the years 1 to 9999 in UTC") from error
