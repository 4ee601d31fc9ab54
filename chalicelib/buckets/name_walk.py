"""Reads buckets in the order of their names, from an index that may be stale.

The index becomes consistent within seconds after a write, and a bucket may be renamed after the index was read and
before the bucket itself is read. Each bucket is therefore ordered by the name that it has when it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from chalicelib import keys
from chalicelib.buckets.bucket import FoundBucket
from chalicelib.core.record import record


@record
class WalkedBucket:
    """A bucket that a walk returns.

    `position` is the key of the index that the walk has reached at this bucket. Positions never move backwards.
    `is_passed` says that an earlier page contained the bucket.
    """

    found: FoundBucket
    position: str
    is_passed: bool


@record
class _ReadBucket:
    """A bucket that was read, and the key that its current name has in the index."""

    found: FoundBucket
    key: str
    is_passed: bool


@record
class NameWalk:
    """A walk over buckets in one direction of their names, starting after the position `after` if it is not None.

    `read` returns the buckets of some ids, without those that do not exist. It gets at most `batch_size` ids.
    `before_next_read` is called before each read but the first.
    """

    read: Callable[[Sequence[str]], Iterable[FoundBucket]]
    descending: bool
    after: str | None
    batch_size: int
    before_next_read: Callable[[], object] = lambda: None

    def walk(self, name_keys: Iterable[str]) -> Iterator[WalkedBucket]:
        """Yields the buckets of these keys of the index, each once, in the order of their current names.

        A bucket that was renamed to a later position is yielded at that position, so that the cursor after it skips no
        other bucket. One that was renamed to an earlier position is yielded immediately.
        """
        position = self.after
        for read in self._in_order(name_keys):
            if position is None or self._is_beyond(read.key, position):
                position = read.key
            yield WalkedBucket(read.found, position, read.is_passed)

    def _in_order(self, name_keys: Iterable[str]) -> Iterator[_ReadBucket]:
        remaining = iter(name_keys)
        known_ids: set[str] = set()
        waiting: list[_ReadBucket] = []
        while chunk := list(islice(remaining, self.batch_size)):
            if known_ids:
                self.before_next_read()
            waiting += self._read_chunk(chunk, known_ids)
            waiting.sort(key=lambda read: read.key, reverse=self.descending)
            # A bucket beyond the last key of this chunk may have to come after buckets of the next chunk.
            ready = sum(not self._is_beyond(read.key, chunk[-1]) for read in waiting)
            yield from waiting[:ready]
            waiting = waiting[ready:]
        yield from waiting

    def _read_chunk(self, chunk: Iterable[str], known_ids: set[str]) -> list[_ReadBucket]:
        key_of = {keys.parse_name_key(key)[1]: key for key in chunk}
        new = [id_ for id_ in key_of if id_ not in known_ids]
        known_ids.update(new)
        return [self._read_bucket(found, key_of[found.bucket.bucket_id]) for found in self.read(new)]

    def _read_bucket(self, found: FoundBucket, indexed_key: str) -> _ReadBucket:
        is_passed = self.after is not None and not self._is_beyond(indexed_key, self.after)
        return _ReadBucket(found, found.bucket.name_key, is_passed)

    def _is_beyond(self, one: str, other: str) -> bool:
        return one < other if self.descending else one > other
