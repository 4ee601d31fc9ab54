"""A background task: what it is started with, its state, its row, and how it is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.core.clock import format_timestamp
from chalicelib.core.json_codec import to_json
from chalicelib.core.statuses import TaskStatusEnum

if TYPE_CHECKING:
    from chalicelib.tasks.response_models import TaskResponse

# How long a task is kept after its last change.
RETENTION = timedelta(days=30)
WAITING = (TaskStatusEnum.PENDING, TaskStatusEnum.IN_PROGRESS)
# Entries of the progress whose names begin like this are for the worker alone.
PRIVATE = "_"

TaskValues = Sequence[str | Mapping[str, Any]]
StoredValues = list[str | dict[str, Any]]


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task that is about to be started.

    `inputs` are ids or configuration, and `about` names what it works on; both are shown to clients.
    `progress` is what the first slice starts with.
    """

    organization: str
    task_id: str
    task_type: str
    created_at: str
    inputs: TaskValues
    about: Mapping[str, Any] = field(default_factory=dict)
    progress: Mapping[str, Any] = field(default_factory=dict)
    cancellable: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """A task and how far it has come.

    `attempts` counts the runs since it last made progress, `wake` how often it was started. Whoever works on
    it is `lease_owner`, and nobody else works on it before `lease_until`; `ttl` is when its time is over.
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
    wake: int
    revision: int
    created_at: str
    updated_at: str
    ttl: int
    lease_owner: str | None = None
    lease_until: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nobody will work on it any more, unless it is started again."""
        return self.status not in WAITING

    def is_kept(self, now: datetime) -> bool:
        """Whether its time is not over; its row may still be there."""
        return self.ttl > now.timestamp()

    def is_held(self, now: datetime) -> bool:
        """Whether somebody works on it, or it rests."""
        return self.lease_until is not None and self.lease_until > format_timestamp(now)


def ends(now: datetime) -> int:
    """When the time of a task is over that changes now, in seconds."""
    return int((now + RETENTION).timestamp())


def new_item(new: NewTask, now: datetime) -> Item:
    """The row of a task that is started now."""
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
        "ttl": ends(now),
    }


def from_item(item: Mapping[str, Any]) -> Task:
    """The task in a row."""
    place = keys.read_task(item["pk"], item["sk"])
    assert place is not None, "rows of tasks have keys of tasks"
    return Task(
        organization=place[0],
        task_id=place[1],
        task_type=item["task_type"],
        status=TaskStatusEnum(item["status"]),
        inputs=json.loads(item["inputs"]),
        about=json.loads(item["about"]),
        progress=json.loads(item["progress"]),
        outputs=json.loads(item["outputs"]) if "outputs" in item else None,
        cancellable=item["cancellable"],
        attempts=item["attempts"],
        error=item.get("error"),
        wake=item["wake"],
        revision=item["revision"],
        created_at=item["created_at"],
        updated_at=item["updated_at"],
        ttl=item["ttl"],
        lease_owner=item.get("lease_owner"),
        lease_until=item.get("lease_until"),
    )


def show(task: Task) -> TaskResponse:
    """The task as clients receive it. Of an error they hear once it is final; until then it is the last one."""
    final = task.error if task.status == TaskStatusEnum.FAILED else None
    return {
        "task_id": task.task_id,
        "task_type": task.task_type,
        "status": task.status.value,
        "inputs": task.inputs,
        "outputs": task.outputs,
        "additional_data": _additional(task, final),
        "error": final,
        "error_message": final,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
    }


def texts(task: Task) -> Iterator[str]:
    """What a search reads: id, type and status."""
    yield task.task_id
    yield task.task_type
    yield task.status.value


def size(task: Task) -> int:
    """About how many bytes the task takes when it is shown."""
    return len(to_json([task.inputs, task.about, task.progress, task.outputs])) + 700


def _additional(task: Task, final: str | None) -> dict[str, Any]:
    progress = {name: value for name, value in task.progress.items() if not name.startswith(PRIVATE)}
    trouble = {"attempts": task.attempts, "last_error": task.error} if task.error and final is None else {}
    return {**task.about, "progress": progress, "error": final, **trouble}
