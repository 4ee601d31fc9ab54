"""Checkpoints: which stream records a tally includes, for each shard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import NamedTuple, Protocol, TypeVar

# DynamoDB streams keep records for 24 hours, so a shard without records for 48 hours will not be delivered again.
CHECKPOINT_RETENTION = timedelta(hours=48)


class Sequenced(Protocol):
    """A change with its position in a stream."""

    @property
    def shard(self) -> str:
        """The shard of the stream."""

    @property
    def sequence(self) -> str:
        """The padded sequence number. It increases only within a shard."""


S = TypeVar("S", bound=Sequenced)


class Checkpoint(NamedTuple):
    """The last sequence number of a shard that was folded, and the time of that fold."""

    sequence: str
    updated_at: str


def new_changes(changes: Iterable[S], checkpoints: Mapping[str, Checkpoint]) -> list[S]:
    """The changes that come after the checkpoint of their shard. Sequence numbers increase only within a shard."""
    seen = {shard: checkpoint.sequence for shard, checkpoint in checkpoints.items()}
    found = []
    for change in changes:
        if change.sequence > seen.get(change.shard, ""):
            seen[change.shard] = change.sequence
            found.append(change)
    return found


def checkpoints_after(
    old: Mapping[str, Checkpoint], changes: Iterable[Sequenced], now: str, oldest: str
) -> dict[str, Checkpoint]:
    """The checkpoints after these changes at the time `now`, without those last updated before `oldest`."""
    kept = {shard: checkpoint for shard, checkpoint in old.items() if checkpoint.updated_at >= oldest}
    return kept | {change.shard: Checkpoint(change.sequence, now) for change in changes}
