"""What the deliveries to a bucket add to the counters of its source adapter."""

from __future__ import annotations

from dataclasses import dataclass
from operator import add, sub
from typing import NamedTuple

from chalicelib.deliveries.delivery import APPLIED, IGNORED, STATES
from chalicelib.stats.images import Image, InvalidRow, count, text, text_or_none

RESULTS = (None, "created", "updated", "duplicate")


class DeliveryTotals(NamedTuple):
    """Numbers of requests by outcome. `created` are the accepted ones that created an object."""

    accepted: int = 0
    duplicate: int = 0
    ignored: int = 0
    parked: int = 0
    created: int = 0

    @property
    def received(self) -> int:
        """The number of requests with a good signature."""
        return self.accepted + self.duplicate + self.ignored + self.parked

    def plus(self, other: DeliveryTotals) -> DeliveryTotals:
        """The sum of both."""
        return DeliveryTotals(*map(add, self, other))

    def minus(self, other: DeliveryTotals) -> DeliveryTotals:
        """The difference of both."""
        return DeliveryTotals(*map(sub, self, other))


NOTHING = DeliveryTotals()


@dataclass(frozen=True, slots=True)
class Attempt:
    """The latest attempt to apply a delivery, as its row shows it. `joins`: its object joins a batch."""

    number: int
    totals: DeliveryTotals
    joins: bool
    object_id: str | None
    reason: str | None
    received_at: str
    updated_at: str


def totals_of(state: str, result: str | None, repeats: int) -> DeliveryTotals:
    """Returns what a delivery adds to the counters. Each repetition by the sender counts as a duplicate."""
    is_duplicate = state == APPLIED and result == "duplicate"
    return DeliveryTotals(
        accepted=int(state == APPLIED and not is_duplicate),
        duplicate=repeats + int(is_duplicate),
        ignored=int(state == IGNORED),
        parked=int(state not in (APPLIED, IGNORED)),
        created=int(state == APPLIED and result == "created"),
    )


def attempt_of(image: Image | None) -> Attempt | None:
    """Returns the attempt in the image of a delivery's row, or None without an image.

    Raises InvalidRow if an attribute is missing or has the wrong type.
    """
    if image is None:
        return None
    state, result = text(image, "state"), text_or_none(image, "result")
    if state not in STATES or result not in RESULTS:
        raise InvalidRow("state or result is not that of a delivery")
    return Attempt(
        number=count(image, "attempt"),
        totals=totals_of(state, result, count(image, "repeats")),
        joins="batching" in image,
        object_id=text_or_none(image, "object_id"),
        reason=text_or_none(image, "reason") if state not in (APPLIED, IGNORED) else None,
        received_at=text(image, "received_at"),
        updated_at=text(image, "changed_at"),
    )
