"""The operations on tasks. Tasks belong to an organization, so no operation needs the X-Namespace header."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.core.lazy_module import LazyModule
from chalicelib.http.operation import Call, JsonResponse, Operation
from chalicelib.listing.pagination import ListTooLong, SortTooLarge, page_request, pagination
from chalicelib.tasks.errors import TaskNotFound
from chalicelib.tasks.service import Cancellation, Tasks
from chalicelib.tasks.task import show

if TYPE_CHECKING:
    from chalicelib.listing import models as listing_models
    from chalicelib.tasks import models, response_models
else:
    listing_models = LazyModule("chalicelib.listing.models")
    models = LazyModule("chalicelib.tasks.models")
    response_models = LazyModule("chalicelib.tasks.response_models")

TASKS = "/v1/tasks"
TASK = f"{TASKS}/{{task_id}}"
DEFAULT_PAGE_SIZE = 10
operation = partial(Operation, tag="Tasks", scope="organization")
CANCELLATION_MESSAGES = {
    Cancellation.CANCELED: "The task is canceled",
    Cancellation.NOT_CANCELLABLE: "The task cannot be canceled and continues",
    Cancellation.NOTHING_TO_CANCEL: "There is nothing to cancel",
}


def task_operations(tasks: Callable[[], Tasks]) -> list[Operation]:
    """The operations to get, list and cancel tasks."""

    def get(call: Call) -> JsonResponse:
        return JsonResponse(show(tasks().get(call.organization_id, call.path["task_id"])))

    def list_(call: Call) -> JsonResponse:
        return _list(tasks(), call, call.body.model_dump(include=call.body.model_fields_set))

    def delete(call: Call) -> JsonResponse:
        cancellation = tasks().cancel(call.organization_id, call.path["task_id"])
        return JsonResponse({"message": CANCELLATION_MESSAGES[cancellation], "success": True})

    return [
        operation(
            method="GET",
            path=TASK,
            name="get_task",
            summary="Get Task",
            description="Returns a task and its progress. Tasks are kept for 30 days after their last change.",
            run=get,
            response=lambda: response_models.TaskResponse,
            errors=(TaskNotFound,),
        ),
        operation(
            method="POST",
            path=f"{TASKS}/list",
            name="list_tasks",
            summary="List Tasks",
            description="Lists tasks, newest first, with search, filters and sort. Values in the body take precedence "
            "over the query.",
            run=list_,
            response=lambda: response_models.ListTasksResponse,
            body=lambda: models.ListTasksRequest,
            query=lambda: listing_models.PageQuery,
            errors=(SortTooLarge, ListTooLong),
        ),
        operation(
            method="DELETE",
            path=TASK,
            name="kill_task",
            summary="Cancel Task",
            description="Cancels a task if its type can be canceled. Deletions cannot be canceled and continue. "
            "Also succeeds if the task has ended or is unknown.",
            run=delete,
            response=lambda: response_models.GenericDeleteResponse,
            permission="delete",
        ),
    ]


def _list(tasks: Tasks, call: Call, fields: Mapping[str, Any]) -> JsonResponse:
    # Imported here because only lists need filters, sorts and cursors, which are a fifth of the code.
    from chalicelib.listing.query import read_list
    from chalicelib.tasks.lists import NEWEST_FIRST, TaskFilter, list_tasks

    page = page_request(call.query, fields, default_limit=DEFAULT_PAGE_SIZE)
    task_filter = TaskFilter(fields.get("status"), fields.get("task_type"))
    scope = task_filter.cursor_scope(call.organization_id)
    known = response_models.TaskResponse.__annotations__
    query = read_list(page, fields, default=NEWEST_FIRST, scope=scope, fields=known)
    selected = list_tasks(tasks, call.organization_id, query, task_filter)
    shown = [show(task) for task in selected.rows]
    links = pagination(
        page,
        path=f"{TASKS}/list",
        returned=len(shown),
        total=selected.total,
        next_cursor=selected.next_cursor,
    )
    return JsonResponse({"results": shown, "pagination": links})
