"""The noes of the namespaces room."""

from __future__ import annotations

from chalicelib.core.errors import AlreadyExists, BadRequest, Conflict, NotFound, PreconditionFailed


class NamespaceNotFound(NotFound):
    """No namespace of this id or name is in the organization."""

    message = "Namespace not found"

    def __init__(self, identifier: str) -> None:
        super().__init__(details={"resource": "namespace", "id": identifier})


class NamespaceUnresolved(NamespaceNotFound):
    """The X-Namespace header names no namespace of the organization."""

    headers = {"X-Namespace-Unresolved": "true"}  # noqa: RUF012 (read only)


class NamespaceHeaderMissing(BadRequest):
    """The operation works inside a namespace, and the request names none."""

    message = "The X-Namespace header is required"

    def __init__(self) -> None:
        super().__init__(details={"header": "X-Namespace"})


class NamespaceNotActive(Conflict):
    """The namespace is being deleted, and takes no writes."""

    message = "The namespace is being deleted"
    code = "namespace_not_active"


class NamespaceNameTaken(AlreadyExists):
    """Another namespace of the organization already has this name, or has it as its id."""

    code = "namespace_name_taken"

    def __init__(self, name: str) -> None:
        details = {"resource": "namespace", "namespace_name": name}
        super().__init__(f"Another namespace has {name!r} as its name or its id", details=details)


class NamespaceIdTaken(AlreadyExists):
    """Another namespace of the organization already has this id, or has it as its name."""

    code = "namespace_id_taken"

    def __init__(self, id: str) -> None:
        details = {"resource": "namespace", "namespace_id": id}
        super().__init__(f"Another namespace has {id!r} as its id or its name", details=details)


class NamespaceStale(PreconditionFailed):
    """The namespace changed since the state that `If-Match` names."""

    message = "The namespace has changed since the given ETag"
    code = "revision_stale"

    def __init__(self, etag: str) -> None:
        super().__init__(details={"etag": etag})
