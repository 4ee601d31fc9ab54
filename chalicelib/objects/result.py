"""The result of creating one object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chalicelib.objects.stored_object import StoredObject

Replayed = Literal["idempotency_key", "skip_duplicates"]


@dataclass(frozen=True, slots=True)
class Settled:
    """The object that answers a create, and by what an earlier one was found to answer it unchanged."""

    stored: StoredObject
    replayed_by: Replayed | None = None
