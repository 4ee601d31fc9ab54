"""The command group `tasks`, for background tasks."""

from __future__ import annotations

from itertools import islice
from typing import Any

import click

from chalicelib.admin.commands import with_services
from chalicelib.admin.organizations import organization_option
from chalicelib.admin.output import as_json, show, show_all
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.services import Services
from chalicelib.tasks.task import Task

COLUMNS = ("task_id", "task_type", "status", "attempts", "created_at", "updated_at", "error")
status_type = click.Choice([*TaskStatusEnum], case_sensitive=False)


@click.group()
def tasks() -> None:
    """List and show the background tasks of an organization, and restart failed ones."""


@tasks.command("list")
@organization_option
@click.option("--status", type=status_type, help="Only tasks in this status.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Maximum number of tasks.")
@as_json
@with_services
def list_(services: Services, organization: str, status: str | None, limit: int, as_json: bool) -> None:
    """List the tasks of the organization, newest first."""
    services.access.get_organization(organization)
    found = (task for task in services.tasks.walk(organization) if status in (None, task.status))
    show_all(COLUMNS, [_row(task) for task in islice(found, limit)], as_json=as_json)


@tasks.command("show")
@organization_option
@click.argument("task_id", metavar="ID")
@as_json
@with_services
def show_(services: Services, organization: str, task_id: str, as_json: bool) -> None:
    """Show the task with this ID and its progress."""
    show(_details(services.tasks.get(organization, task_id)), as_json=as_json)


@tasks.command()
@organization_option
@click.argument("task_id", metavar="ID")
@as_json
@with_services
def restart(services: Services, organization: str, task_id: str, as_json: bool) -> None:
    """Restart the task with this ID: one that failed, or that no process works on. It continues where it stopped."""
    show(_details(services.tasks.restart(organization, task_id)), as_json=as_json)


def _row(task: Task) -> dict[str, Any]:
    return {**{name: getattr(task, name) for name in COLUMNS}, "status": task.status.value}


def _details(task: Task) -> dict[str, Any]:
    return {
        **_row(task),
        "cancellable": task.cancellable,
        "inputs": [str(value) for value in task.inputs],
        "about": dict(task.about),
        "progress": dict(task.progress),
        "lease_until": task.lease_until,
    }
