"""Task rows in the catalog table. Every change is one conditional write."""

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
    exists,
    greater_than,
)
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Evidence, Put, Update, applied_as_revision
from chalicelib.core.clock import format_timestamp
from chalicelib.core.json_codec import to_json
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.tasks.task import OPEN_STATUSES, NewTask, Task, TaskValues, expires_at, from_item, new_item
from chalicelib.tasks.worker import Slice

NOT_LEASED: Mapping[str, Any] = {"lease_owner": None, "lease_until": None}


class TaskStore:
    """The tasks of every organization."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def step(self, new: NewTask, now: datetime) -> Put:
        """The write that stores and starts a task, for the caller's transaction."""
        return _put_new(new_item(new, now))

    def ended_step(self, new: NewTask, status: TaskStatusEnum, now: datetime) -> Put:
        """The write that stores a task which has ended already, for the caller's transaction."""
        return _put_new({**new_item(new, now), "status": status.value, "wake": 0})

    def end_step(
        self, task: Task, status: TaskStatusEnum, outputs: TaskValues, error: str | None, now: datetime
    ) -> Update:
        """The write that ends a task that its resource ends, for the caller's transaction.

        It also ends a task that a run has leased: that run then loses its lease. Its condition only requires the row.
        """
        attributes = {"status": status.value, "outputs": to_json(list(outputs)), "error": error}
        update = UpdateExpression({**_common_attributes(now), **attributes, **NOT_LEASED}, add={"revision": 1})
        return Update(keys.task(task.organization, task.task_id), update, exists("pk"), _version_conflict)

    def find(self, organization: str, task_id: str) -> Task | None:
        """The task with this id, even if its retention period has ended. None if there is no such row."""
        item = self._table.get(keys.task(organization, task_id))
        return from_item(item) if item else None

    def walk(
        self, organization: str, *, descending: bool, after: str | None = None, limit: int | None = None
    ) -> Iterator[Task]:
        """Reads tasks lazily in the order of their ids, which is the order of their creation.

        `after`: the id after which to start. `limit`: how many tasks the caller uses at most; sets the page size.
        Raises DeadlineExceeded if the tasks are not read and evaluated within the time limit of the request.
        """
        low, high = keys.tasks_range()
        if after is not None:
            position = keys.task(organization, after)["sk"]
            low, high = (low, position) if descending else (position, high)
        condition = all_of(equals("pk", keys.organization(organization)["pk"]), between("sk", low, high))
        page_size = min(limit + 1, 1000) if limit else None
        rows = self._table.query(condition, descending=descending, page_size=page_size, check_deadline=True)
        return (task for task in self._table.until_deadline(map(from_item, rows)) if task.task_id != after)

    def claim(self, organization: str, task_id: str, owner: str, *, now: datetime, until: datetime) -> Task:
        """Leases the task to an owner until the given time.

        Raises VersionConflict if the task has ended, is leased, has expired or does not exist.
        """
        condition = all_of(
            _is_open(),
            any_of(absent("lease_until"), at_most("lease_until", format_timestamp(now))),
            greater_than("ttl", epoch_seconds(now)),
        )
        update = UpdateExpression(
            {
                **_common_attributes(now),
                "status": TaskStatusEnum.IN_PROGRESS.value,
                "lease_owner": owner,
                "lease_until": format_timestamp(until),
            },
            add={"attempts": 1, "revision": 1},
        )
        return self._write(organization, task_id, update, condition)

    def save(self, task: Task, slice_: Slice, *, now: datetime, until: datetime | None) -> Task:
        """Saves a slice and returns the task after it.

        The lease is extended to `until`, or released if that is None. After a slice that asks for a wait, the lease
        is released and `until` is when the wait ends. Raises VersionConflict if the owner has lost the lease.
        """
        done = {"status": TaskStatusEnum.COMPLETED.value} if slice_.done else {}
        update = UpdateExpression(
            {
                **_common_attributes(now),
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
        return self._write_as_owner(task, update)

    def release(self, task: Task, error: str, *, now: datetime, retry_delay: timedelta) -> Task:
        """Saves the error and releases the lease. The task may be claimed again after `retry_delay`.

        Raises VersionConflict if the owner has lost the lease.
        """
        attributes = {"error": error, "lease_owner": None, "lease_until": format_timestamp(now + retry_delay)}
        return self._write_as_owner(
            task, UpdateExpression({**_common_attributes(now), **attributes}, add={"revision": 1})
        )

    def end_lease(self, task: Task, *, now: datetime) -> Task:
        """Ends the lease of an owner that is known to have ended, or a wait.

        Raises VersionConflict if the task has changed or ended.
        """
        update = UpdateExpression({**_common_attributes(now), **NOT_LEASED}, add={"revision": 1})
        condition = all_of(equals("revision", task.revision), _is_open())
        return self._write(task.organization, task.task_id, update, condition, applied_as_revision(task.revision))

    def fail(self, task: Task, error: str, *, now: datetime) -> Task:
        """Marks the task as failed. Raises VersionConflict if the owner has lost the lease."""
        attributes = {"status": TaskStatusEnum.FAILED.value, "error": error}
        return self._write_as_owner(
            task, UpdateExpression({**_common_attributes(now), **attributes, **NOT_LEASED}, add={"revision": 1})
        )

    def cancel(self, task: Task, *, now: datetime) -> Task:
        """Marks the task as canceled, even while a run works on it. Raises VersionConflict if it has ended."""
        attributes = {"status": TaskStatusEnum.CANCELED.value, "error": None}
        update = UpdateExpression({**_common_attributes(now), **attributes, **NOT_LEASED}, add={"revision": 1})
        return self._write(task.organization, task.task_id, update, _is_open(), applied_as_revision(task.revision))

    def restart(self, task: Task, *, now: datetime) -> Task:
        """Makes the task pending again, without its error. Raises VersionConflict if its row has changed."""
        attributes = {"status": TaskStatusEnum.PENDING.value, "attempts": 0, "error": None}
        update = UpdateExpression(
            {**_common_attributes(now), **attributes, **NOT_LEASED}, add={"revision": 1, "wake": 1}
        )
        condition, was_applied = equals("revision", task.revision), applied_as_revision(task.revision)
        return self._write(task.organization, task.task_id, update, condition, was_applied)

    def _write_as_owner(self, task: Task, update: UpdateExpression) -> Task:
        condition = all_of(equals("lease_owner", task.lease_owner), _is_open())
        return self._write(task.organization, task.task_id, update, condition)

    def _write(
        self,
        organization: str,
        task_id: str,
        update: UpdateExpression,
        condition: Condition,
        was_applied: Evidence | None = None,
    ) -> Task:
        key = keys.task(organization, task_id)
        item = self._table.write(Update(key, update, condition, _version_conflict, was_applied))
        assert item is not None, "an update returns the row"
        return from_item(item)


def epoch_seconds(time: datetime) -> int:
    """A time in whole seconds since the epoch, which is the unit of `ttl`."""
    return int(time.timestamp())


def _is_open() -> Condition:
    return any_of(*(equals("status", status.value) for status in OPEN_STATUSES))


def _common_attributes(now: datetime) -> dict[str, Any]:
    return {"updated_at": format_timestamp(now), "ttl": expires_at(now)}


def _version_conflict(_: Item | None) -> VersionConflict:
    return VersionConflict()


def _put_new(item: Item) -> Put:
    # No other task gets this id, so the row proves that the transaction was applied.
    return Put(item, absent("pk"), was_applied=lambda row: True if row else None)
