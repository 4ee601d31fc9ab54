"""The number of objects of a batch by outcome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chalicelib.batches.outcomes import ALREADY_COMPLETED, CHANGED, COMPLETED, DELETED, FAILURES


class ItemTotals(NamedTuple):
    """The number of objects with each outcome. Objects that wait for one are not counted."""

    completed: int = 0
    already_completed: int = 0
    changed: int = 0
    deleted: int = 0
    dependency: int = 0
    network: int = 0
    validation: int = 0
    authentication: int = 0
    runtime: int = 0
    resource: int = 0

    @classmethod
    def of(cls, outcomes: str) -> ItemTotals:
        """Returns the totals of a chunk, given by a letter for each object."""
        return cls(*map(outcomes.count, _LETTERS))

    @property
    def skipped(self) -> int:
        """Objects that were left as they are."""
        return self.already_completed + self.changed + self.deleted

    @property
    def failed(self) -> int:
        """Objects that failed, of any category."""
        return sum(self.by_category().values())

    @property
    def processed(self) -> int:
        """Objects that have an outcome."""
        return sum(self)

    def by_category(self) -> dict[str, int]:
        """Returns the number of failed objects of each category that has any."""
        return {name: count for name in FAILURES.values() if (count := getattr(self, name))}

    def plus(self, other: ItemTotals) -> ItemTotals:
        """Returns the sum of both."""
        return ItemTotals(*(one + another for one, another in zip(self, other, strict=True)))

    def minus(self, other: ItemTotals) -> ItemTotals:
        """Returns the difference of both."""
        return ItemTotals(*(one - another for one, another in zip(self, other, strict=True)))


_LETTERS = (COMPLETED, ALREADY_COMPLETED, CHANGED, DELETED, *FAILURES)
NOTHING = ItemTotals()


def total_of(outcomes: Iterable[str]) -> ItemTotals:
    """Returns the totals of several chunks."""
    return ItemTotals.of("".join(outcomes))


def to_document(totals: ItemTotals) -> dict[str, int]:
    """Returns the totals as the row of a batch has them: without zeros."""
    return {name: count for name, count in totals._asdict().items() if count}


def from_document(document: Mapping[str, int]) -> ItemTotals:
    """Returns the totals in the row of a batch."""
    return ItemTotals(**document)
