"""The noes of the namespaces room."""

from __future__ import annotations

from chalicelib.foundation.refusals import AlreadyExists, NotFound, Unacceptable


class NamespaceNotFound(NotFound):
    """No namespace of this id or name is in the organization."""

    message = "Namespace not found"

    def __init__(self, identifier: str) -> None:
        super().__init__(details={"resource": "namespace", "id": identifier})


class NamespaceUnresolved(NamespaceNotFound):
    """The X-Namespace header names no namespace of the organization."""

    headers = {"X-Namespace-Unresolved": "true"}  # noqa: RUF012 (read only)


class NamespaceHeaderMissing(Unacceptable):
    """The operation works inside a namespace, and the request names none."""

    message = "The X-Namespace header is required"

    def __init__(self) -> None:
        super().__init__(details={"header": "X-Namespace"})


class NamespaceNameTaken(AlreadyExists):
    """Another namespace of the organization already carries this name."""

    code = "namespace_name_taken"

    def __init__(self, name: str) -> None:
        details = {"resource": "namespace", "namespace_name": name}
        super().__init__(f"A namespace named {name!r} already exists", details=details)


class NamespaceIdTaken(AlreadyExists):
    """Another namespace of the organization already has this id."""

    code = "namespace_id_taken"

    def __init__(self, id: str) -> None:
        details = {"resource": "namespace", "namespace_id": id}
        super().__init__(f"A namespace with the id {id!r} already exists", details=details)
