"""The operations on tasks. They are an organization's, so none of them needs the X-Namespace header."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from chalicelib.http.operation import Answer, Call, Operation
from chalicelib.listing.pagination import SortTooLarge, page_request, pagination
from chalicelib.tasks.errors import TaskNotFound
from chalicelib.tasks.service import Cancellation, Tasks
from chalicelib.tasks.task import show

if TYPE_CHECKING:
    from pydantic import BaseModel

TASKS = "/v1/tasks"
TASK = f"{TASKS}/{{task_id}}"
DEFAULT_PAGE = 10
TOLD = {
    Cancellation.CANCELED: "The task is canceled",
    Cancellation.GOES_ON: "The task cannot be canceled, and goes on",
    Cancellation.NOTHING_TO_CANCEL: "There is nothing to cancel",
}


def task_operations(tasks: Callable[[], Tasks]) -> list[Operation]:
    """Get, list and cancel."""

    def get(call: Call) -> Answer:
        return Answer(show(tasks().get(call.organization_id, call.path["task_id"])))

    def list_(call: Call) -> Answer:
        return _list(tasks(), call, call.body.model_dump(include=call.body.model_fields_set))

    def delete(call: Call) -> Answer:
        came_of_it = tasks().cancel(call.organization_id, call.path["task_id"])
        return Answer({"message": TOLD[came_of_it], "success": True})

    return [
        _operation(
            method="GET",
            path=TASK,
            name="get_task",
            summary="Get Task",
            description="A task and its progress. Tasks are kept for 30 days after their last change.",
            run=get,
            answer=lambda: _answers().TaskResponse,
            refusals=(TaskNotFound,),
        ),
        _operation(
            method="POST",
            path=f"{TASKS}/list",
            name="list_tasks",
            summary="List Tasks",
            description="Lists tasks, newest first, with search, filters and sort. The body wins over the query.",
            run=list_,
            answer=lambda: _answers().ListTasksResponse,
            body=_list_request,
            query=_page_query,
            refusals=(SortTooLarge,),
        ),
        _operation(
            method="DELETE",
            path=TASK,
            name="kill_task",
            summary="Cancel Task",
            description="Cancels a task that can be canceled; deletions go on. Succeeds for a task that is over or "
            "unknown, too.",
            run=delete,
            answer=lambda: _answers().GenericDeleteResponse,
            permission="delete",
        ),
    ]


def _operation(**given: Any) -> Operation:
    return Operation(**{"tag": "Tasks", "scope": "organization", **given})


def _answers() -> ModuleType:
    """The models of answers, which only the documentation needs."""
    from chalicelib.tasks import response_models

    return response_models


def _list_request() -> type[BaseModel]:
    from chalicelib.tasks.models import ListTasksRequest

    return ListTasksRequest


def _page_query() -> type[BaseModel]:
    from chalicelib.listing.models import PageQuery

    return PageQuery


def _list(tasks: Tasks, call: Call, given: Mapping[str, Any]) -> Answer:
    # Filters, sorts and cursors are a fifth of the code, and only lists need them.
    from chalicelib.listing.query import read_list
    from chalicelib.tasks.lists import NEWEST_FIRST, Wanted, list_tasks

    page = page_request(call.query, given, default_limit=DEFAULT_PAGE)
    wanted = Wanted(given.get("status"), given.get("task_type"))
    query = read_list(page, given, default=NEWEST_FIRST, scope=wanted.scope(call.organization_id))
    selected = list_tasks(tasks, call.organization_id, query, wanted)
    shown = [show(task) for task in selected.rows]
    links = pagination(
        page,
        path=f"{TASKS}/list",
        returned=len(shown),
        total=selected.total,
        next_cursor=selected.next_cursor,
    )
    return Answer({"results": shown, "pagination": links})
