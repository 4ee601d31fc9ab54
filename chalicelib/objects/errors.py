"""Errors raised by the objects package."""

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
    """The bucket has no object with this id."""

    message = "Object not found"

    def __init__(self, identifier: str) -> None:
        super().__init__(details={"resource": "object", "id": identifier})


class UniqueKeyAbsent(NotFound):
    """The policy is `update` and no object has this unique key."""

    message = "No object has this unique key"
    code = "unique_key_absent"

    def __init__(self, unique_key: Mapping[str, Any]) -> None:
        super().__init__(details={"resource": "object", "unique_key": dict(unique_key)})


class UniqueKeyTaken(Conflict):
    """The policy is `insert` and an object has this unique key already."""

    message = "An object with this unique key already exists"
    code = "unique_key_taken"

    def __init__(self, object_id: str, unique_key: Mapping[str, Any]) -> None:
        super().__init__(details={"resource": "object", "object_id": object_id, "unique_key": dict(unique_key)})


class UniqueKeyChange(Conflict):
    """An update would change the values of the unique key, from which the object's id is computed."""

    message = "The unique key identifies the object and cannot change"
    code = "unique_key_change"

    def __init__(self, fields: Iterable[str]) -> None:
        super().__init__(details={"fields": sorted(fields), "hint": "Delete the object and create another"})


class PolicyMissing(BadRequest):
    """The bucket has a unique key, and neither the request nor the bucket has a policy for it."""

    message = "The bucket has a unique key: name a policy (insert, update or upsert), or give it a default_policy"
    code = "policy_missing"


class ObjectDeleted(Conflict):
    """A soft-deleted object has the same key. Deleting that object makes the key available again."""

    message = "A soft-deleted object is identified by the same key"
    code = "object_soft_deleted"

    def __init__(self, object_id: str) -> None:
        super().__init__(details={"resource": "object", "object_id": object_id})


class ObjectStale(PreconditionFailed):
    """The object changed after the entity tag in `If-Match` was read."""

    message = "The object has changed since the given ETag"
    code = "revision_stale"

    def __init__(self, etag: str) -> None:
        super().__init__(details={"etag": etag})


class ObjectTooLarge(RequestInvalid):
    """The object's fields and the description of its files are too large for one row."""

    def __init__(self, max_bytes: int) -> None:
        message = f"An object's fields, without the content of its files, are larger than {max_bytes} bytes"
        super().__init__([Problem(("body",), message, "object_too_large")])


class ResponseFull(TooLarge):
    """The object does not fit in the response of a bulk create. It was neither created nor updated."""

    message = "The response to this request is full, and this object was not stored; send it in another request"
    code = "answer_full"


class WalkTooLong(BadRequest):
    """Counting the matches of a filter, or skipping some, would read more of the bucket than one request may read."""

    message = (
        "Counting or skipping matches would read too much of the bucket; "
        "leave out include_total, offset and page, and follow next_cursor"
    )
    code = "walk_too_long"

    def __init__(self, limits: Mapping[str, int]) -> None:
        super().__init__(details={"parameters": ["include_total", "offset", "page"], **limits})


class ReadTooSlow(Unavailable):
    """The bucket is small enough to be read entirely, but the time limit of the request passed first."""

    message = "Reading the entire bucket took too long; try again, or leave out include_total, offset, page and sort"
