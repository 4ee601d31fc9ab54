"""Transactional outbox: puts tasks into the queue when their rows appear in the catalog table's stream.

A task is written in the transaction that requires it, and its message is sent afterwards. So a task cannot be lost
between the two writes, and code that starts a task needs no access to the queue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import decode_value
from chalicelib.tasks.queue import TaskQueue

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outbox:
    """Sends a message for each task that was started."""

    queue: TaskQueue

    def dispatch(self, records: Sequence[Record]) -> None:
        """Sends a message for every task that was started or restarted in these records of the catalog stream.

        Records may be repeated: a second message for the same task does no harm. Errors of the SQS client propagate
        to the caller.
        """
        for organization, task_id in dict.fromkeys(started_tasks(records)):
            self.queue.send(organization, task_id)


def started_tasks(records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """The organization and the id of each task that was started or restarted: each whose `wake` has increased."""
    for record in records:
        change = record["dynamodb"]
        row_keys = change.get("Keys") or {}
        task = keys.parse_task_key(_text(row_keys, "pk"), _text(row_keys, "sk"))
        if task is not None and _start_count(change.get("NewImage")) > _start_count(change.get("OldImage")):
            yield task


def starts_a_task(record: Record) -> bool:
    """Whether a task was started or restarted in a record of the catalog stream."""
    return any(started_tasks([record]))


def _start_count(image: Mapping[str, Any] | None) -> int:
    count = _value(image or {}, "wake")
    return count if isinstance(count, int) else 0


def _text(image: Mapping[str, Any], name: str) -> str:
    value = _value(image, name)
    return value if isinstance(value, str) else ""


def _value(image: Mapping[str, Any], name: str) -> Any:
    attribute_value = image.get(name)
    return decode_value(attribute_value) if attribute_value else None
