"""The result of creating one object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chalicelib.objects.stored_object import StoredObject

ReplayReason = Literal["idempotency_key", "skip_duplicates"]


@dataclass(frozen=True, slots=True)
class CreateResult:
    """The object that a create request returns.

    `replayed_by` is the parameter that matched an earlier object, which is returned unchanged. It is None if the
    request created or updated the object.
    """

    stored: StoredObject
    replayed_by: ReplayReason | None = None
