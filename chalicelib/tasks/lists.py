"""Lists of tasks. By age, and all of them, a page reads itself alone; everything else walks the organization's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from chalicelib.core.ids import is_id
from chalicelib.core.text import fold
from chalicelib.listing.cursors import CursorInvalid
from chalicelib.listing.query import ListedResource, ListPage, ListQuery, select_page, take_page
from chalicelib.listing.sorting import SortKey
from chalicelib.tasks.service import PREFIX, Tasks
from chalicelib.tasks.task import Task, show, size, texts

NEWEST_FIRST = (SortKey("created_at", descending=True),)
BY_AGE = ("created_at", "task_id")
KIND: ListedResource[Task] = ListedResource(id=lambda task: task.task_id, show=show, texts=texts, size=size)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tasks a list is about."""

    status: str | None = None
    task_type: str | None = None

    @property
    def is_all(self) -> bool:
        """Whether it is about all of them."""
        return self.status is None and self.task_type is None

    def has(self, task: Task) -> bool:
        """Whether it is about this one."""
        of_type = self.task_type is None or fold(self.task_type) == fold(task.task_type)
        return of_type and self.status in (None, task.status)

    def scope(self, organization: str) -> str:
        """What a cursor of the list is good for."""
        return f"tasks {organization} {self.status} {fold(self.task_type or '')}"


def list_tasks(tasks: Tasks, organization: str, query: ListQuery, wanted: Wanted) -> ListPage[Task]:
    """The page of tasks that a query asks for. How many match is counted where it is asked for, or walked anyway.

    Raises SortTooLarge where too many match for a sort that is not by age.
    """
    ordered = len(query.sorts) == 1 and query.sorts[0].field in BY_AGE
    if ordered and query.is_plain and wanted.is_all and not query.page.include_total:
        return _page(tasks, organization, query)
    descending = query.sorts[0].descending if ordered else True
    rows = (task for task in tasks.walk(organization, descending=descending) if wanted.has(task))
    return select_page(rows, query, KIND, ordered=ordered)


def _page(tasks: Tasks, organization: str, query: ListQuery) -> ListPage[Task]:
    end = query.page.offset + query.page.limit + 1
    descending, after = query.sorts[0].descending, _position(query)
    rows: Iterator[Task] = tasks.walk(organization, descending=descending, after=after, at_most=end)
    return take_page(islice(rows, query.page.offset, end), query, KIND, total=0)


def _position(query: ListQuery) -> str | None:
    """The task that a cursor is behind. Raises CursorInvalid where none could be."""
    if query.after is None:
        return None
    task_id = query.after[-1]
    if not is_id(task_id, PREFIX):
        raise CursorInvalid()
    return str(task_id)
