"""The statuses that buckets, objects, uploads, batches and tasks share."""

from enum import StrEnum


class TaskStatusEnum(StrEnum):
    """The status of an operation that runs, or the state of a resource.

    COMPLETED, COMPLETED_WITH_ERRORS, FAILED and CANCELED are final. ACTIVE, ARCHIVED and SUSPENDED are
    states of resources such as buckets. A bucket that is being deleted is IN_PROGRESS.
    """

    PENDING = "PENDING"
    QUEUED = "QUEUED"
    IN_PROGRESS = "IN_PROGRESS"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    INTERRUPTED = "INTERRUPTED"
    UNKNOWN = "UNKNOWN"
    SKIPPED = "SKIPPED"
    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"
    SUSPENDED = "SUSPENDED"
