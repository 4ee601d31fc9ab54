"""Errors raised by the access package."""

from __future__ import annotations

from chalicelib.core.errors import AlreadyExists, Conflict, Forbidden, NotFound, Unauthenticated


class KeyRefused(Unauthenticated):
    """The request has no valid API key. Missing, malformed, unknown, revoked and expired keys give the same error."""

    message = "A valid API key is required: Authorization: Bearer sk_…"
    headers = {"WWW-Authenticate": "Bearer"}  # noqa: RUF012 (read only)


class PermissionMissing(Forbidden):
    """The key does not have the permission that the operation requires."""

    def __init__(self, permission: str) -> None:
        message = f"The API key lacks the permission {permission!r}"
        super().__init__(message, details={"required_permission": permission})


class OutOfReach(Forbidden):
    """No scope of the key includes this resource, or the scope does not allow the operation."""

    message = "The API key is not scoped for this resource"
    code = "out_of_scope"


class OrganizationNotFound(NotFound):
    """No organization with this id exists."""

    def __init__(self, organization_id: str) -> None:
        super().__init__(f"No organization {organization_id!r}")


class KeyNotFound(NotFound):
    """The organization has no key with this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"No API key {key_id!r} in this organization")


class KeyEnded(Conflict):
    """The key is revoked or expired. This cannot be undone."""

    code = "key_ended"

    def __init__(self, key_id: str, state: str) -> None:
        super().__init__(f"API key {key_id!r} is {state}; create another", details={"key_id": key_id, "state": state})


class KeyChanged(Conflict):
    """The key has been rotated by another call since it was read."""

    code = "key_changed"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"API key {key_id!r} was rotated by another call", details={"key_id": key_id})


class SecretTaken(AlreadyExists):
    """Another key already has the chosen secret."""

    message = "The chosen secret belongs to another key"
    code = "secret_taken"
