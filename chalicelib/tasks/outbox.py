"""The outbox: tasks that were started in a transaction are put into the queue once the catalog's stream tells of them.

So a task is never lost between its row and its message, and whoever starts one needs no queue.
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
    """Sends the messages that rows of tasks stand for."""

    queue: TaskQueue

    def dispatch(self, records: Sequence[Record]) -> None:
        """Sends a message for every task that these records of the catalog's stream start, or start again.

        Records may have been dispatched before. The client's own errors fly.
        """
        for organization, task_id in dict.fromkeys(started(records)):
            self.queue.send(organization, task_id)


def started(records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """The tasks that are new in these records, or whose `wake` has grown."""
    for record in records:
        told = record["dynamodb"]
        row_keys = told.get("Keys") or {}
        task = keys.parse_task_key(_text(row_keys, "pk"), _text(row_keys, "sk"))
        if task is not None and _wake(told.get("NewImage")) > _wake(told.get("OldImage")):
            yield task


def starts_a_task(record: Record) -> bool:
    """Whether a record of the catalog's stream says that a task is new, or started again."""
    return any(started([record]))


def _wake(image: Mapping[str, Any] | None) -> int:
    wake = _value(image or {}, "wake")
    return wake if isinstance(wake, int) else 0


def _text(image: Mapping[str, Any], name: str) -> str:
    value = _value(image, name)
    return value if isinstance(value, str) else ""


def _value(image: Mapping[str, Any], name: str) -> Any:
    wire = image.get(name)
    return decode_value(wire) if wire else None
