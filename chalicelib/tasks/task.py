"""A background task: its input, its state, its row, and its response."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.core.clock import format_timestamp
from chalicelib.core.json_codec import escaped_bytes, to_json
from chalicelib.core.record import record
from chalicelib.core.statuses import TaskStatusEnum

if TYPE_CHECKING:
    from chalicelib.tasks.response_models import TaskResponse

# How long a task is kept after its last change (`ttl`, DynamoDB Time to Live).
RETENTION = timedelta(days=30)
OPEN_STATUSES = (TaskStatusEnum.PENDING, TaskStatusEnum.IN_PROGRESS)
# Entries of `progress` whose names start with this are not shown to clients.
PRIVATE_PREFIX = "_"

# Inputs and outputs of a task: ids, or objects with configuration. TaskValues is the type that methods accept,
# StoredValues the type of stored tasks.
TaskValues = Sequence[str | Mapping[str, Any]]
StoredValues = list[str | dict[str, Any]]


@record
class NewTask:
    """A task that is not stored yet.

    `inputs`: ids or configuration. `about`: the ids of the resources that the task works on. Clients see both.
    `progress`: the progress with which the first slice starts.
    """

    organization: str
    task_id: str
    task_type: str
    created_at: str
    inputs: TaskValues
    about: Mapping[str, Any] = field(default_factory=dict)
    progress: Mapping[str, Any] = field(default_factory=dict)
    cancellable: bool = False


@record
class Task:
    """A stored task.

    `attempts`: the number of runs since the task last made progress. `start_count`: how many times it was started or
    restarted. `lease_owner`: the run that works on it now. Before `lease_until` no other run may claim it. `ttl`: when
    its retention period ends, in seconds since the epoch.
    """

    organization: str
    task_id: str
    task_type: str
    status: TaskStatusEnum
    inputs: StoredValues
    about: Mapping[str, Any]
    progress: Mapping[str, Any]
    outputs: StoredValues | None
    cancellable: bool
    attempts: int
    error: str | None
    start_count: int
    revision: int
    created_at: str
    updated_at: str
    ttl: int
    lease_owner: str | None = None
    lease_until: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the task is completed, failed or canceled. No run works on it unless it is restarted."""
        return self.status not in OPEN_STATUSES

    def is_expired(self, now: datetime) -> bool:
        """Whether the retention period has ended. DynamoDB may delete the row later than that."""
        return self.ttl <= now.timestamp()

    def is_leased(self, now: datetime) -> bool:
        """Whether a run works on the task, or the task waits for its next slice or attempt."""
        return self.lease_until is not None and self.lease_until > format_timestamp(now)


def expires_at(now: datetime) -> int:
    """The end of the retention period of a task whose last change is at `now`, in seconds since the epoch."""
    return int((now + RETENTION).timestamp())


def new_item(new: NewTask, now: datetime) -> Item:
    """The row of a new task."""
    return {
        **keys.task(new.organization, new.task_id),
        "task_type": new.task_type,
        "status": TaskStatusEnum.PENDING.value,
        "inputs": to_json(list(new.inputs)),
        "about": to_json(dict(new.about)),
        "progress": to_json(dict(new.progress)),
        "cancellable": new.cancellable,
        "attempts": 0,
        "wake": 1,
        "revision": 1,
        "created_at": new.created_at,
        "updated_at": format_timestamp(now),
        "ttl": expires_at(now),
    }


def from_item(item: Mapping[str, Any]) -> Task:
    """The task in a row."""
    task_key = keys.parse_task_key(item["pk"], item["sk"])
    assert task_key is not None, "rows of tasks have keys of tasks"
    return Task(
        organization=task_key[0],
        task_id=task_key[1],
        task_type=item["task_type"],
        status=TaskStatusEnum(item["status"]),
        inputs=json.loads(item["inputs"]),
        about=json.loads(item["about"]),
        progress=json.loads(item["progress"]),
        outputs=json.loads(item["outputs"]) if "outputs" in item else None,
        cancellable=item["cancellable"],
        attempts=item["attempts"],
        error=item.get("error"),
        start_count=item["wake"],
        revision=item["revision"],
        created_at=item["created_at"],
        updated_at=item["updated_at"],
        ttl=item["ttl"],
        lease_owner=item.get("lease_owner"),
        lease_until=item.get("lease_until"),
    )


def started(new: NewTask, now: datetime) -> Task:
    """The task as its first write stores it."""
    return from_item(new_item(new, now))


def show(task: Task) -> TaskResponse:
    """The response for a task.

    `error` is null unless the task has failed; the error of a retried attempt is in `last_error`.
    """
    final_error = task.error if task.status == TaskStatusEnum.FAILED else None
    return {
        "task_id": task.task_id,
        "task_type": task.task_type,
        "status": task.status.value,
        "inputs": task.inputs,
        "outputs": task.outputs,
        "additional_data": _additional_data(task, final_error),
        "error": final_error,
        "error_message": final_error,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
    }


def texts(task: Task) -> Iterator[str]:
    """The texts that a search matches: id, type and status."""
    yield task.task_id
    yield task.task_type
    yield task.status.value


def size(task: Task) -> int:
    """The approximate size of the task's response in bytes."""
    return escaped_bytes(to_json([task.inputs, task.about, task.progress, task.outputs])) + 900


def _additional_data(task: Task, final_error: str | None) -> dict[str, Any]:
    progress = {name: value for name, value in task.progress.items() if not name.startswith(PRIVATE_PREFIX)}
    retrying = task.error and final_error is None
    last_error = {"attempts": task.attempts, "last_error": task.error} if retrying else {}
    return {**task.about, "progress": progress, "error": final_error, **last_error}
