"""The noes of the access room."""

from __future__ import annotations

from chalicelib.foundation.refusals import Forbidden, NotFound, Unauthenticated


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
    """The key is bound to other resources than this one."""

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
