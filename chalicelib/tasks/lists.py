"""Lists of tasks.

A list of all tasks by age reads only the rows of its page. Any other list reads all tasks of the organization.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from chalicelib.core.ids import is_id
from chalicelib.core.text import fold
from chalicelib.listing.cursors import CursorInvalid
from chalicelib.listing.query import ListedResource, ListPage, ListQuery, select_page, take_page
from chalicelib.listing.sorting import SortKey
from chalicelib.listing.walks import all_rows
from chalicelib.tasks.service import PREFIX, Tasks
from chalicelib.tasks.task import Task, show, size, texts

NEWEST_FIRST = (SortKey("created_at", descending=True),)
AGE_FIELDS = ("created_at", "task_id")
LISTED_TASKS: ListedResource[Task] = ListedResource(id=lambda task: task.task_id, show=show, texts=texts, size=size)


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks a list contains. None means any."""

    status: str | None = None
    task_type: str | None = None

    @property
    def matches_all(self) -> bool:
        """Whether every task matches."""
        return self.status is None and self.task_type is None

    def matches(self, task: Task) -> bool:
        """Whether a task matches. Types are compared without regard to case."""
        type_matches = self.task_type is None or fold(self.task_type) == fold(task.task_type)
        return type_matches and self.status in (None, task.status)

    def cursor_scope(self, organization: str) -> str:
        """Identifies the list in its cursors, so that a cursor of another list is rejected."""
        return f"tasks {organization} {self.status} {fold(self.task_type or '')}"


def list_tasks(tasks: Tasks, organization: str, query: ListQuery, task_filter: TaskFilter) -> ListPage[Task]:
    """The page of tasks that a query asks for. The total is present if it was requested or all tasks were read.

    Raises SortTooLarge if too many tasks match for a sort by another field than age, and ListTooLong.
    """
    by_age = len(query.sorts) == 1 and query.sorts[0].field in AGE_FIELDS
    if by_age and query.is_plain and task_filter.matches_all and not query.page.include_total:
        return _page(tasks, organization, query)
    descending = query.sorts[0].descending if by_age else True
    walked = all_rows(tasks.walk(organization, descending=descending))
    rows = (task for task in walked if task_filter.matches(task))
    return select_page(
        rows, query, LISTED_TASKS, ordered=by_age, find=lambda task_id: tasks.find(organization, task_id)
    )


def _page(tasks: Tasks, organization: str, query: ListQuery) -> ListPage[Task]:
    end = query.page.offset + query.page.limit + 1
    descending, after = query.sorts[0].descending, _cursor_position(query)
    rows: Iterator[Task] = tasks.walk(organization, descending=descending, after=after, limit=end)
    return take_page(islice(rows, query.page.offset, end), query, LISTED_TASKS, total=0)


def _cursor_position(query: ListQuery) -> str | None:
    """The id of the task after which the page starts. Raises CursorInvalid if the cursor contains no task id."""
    if query.after is None:
        return None
    task_id = query.after[-1]
    if not is_id(task_id, PREFIX):
        raise CursorInvalid()
    return str(task_id)
