"""The statuses that buckets, objects, uploads, batches and tasks share."""

from enum import StrEnum


class TaskStatusEnum(StrEnum):
    """Status of something that is worked on, or life cycle of something that lasts.

    COMPLETED, COMPLETED_WITH_ERRORS, FAILED and CANCELED are final. ACTIVE, ARCHIVED and SUSPENDED are
    for things that last; a bucket that is being deleted is IN_PROGRESS.
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
