"""Totals: what tallies count, and the parts of the fold that do not depend on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import add, sub
from typing import NamedTuple, Protocol, Self, TypeVar


class Vector(Protocol):
    """Numbers that are added and subtracted together."""

    def plus(self, other: Self, /) -> Self:
        """The sum of both."""

    def minus(self, other: Self, /) -> Self:
        """The difference of both."""


T = TypeVar("T", bound=Vector)
T_co = TypeVar("T_co", bound=Vector, covariant=True)


class Counted(Protocol[T_co]):
    """What a member adds to the totals of an epoch."""

    @property
    def epoch(self) -> int:
        """The epoch whose totals include it."""

    @property
    def totals(self) -> T_co:
        """The numbers that are added."""


class CountedChange(Protocol[T_co]):
    """The change of a member, or its creation or deletion, for which `before` or `after` is None."""

    @property
    def before(self) -> Counted[T_co] | None:
        """What the totals include before the change."""

    @property
    def after(self) -> Counted[T_co] | None:
        """What the totals include after the change."""


def totals_after(
    totals: Mapping[int, T], changes: Iterable[CountedChange[T]], zero: T, *, open_from: int = 0
) -> dict[int, T]:
    """The totals of each epoch after these changes. Epochs below `open_from` are closed, and are not changed."""
    found = dict(totals)
    for change in changes:
        before, after = change.before, change.after
        if before is not None and before.epoch >= open_from:
            found[before.epoch] = found.get(before.epoch, zero).minus(before.totals)
        if after is not None and after.epoch >= open_from:
            found[after.epoch] = found.get(after.epoch, zero).plus(after.totals)
    return found


def sum_from(totals: Mapping[int, T], first_epoch: int, zero: T) -> T:
    """The sum of the totals of all epochs from `first_epoch`."""
    total = zero
    for epoch, each in totals.items():
        if epoch >= first_epoch:
            total = total.plus(each)
    return total


class Totals(NamedTuple):
    """The totals of a bucket or a namespace. Those of a namespace do not count batches.

    The number of objects, their total size in bytes, and how many of them have the status FAILED. The number of
    batches, and how many of them have not ended, have completed (with or without errors), and have failed.
    """

    objects: int = 0
    bytes: int = 0
    failed: int = 0
    batches: int = 0
    active_batches: int = 0
    completed_batches: int = 0
    failed_batches: int = 0

    def plus(self, other: Totals) -> Totals:
        """The sum of both."""
        return Totals(*map(add, self, other))

    def minus(self, other: Totals) -> Totals:
        """The difference of both."""
        return Totals(*map(sub, self, other))


ZERO_TOTALS = Totals()
