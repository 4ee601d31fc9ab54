"""Groups the changes in a stream event by what they change."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from chalicelib.stats.images import Record
from chalicelib.stats.stream_records import UnreadableRecord

C = TypeVar("C")
K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class Group(Generic[C]):
    """The changes of one bucket, namespace or batch in an event, and the first record among them."""

    first: Record
    changes: list[C] = field(default_factory=list)
    unreadable: list[UnreadableRecord] = field(default_factory=list)


def grouped(changes: Iterable[tuple[K, Record, C | UnreadableRecord]]) -> dict[K, Group[C]]:
    """Returns the changes by key, each group in the order of its records.

    Each change is given as its key, its record, and what was read from the record.
    """
    groups: dict[K, Group[C]] = {}
    for key, record, change in changes:
        group = groups.setdefault(key, Group(record))
        if isinstance(change, UnreadableRecord):
            group.unreadable.append(change)
        else:
            group.changes.append(change)
    return groups
