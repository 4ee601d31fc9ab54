"""The result of creating one object."""

from __future__ import annotations

from typing import Literal

from chalicelib.core.record import record
from chalicelib.objects.stored_object import StoredObject

ReplayReason = Literal["idempotency_key", "skip_duplicates"]


@record
class CreateResult:
    """The object that a create request returns.

    `replayed_by` is the parameter that matched an earlier object, which is returned unchanged. It is None if the
    request created or updated the object.
    """

    stored: StoredObject
    replayed_by: ReplayReason | None = None
