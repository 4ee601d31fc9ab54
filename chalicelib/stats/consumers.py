"""What other packages do with the records of the streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from chalicelib.stats.images import Record


class GarbageCollector(Protocol):
    """Removes the files that changed objects no longer refer to."""

    def remove_unreferenced(self, records: Sequence[Record]) -> None:
        """Removes files that became unreferenced in these records of the objects stream. Records may be repeated."""


class Dispatcher(Protocol):
    """Sends the messages that changes of a table require."""

    def dispatch(self, records: Sequence[Record]) -> None:
        """Sends the messages for these records of the table's stream. Records may be repeated."""


@dataclass(frozen=True, slots=True)
class WorkItem:
    """An action that a record requires. If it fails, Lambda delivers again from that record."""

    cause: Record
    run: Callable[[], None]


class Consumer(Protocol):
    """Does what changes of a table require in another package, for example derives its data from them."""

    def work(self, records: Sequence[Record], shard: str) -> Iterable[WorkItem]:
        """Returns the actions that these records of one shard of a stream require.

        Records may be repeated, but the records of a shard are in order.
        """
