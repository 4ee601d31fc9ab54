"""The noes of the objects room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core.errors import (
    BadRequest,
    Conflict,
    NotFound,
    PreconditionFailed,
    Problem,
    RequestInvalid,
    TooLarge,
    Unavailable,
)


class ObjectNotFound(NotFound):
    """No object of this id is in the bucket."""

    message = "Object not found"

    def __init__(self, identifier: str) -> None:
        super().__init__(details={"resource": "object", "id": identifier})


class UniqueKeyAbsent(NotFound):
    """The policy is `update`, and no object has this unique key."""

    message = "No object has this unique key"
    code = "unique_key_absent"

    def __init__(self, unique_key: Mapping[str, Any]) -> None:
        super().__init__(details={"resource": "object", "unique_key": dict(unique_key)})


class UniqueKeyTaken(Conflict):
    """The policy is `insert`, and an object with this unique key is there already."""

    message = "An object with this unique key already exists"
    code = "unique_key_taken"

    def __init__(self, object_id: str, unique_key: Mapping[str, Any]) -> None:
        super().__init__(details={"resource": "object", "object_id": object_id, "unique_key": dict(unique_key)})


class UniqueKeyChange(Conflict):
    """The values of a unique key identify the object and never change; delete it and create another."""

    message = "The unique key identifies the object and cannot change"
    code = "unique_key_change"

    def __init__(self, fields: Iterable[str]) -> None:
        super().__init__(details={"fields": sorted(fields), "hint": "Delete the object and create another"})


class PolicyMissing(BadRequest):
    """The bucket has a unique key, and neither the request nor the bucket says what a write does with it."""

    message = "The bucket has a unique key: name a policy (insert, update or upsert), or give it a default_policy"
    code = "policy_missing"


class ObjectDeleted(Conflict):
    """What identifies the object belongs to a soft-deleted one; deleting that for good sets it free."""

    message = "A soft-deleted object is identified by the same key"
    code = "object_soft_deleted"

    def __init__(self, object_id: str) -> None:
        super().__init__(details={"resource": "object", "object_id": object_id})


class ObjectStale(PreconditionFailed):
    """The object changed since the state that `If-Match` names."""

    message = "The object has changed since the given ETag"
    code = "revision_stale"

    def __init__(self, etag: str) -> None:
        super().__init__(details={"etag": etag})


class ObjectTooLarge(RequestInvalid):
    """The object's fields and the description of its files are larger than one row may hold."""

    def __init__(self, max_bytes: int) -> None:
        message = f"An object's fields, file contents left out, are larger than {max_bytes} bytes"
        super().__init__([Problem(("body",), message, "object_too_large")])


class AnswerFull(TooLarge):
    """The objects of a batch are larger together than an answer may be; nothing was done for this one."""

    message = "The answer to this batch is full, and nothing was done for this object; send it in another batch"
    code = "answer_full"


class WalkTooLong(BadRequest):
    """Counting all matches of a filter, or skipping some, needs more of the bucket read than one request may."""

    message = (
        "Counting or skipping matches would read too much of the bucket; "
        "leave out include_total, offset and page, and follow next_cursor"
    )
    code = "walk_too_long"

    def __init__(self, limits: Mapping[str, int]) -> None:
        super().__init__(details={"parameters": ["include_total", "offset", "page"], **limits})


class ReadTooSlow(Unavailable):
    """The bucket is not too large to be read as a whole, and still there was not the time for it."""

    message = "Reading the whole bucket took too long; try again, or leave out what needs it"
