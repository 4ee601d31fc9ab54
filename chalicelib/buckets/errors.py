"""Errors raised by the buckets package."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.core.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    NotFound,
    PreconditionFailed,
    Problem,
    RequestInvalid,
    Unavailable,
)


class BucketInUse(Unavailable):
    """The bucket is empty, but requests that began earlier may still create objects that match the present schema."""

    message = "Requests that began earlier may still create objects of the present schema; repeat the change later"
    retry_after = 30


class BatchesActive(Conflict):
    """Batches of the bucket are submitted and have not ended."""

    message = "Batches of the bucket have not ended: cancel them, or delete the bucket with force_foreclose=true"
    code = "batches_active"


class BucketNotFound(NotFound):
    """The namespace has no bucket with this id or name."""

    message = "Bucket not found"

    def __init__(self, identifier: str) -> None:
        super().__init__(details={"resource": "bucket", "id": identifier})


class BucketNameTaken(AlreadyExists):
    """Another bucket in the namespace has this name."""

    code = "bucket_name_taken"

    def __init__(self, name: str, bucket_id: str | None = None) -> None:
        self.name, self.bucket_id = name, bucket_id
        details = {"resource": "bucket", "bucket_name": name}
        if bucket_id is not None:
            details["bucket_id"] = bucket_id
        super().__init__(f"A bucket named {name!r} already exists in this namespace", details=details)


class BucketLocked(Forbidden):
    """The bucket is read-only until an operator unlocks it."""

    message = "The bucket is locked"
    code = "bucket_locked"


class BucketNotActive(Conflict):
    """The bucket accepts no writes because it is archived, suspended or being deleted."""

    code = "bucket_not_active"

    def __init__(self, status: str) -> None:
        super().__init__(f"The bucket is not active, it is {status}", details={"status": status})


class RevisionStale(PreconditionFailed):
    """The ETag in the `If-Match` header is not the current one: the bucket has changed."""

    message = "The bucket has changed since the given ETag"
    code = "revision_stale"

    def __init__(self, etag: str) -> None:
        super().__init__(details={"etag": etag})


class SchemaBreak(Conflict):
    """The new schema breaks stored objects. `force_schema_break=true` allows it if `forcible`."""

    message = "The schema change breaks objects that are already stored"
    code = "schema_break"

    def __init__(self, breaks: Iterable[Problem], *, forcible: bool = True) -> None:
        changes = [{"location": list(b.location), "type": b.type, "message": b.message} for b in breaks]
        hint = "force_schema_break=true allows it" if forcible else "These fields identify the objects"
        super().__init__(details={"breaking_changes": changes, "hint": hint})


class BucketTooLarge(RequestInvalid):
    """The bucket's configuration exceeds the size limit of a row."""

    def __init__(self, max_bytes: int) -> None:
        message = f"The bucket's configuration is larger than {max_bytes} bytes"
        super().__init__([Problem(("body",), message, "bucket_too_large")])


class AdapterCycle(Conflict):
    """The source adapters of these buckets would form a cycle, in which objects are passed on endlessly."""

    code = "adapter_cycle"

    def __init__(self, cycle: list[str]) -> None:
        super().__init__("The adapters would feed each other: " + " <- ".join(cycle), details={"cycle": cycle})
