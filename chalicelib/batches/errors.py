"""Errors raised by the batches package."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.core.errors import BadRequest, Conflict, NotFound, Problem, RequestInvalid
from chalicelib.core.statuses import TaskStatusEnum

# How many ids an error names.
MAX_NAMED_IDS = 20


class BatchNotFound(NotFound):
    """There is no batch with this id."""

    message = "Batch not found"

    def __init__(self, identifier: str) -> None:
        super().__init__(details={"resource": "batch", "id": identifier})


class ObjectsNotFound(NotFound):
    """Objects of a batch do not exist in its bucket."""

    code = "objects_not_found"

    def __init__(self, object_ids: Sequence[str]) -> None:
        named = list(object_ids[:MAX_NAMED_IDS])
        super().__init__(
            f"{len(object_ids)} of the objects do not exist in this bucket",
            details={"resource": "object", "object_ids": named, "missing_count": len(object_ids)},
        )


class NoObjectsMatch(BadRequest):
    """No object matches the filter of a batch."""

    message = "No object matches the filters"
    code = "no_objects_match"


class SelectionTooSlow(BadRequest):
    """The objects of the batch cannot be found within the time limit of a request."""

    message = "The objects cannot be found within the time limit: narrow the filters, set a limit, or name ids"
    code = "walk_too_long"


class BatchNotDraft(BadRequest):
    """The operation requires a batch that has not been submitted."""

    code = "batch_not_draft"

    def __init__(self, status: TaskStatusEnum) -> None:
        super().__init__(f"The batch is {status}, not DRAFT", details={"status": status.value})


class BatchEmpty(BadRequest):
    """The batch has no objects, so it cannot be submitted."""

    message = "The batch has no objects: add objects before you submit it"
    code = "batch_empty"


class BatchEnded(BadRequest):
    """The batch has ended, so it cannot be canceled."""

    code = "batch_ended"

    def __init__(self, status: TaskStatusEnum) -> None:
        super().__init__(f"The batch is already {status}", details={"status": status.value})


class BatchNotEnded(BadRequest):
    """The operation requires a batch that has ended."""

    code = "batch_not_ended"

    def __init__(self, status: TaskStatusEnum) -> None:
        message = f"The batch is {status}: only a batch that has ended can be run again"
        super().__init__(message, details={"status": status.value})


class NothingToRetry(BadRequest):
    """A retry was requested for a batch that was canceled, or in which no failed object may be retried."""

    message = "The batch has no failed objects to retry; to process all of its objects again, resubmit it"
    code = "nothing_to_retry"


class BatchActive(Conflict):
    """The batch is submitted and has not ended, so it cannot be deleted."""

    code = "batch_active"

    def __init__(self, status: TaskStatusEnum) -> None:
        super().__init__(f"The batch is {status}: cancel it first", details={"status": status.value})


class ObjectsInFlight(Conflict):
    """Another batch that has not ended contains some of the same objects."""

    message = "Another batch that has not ended contains some of these objects; submit with force=true to ignore this"
    code = "objects_in_flight"

    def __init__(self, batch_id: str, object_ids: Sequence[str]) -> None:
        self.object_ids = object_ids
        super().__init__(details={"batch_id": batch_id, "object_ids": list(object_ids[:MAX_NAMED_IDS])})


class TooManyObjects(RequestInvalid):
    """A batch would have more objects than the limit."""

    def __init__(self, limit: int, *location: str) -> None:
        super().__init__([Problem(location, f"A batch has at most {limit} objects", "too_many_objects")])


class BatchListTooLong(BadRequest):
    """The list would read more batches than one request can."""

    message = "There are too many batches to count those that match: leave out status, or name a bucket"
    code = "walk_too_long"
