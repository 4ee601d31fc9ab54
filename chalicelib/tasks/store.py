"""Tasks in the catalog table. Every change is one write, on condition of what it relies on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.expressions import (
    Condition,
    UpdateExpression,
    absent,
    all_of,
    any_of,
    at_most,
    between,
    equals,
    greater_than,
)
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Put, Update
from chalicelib.core.clock import format_timestamp
from chalicelib.core.json_codec import to_json
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.tasks.task import WAITING, NewTask, Task, ends, from_item, new_item
from chalicelib.tasks.worker import Slice

NOT_LEASED: Mapping[str, Any] = {"lease_owner": None, "lease_until": None}


class TaskStore:
    """The tasks of every organization."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def step(self, new: NewTask, now: datetime) -> Put:
        """Starts a task, as a part of somebody's transaction."""
        return Put(new_item(new, now), absent("pk"))

    def find(self, organization: str, task_id: str) -> Task | None:
        """The task of this id, whose time may be over."""
        item = self._table.get(keys.task(organization, task_id))
        return from_item(item) if item else None

    def walk(
        self, organization: str, *, descending: bool, after: str | None = None, at_most: int | None = None
    ) -> Iterator[Task]:
        """Tasks in the order of their ids, which is that of their creation, after an id if one is given."""
        low, high = keys.tasks_range()
        if after is not None:
            place = keys.task(organization, after)["sk"]
            low, high = (low, place) if descending else (place, high)
        where = all_of(equals("pk", keys.organization(organization)["pk"]), between("sk", low, high))
        rows = self._table.query(where, descending=descending, page_size=min(at_most + 1, 1000) if at_most else None)
        return (task for task in map(from_item, rows) if task.task_id != after)

    def claim(self, organization: str, task_id: str, owner: str, *, now: datetime, until: datetime) -> Task:
        """The task, which is the owner's until then. Raises VersionConflict where nobody may have it now."""
        condition = all_of(
            _waits(),
            any_of(absent("lease_until"), at_most("lease_until", format_timestamp(now))),
            greater_than("ttl", now_s(now)),
        )
        update = UpdateExpression(
            {
                **_touched(now),
                "status": TaskStatusEnum.IN_PROGRESS.value,
                "lease_owner": owner,
                "lease_until": format_timestamp(until),
            },
            add={"attempts": 1, "revision": 1},
        )
        return self._change(organization, task_id, update, condition)

    def save(self, task: Task, slice_: Slice, *, now: datetime, until: datetime | None) -> Task:
        """The task after a slice. Its owner keeps it until then, or with None gives it back, as when it is done.

        After a slice that waits it is nobody's, and rests until then. Raises VersionConflict where it is no
        longer the owner's.
        """
        done = {"status": TaskStatusEnum.COMPLETED.value} if slice_.done else {}
        update = UpdateExpression(
            {
                **_touched(now),
                **done,
                "progress": to_json(dict(slice_.progress)),
                "outputs": to_json(list(slice_.outputs)) if slice_.outputs is not None else None,
                "attempts": 0,
                "error": None,
                "lease_owner": None if until is None or slice_.wait_seconds else task.lease_owner,
                "lease_until": format_timestamp(until) if until else None,
            },
            add={"revision": 1},
        )
        return self._owned(task, update)

    def give_back(self, task: Task, error: str, *, now: datetime, rests: timedelta) -> Task:
        """The task, which is nobody's, rests for a while, and keeps the error. Raises VersionConflict."""
        words = {"error": error, "lease_owner": None, "lease_until": format_timestamp(now + rests)}
        return self._owned(task, UpdateExpression({**_touched(now), **words}, add={"revision": 1}))

    def fail(self, task: Task, error: str, *, now: datetime) -> Task:
        """The task, failed for good. Raises VersionConflict where it is no longer the owner's."""
        words = {"status": TaskStatusEnum.FAILED.value, "error": error}
        return self._owned(task, UpdateExpression({**_touched(now), **words, **NOT_LEASED}, add={"revision": 1}))

    def cancel(self, task: Task, *, now: datetime) -> Task:
        """The task, canceled, whoever works on it. Raises VersionConflict where it is over."""
        words = {"status": TaskStatusEnum.CANCELED.value, "error": None}
        update = UpdateExpression({**_touched(now), **words, **NOT_LEASED}, add={"revision": 1})
        return self._change(task.organization, task.task_id, update, _waits())

    def restart(self, task: Task, *, now: datetime) -> Task:
        """The task as if it had never failed, to be worked on again. Raises VersionConflict where it has changed."""
        words = {"status": TaskStatusEnum.PENDING.value, "attempts": 0, "error": None}
        update = UpdateExpression({**_touched(now), **words, **NOT_LEASED}, add={"revision": 1, "wake": 1})
        return self._change(task.organization, task.task_id, update, equals("revision", task.revision))

    def _owned(self, task: Task, update: UpdateExpression) -> Task:
        condition = all_of(equals("lease_owner", task.lease_owner), _waits())
        return self._change(task.organization, task.task_id, update, condition)

    def _change(self, organization: str, task_id: str, update: UpdateExpression, condition: Condition) -> Task:
        item = self._table.write(Update(keys.task(organization, task_id), update, condition, _moved))
        assert item is not None, "a change gives back the row"
        return from_item(item)


def now_s(now: datetime) -> int:
    """A moment in whole seconds, as `ttl` is written."""
    return int(now.timestamp())


def _waits() -> Condition:
    return any_of(*(equals("status", status.value) for status in WAITING))


def _touched(now: datetime) -> dict[str, Any]:
    return {"updated_at": format_timestamp(now), "ttl": ends(now)}


def _moved(_: Item | None) -> VersionConflict:
    return VersionConflict()
