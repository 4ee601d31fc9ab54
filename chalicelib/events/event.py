"""An event, and its form as a CloudEvent (CloudEvents 1.0, JSON format)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from chalicelib.core.clock import format_timestamp
from chalicelib.stats.images import InvalidRow, Record

SOURCE = "buckets-api"
SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
# A longer text in the data of an event is cut. Texts of other systems, such as the type of a delivery's event, have no
# limit of their own.
MAX_TEXT_CHARS = 1000
_ID_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Event:
    """A change that was committed.

    `id` is a function of the stream record that reports the change, so a repeated event has the same id. `subject` is
    the path of what changed, below `/v1/`. `time` is when it changed, in the API's format. `data` has ids and
    attributes, but never the content of objects, secrets, or URLs with signatures.
    """

    id: str
    type: str
    subject: str
    time: str
    data: Mapping[str, Any]


def event_id(record: Record) -> str:
    """Returns the id of the event about a stream record.

    It depends on the ids of the stream and of the record only. DynamoDB gives each record an id of its own (DynamoDB
    Streams API, `Record.eventID`), which does not change when the record is delivered again.
    """
    name = f"{record['eventSourceARN']} {record['eventID']}"
    return f"evt_{sha256(name.encode()).hexdigest()[:_ID_DIGITS]}"


def time_of(record: Record) -> str:
    """Returns when the change in a record was made, to the second. Raises InvalidRow if the record does not say it."""
    try:
        return format_timestamp(datetime.fromtimestamp(record["dynamodb"]["ApproximateCreationDateTime"], UTC))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidRow("the time of the record cannot be read") from error


def new_event(record: Record, type_: str, subject: str, time: str, data: Mapping[str, Any]) -> Event:
    """Returns the event about a record. Long texts in the data are cut, and attributes without a value are null."""
    return Event(event_id(record), type_, subject, time, {name: _cut(value) for name, value in data.items()})


def to_cloud_event(event: Event) -> dict[str, Any]:
    """Returns the event with the attributes of CloudEvents."""
    return {
        "specversion": SPEC_VERSION,
        "id": event.id,
        "source": SOURCE,
        "type": event.type,
        "subject": event.subject,
        "time": event.time,
        "datacontenttype": CONTENT_TYPE,
        "data": dict(event.data),
    }


def _cut(value: Any) -> Any:
    return value[:MAX_TEXT_CHARS] if isinstance(value, str) else value
