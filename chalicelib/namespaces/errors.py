"""Errors raised by the namespaces package."""

from __future__ import annotations

from typing import Any

from chalicelib.core.errors import AlreadyExists, BadRequest, Conflict, NotFound, PreconditionFailed


class NamespaceNotFound(NotFound):
    """The organization has no namespace with this id or name."""

    message = "Namespace not found"

    def __init__(self, identifier: str) -> None:
        super().__init__(details={"resource": "namespace", "id": identifier})


class NamespaceUnresolved(NamespaceNotFound):
    """The organization has no namespace with the id or name in the X-Namespace header."""

    headers = {"X-Namespace-Unresolved": "true"}  # noqa: RUF012 (read only)


class NamespaceHeaderMissing(BadRequest):
    """The operation requires the X-Namespace header, and the request does not have it."""

    message = "The X-Namespace header is required"

    def __init__(self) -> None:
        super().__init__(details={"header": "X-Namespace"})


class NamespaceNotActive(Conflict):
    """The namespace is being deleted. Writes are rejected."""

    message = "The namespace is being deleted"
    code = "namespace_not_active"


class NamespaceNameTaken(AlreadyExists):
    """Another namespace of the organization has this name as its name or its id, or had it until a moment ago.

    The name of a renamed namespace and the id of a deleted one stay reserved for two minutes; `reserved_seconds` is the
    rest of that time.
    """

    code = "namespace_name_taken"

    def __init__(self, name: str, *, reserved_seconds: int | None = None) -> None:
        details: dict[str, Any] = {"resource": "namespace", "namespace_name": name}
        message = f"Another namespace has {name!r} as its name or its id"
        if reserved_seconds is not None:
            message = f"Another namespace had {name!r} as its name or its id until a moment ago; try again later"
            details["retry_after_seconds"] = reserved_seconds
        super().__init__(message, details=details)


class NamespaceIdTaken(AlreadyExists):
    """Another namespace of the organization has this id as its id or its name, or had it until a moment ago.

    `reserved_seconds` is as in NamespaceNameTaken.
    """

    code = "namespace_id_taken"

    def __init__(self, id: str, *, reserved_seconds: int | None = None) -> None:
        details: dict[str, Any] = {"resource": "namespace", "namespace_id": id}
        message = f"Another namespace has {id!r} as its id or its name"
        if reserved_seconds is not None:
            message = f"Another namespace had {id!r} as its id or its name until a moment ago; try again later"
            details["retry_after_seconds"] = reserved_seconds
        super().__init__(message, details=details)


class NamespaceStale(PreconditionFailed):
    """The ETag in the `If-Match` header is not the current one: the namespace has changed."""

    message = "The namespace has changed since the given ETag"
    code = "revision_stale"

    def __init__(self, etag: str) -> None:
        super().__init__(details={"etag": etag})
