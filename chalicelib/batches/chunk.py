"""The state of a chunk: up to 100 objects of a batch, which one worker processes one after the other.

All functions are pure. `chunk_store` writes each new state on condition of the revision of the old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.batches.outcomes import FAILURES, WAITING, is_transient
from chalicelib.core.clock import format_timestamp

CHUNK_SIZE = 100
# How many workers may die while they process an object, before the object counts as failed.
MAX_DEATHS = 3
# Attempts are stored as one digit per object. Higher numbers are stored as the highest digit.
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a batch: the first one, a retry of failed objects, or a resubmission of all objects.

    `epoch` numbers the runs of a batch. Outcomes of runs before `counts_from` are void: a resubmission starts over. A
    retry repeats the failed objects that have been retried fewer than `max_retry_count` times: all, or with
    `transient_only` those with a transient failure.
    """

    epoch: int
    counts_from: int
    transient_only: bool = False
    max_retry_count: int = 0

    def repeats(self, outcome: str, attempts: int) -> bool:
        """Returns whether a retry repeats an object with this outcome and number of attempts."""
        may_repeat = is_transient(outcome) if self.transient_only else outcome in FAILURES
        return may_repeat and attempts <= self.max_retry_count


@dataclass(frozen=True, slots=True)
class Chunk:
    """The state of a chunk.

    `outcomes` has a letter for each object, and `attempts` a digit: how many times it was processed to an end.
    `epoch` is the run to which the state belongs. `current` is the position of the object that the owner of the lease
    processes, and `deaths` how many workers have died while they processed it.
    """

    number: int
    outcomes: str
    attempts: str
    epoch: int = 0
    revision: int = 1
    lease_owner: str | None = None
    lease_until: str | None = None
    current: int | None = None
    deaths: int = 0

    @property
    def is_finished(self) -> bool:
        """Whether every object has an outcome."""
        return WAITING not in self.outcomes

    @property
    def current_is_lost(self) -> bool:
        """Whether so many workers have died with the current object that it counts as failed."""
        return self.current is not None and self.deaths >= MAX_DEATHS

    def is_leased(self, now: datetime) -> bool:
        """Returns whether a worker holds the chunk."""
        return self.lease_until is not None and self.lease_until > format_timestamp(now)

    def attempts_of(self, position: int) -> int:
        """Returns how many times an object was processed to an end."""
        return DIGITS.index(self.attempts[position])


def new_chunk(number: int, size: int) -> Chunk:
    """Returns the state of a chunk that has not been processed."""
    return Chunk(number, WAITING * size, DIGITS[0] * size)


def in_run(chunk: Chunk, run: Run) -> Chunk:
    """Returns the chunk at the start of a run, or unchanged if it belongs to that run already."""
    if chunk.epoch >= run.epoch:
        return chunk
    size = len(chunk.outcomes)
    if chunk.epoch < run.counts_from:
        return replace(new_chunk(chunk.number, size), epoch=run.epoch, revision=chunk.revision)
    outcomes = [
        WAITING if run.repeats(outcome, chunk.attempts_of(position)) else outcome
        for position, outcome in enumerate(chunk.outcomes)
    ]
    return replace(
        chunk, outcomes="".join(outcomes), epoch=run.epoch, current=None, deaths=0, lease_owner=None, lease_until=None
    )


def claimed(chunk: Chunk, run: Run, owner: str, until: datetime) -> Chunk:
    """Returns the chunk after a worker has claimed it for a run.

    A worker that ended in an orderly way has removed `current`. So if it is set, the worker before died, and either
    the object is processed again, or it is lost.
    """
    ready = in_run(chunk, run)
    leased = replace(ready, lease_owner=owner, lease_until=format_timestamp(until))
    if leased.current is not None:
        return replace(leased, deaths=leased.deaths + 1)
    return replace(leased, current=_next(leased.outcomes), deaths=0)


def with_death(chunk: Chunk) -> Chunk:
    """Returns the chunk after the process of the hook died while it processed the current object."""
    return replace(chunk, deaths=chunk.deaths + 1)


def with_outcome(chunk: Chunk, outcome: str, until: datetime) -> Chunk:
    """Returns the chunk after the current object has got an outcome. The next waiting object is the current one then.

    After the last object, the lease ends. Otherwise it is extended to `until`.
    """
    assert chunk.current is not None, "only the owner of a chunk with a current object records an outcome"
    outcomes = _with(chunk.outcomes, chunk.current, outcome)
    digit = DIGITS[min(chunk.attempts_of(chunk.current) + 1, len(DIGITS) - 1)]
    attempts = _with(chunk.attempts, chunk.current, digit)
    following = _next(outcomes)
    after = replace(chunk, outcomes=outcomes, attempts=attempts, current=following, deaths=0)
    if following is None:
        return released(after)
    return replace(after, lease_until=format_timestamp(until))


def released(chunk: Chunk) -> Chunk:
    """Returns the chunk after its worker has stopped before the current object."""
    return replace(chunk, lease_owner=None, lease_until=None, current=None, deaths=0)


def to_attributes(chunk: Chunk) -> dict[str, Any]:
    """Returns the attributes of the chunk's row, without its key. At most 600 bytes, so a write costs one unit."""
    return {
        "outcomes": chunk.outcomes,
        "attempts": chunk.attempts,
        "epoch": chunk.epoch,
        "revision": chunk.revision,
        "lease_owner": chunk.lease_owner,
        "lease_until": chunk.lease_until,
        "current": chunk.current,
        "deaths": chunk.deaths or None,
    }


def from_attributes(number: int, row: Mapping[str, Any]) -> Chunk:
    """Returns the chunk in a row."""
    return Chunk(
        number=number,
        outcomes=row["outcomes"],
        attempts=row["attempts"],
        epoch=row["epoch"],
        revision=row["revision"],
        lease_owner=row.get("lease_owner"),
        lease_until=row.get("lease_until"),
        current=row.get("current"),
        deaths=row.get("deaths", 0),
    )


def _next(outcomes: str) -> int | None:
    position = outcomes.find(WAITING)
    return None if position < 0 else position


def _with(text: str, position: int, letter: str) -> str:
    return text[:position] + letter + text[position + 1 :]
