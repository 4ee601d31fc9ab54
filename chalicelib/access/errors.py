"""The noes of the access room."""

from __future__ import annotations

from chalicelib.core.errors import AlreadyExists, Conflict, Forbidden, NotFound, Unauthenticated


class KeyRefused(Unauthenticated):
    """No usable API key came with the request. Missing, malformed, unknown, revoked and expired look alike."""

    message = "A valid API key is required: Authorization: Bearer sk_…"
    headers = {"WWW-Authenticate": "Bearer"}  # noqa: RUF012 (read only)


class PermissionMissing(Forbidden):
    """The key lacks the permission that the operation needs."""

    def __init__(self, permission: str) -> None:
        message = f"The API key lacks the permission {permission!r}"
        super().__init__(message, details={"required_permission": permission})


class OutOfReach(Forbidden):
    """The key is bound to other resources than this one, or may do less with it."""

    message = "The API key is not scoped for this resource"
    code = "out_of_scope"


class OrganizationNotFound(NotFound):
    """No organization has this id."""

    def __init__(self, organization_id: str) -> None:
        super().__init__(f"No organization {organization_id!r}")


class KeyNotFound(NotFound):
    """The organization has no key with this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"No API key {key_id!r} in this organization")


class KeyEnded(Conflict):
    """The key is revoked or expired, and stays so."""

    code = "key_ended"

    def __init__(self, key_id: str, state: str) -> None:
        super().__init__(f"API key {key_id!r} is {state}; create another", details={"key_id": key_id, "state": state})


class KeyChanged(Conflict):
    """The key was given another secret since it was read."""

    code = "key_changed"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"API key {key_id!r} was just rotated by somebody else", details={"key_id": key_id})


class SecretTaken(AlreadyExists):
    """Another key has the secret that was chosen for this one."""

    message = "The chosen secret belongs to another key"
    code = "secret_taken"
