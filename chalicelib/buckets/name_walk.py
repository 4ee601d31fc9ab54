"""A walk over buckets by name: an index tells which come next, the buckets themselves where they stand by now.

The index is behind by what it takes to follow a write, and a bucket may be renamed between the reading of
the index and its own. Where a walk stands is therefore never taken from a name alone that lies ahead of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from chalicelib import keys
from chalicelib.buckets.bucket import Bucket
from chalicelib.core.text import fold


@dataclass(frozen=True, slots=True)
class WalkedBucket:
    """A bucket that a walk met.

    `place` is how far the walk has come with it, as a key of the index; no later one is behind. `is_passed`
    says that an earlier page has given the bucket out.
    """

    bucket: Bucket
    place: str
    is_passed: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """A bucket that was read: where it stands now, and whether the index has it behind the cursor."""

    bucket: Bucket
    now: str
    is_passed: bool


@dataclass(frozen=True, slots=True)
class NameWalk:
    """A walk in one direction, on from the place `after` of an earlier one if that is given.

    `hydrate` reads buckets by their ids, those left out that are gone; `at_once` is how many it is given.
    """

    hydrate: Callable[[Sequence[str]], Iterable[Bucket]]
    descending: bool
    after: str | None
    at_once: int

    def meet(self, name_keys: Iterable[str]) -> Iterator[WalkedBucket]:
        """The buckets of the index's keys in the order of their present names, each once.

        One that was renamed ahead comes where it stands now, so that the walk leaves out nothing in between;
        one that was renamed to where the walk has been comes at once, because it is not met again.
        """
        place = self.after
        for found in self._in_order(name_keys):
            if place is None or self._is_beyond(found.now, place):
                place = found.now
            yield WalkedBucket(found.bucket, place, found.is_passed)

    def _in_order(self, name_keys: Iterable[str]) -> Iterator[_Found]:
        remaining = iter(name_keys)
        met: set[str] = set()
        waiting: list[_Found] = []
        while chunk := list(islice(remaining, self.at_once)):
            waiting += self._read(chunk, met)
            waiting.sort(key=lambda found: found.now, reverse=self.descending)
            # What stands beyond the keys read so far waits for those that lie in between.
            ready = sum(not self._is_beyond(found.now, chunk[-1]) for found in waiting)
            yield from waiting[:ready]
            waiting = waiting[ready:]
        yield from waiting

    def _read(self, chunk: Iterable[str], met: set[str]) -> list[_Found]:
        key_of = {keys.read_name_key(key)[1]: key for key in chunk}
        new = [id_ for id_ in key_of if id_ not in met]
        met.update(new)
        return [self._found(bucket, key_of[bucket.bucket_id]) for bucket in self.hydrate(new)]

    def _found(self, bucket: Bucket, key: str) -> _Found:
        now = keys.name_key(fold(bucket.name), bucket.bucket_id)
        is_passed = self.after is not None and not self._is_beyond(key, self.after)
        return _Found(bucket, now, is_passed)

    def _is_beyond(self, one: str, other: str) -> bool:
        return one < other if self.descending else one > other
