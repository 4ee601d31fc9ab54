"""Which buckets may match a list request. Chooses the cheapest way to read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from chalicelib import keys
from chalicelib.aws.retry import DeadlineExceeded
from chalicelib.buckets.bucket import FoundBucket
from chalicelib.buckets.name_walk import NameWalk, WalkedBucket
from chalicelib.buckets.query_fields import ids_in, is_descending, needles_in, prefix_in
from chalicelib.buckets.rows import READ_BATCH_SIZE, BucketRows
from chalicelib.core.record import record
from chalicelib.listing.limits import MAX_SORTED_ROWS
from chalicelib.listing.pagination import ListTooLong, SortTooLarge
from chalicelib.listing.query import ListQuery
from chalicelib.listing.walks import MIN_ROWS_OF_LONG_LIST

# A search or a prefix finds buckets in the index of names, and each of them costs two read units more. A walk through
# all buckets costs about a quarter of a unit for each. So the index is used for up to one bucket in this many.
BUCKETS_PER_CANDIDATE = 10
MIN_CANDIDATES = 50
MAX_CANDIDATES = 1_000
MAX_WALKED_BUCKETS = 50_000
# A walk reads so many buckets before it reads how many there are. So a short list needs no call for the number.
UNCHECKED_BUCKETS = 1_000


@record
class Candidates:
    """The buckets of a namespace that may match a query, with at least the fields that the query evaluates."""

    stored: BucketRows
    partition: str
    query: ListQuery

    def by_age(self) -> Iterator[FoundBucket]:
        """Yields the buckets in the order of their age, in the direction of the first sort. Raises ListTooLong."""
        ids = ids_in(self.query)
        if ids is None:
            name_keys = self._few_name_keys()
            if name_keys is None:
                return self._evaluable(self._walk(descending=is_descending(self.query)))
            # A set, because a bucket that is renamed between two reads of the index may be found twice.
            found = {keys.parse_name_key(key)[1] for key in name_keys}
            ids = sorted(found, reverse=is_descending(self.query))
        return self._evaluable(self.stored.get_many(self.partition, ids))

    def by_name(self, after: str | None) -> Iterator[WalkedBucket]:
        """Yields the buckets in any order, each with its position in the order of names. Raises ListTooLong.

        `after` is the position of the cursor, as a key of the index of names.
        """
        descending, name_keys = is_descending(self.query), self._few_name_keys()
        if name_keys is not None:
            check = self.stored.raise_if_expired
            return NameWalk(self._read, descending, after, READ_BATCH_SIZE, check).walk(name_keys)
        walked = self._evaluable(self._walk(descending=False))
        return (_positioned(found, after, descending=descending) for found in walked)

    def _read(self, ids: Sequence[str]) -> Iterator[FoundBucket]:
        return self._evaluable(self.stored.get_many(self.partition, ids))

    def _evaluable(self, found: Iterator[FoundBucket]) -> Iterator[FoundBucket]:
        return self.stored.with_fields(self.partition, found, self.query.fields | _searched(self.query))

    def _few_name_keys(self) -> list[str] | None:
        """Returns the keys in the index of names of all buckets that may match, or None if a walk reads less.

        Raises ListTooLong and DeadlineExceeded.
        """
        prefix, needles = prefix_in(self.query), needles_in(self.query)
        if not prefix and not needles:
            return None
        descending = is_descending(self.query)
        found = self.stored.name_keys(self.partition, prefix=prefix, needles=needles, descending=descending)
        count = 0
        try:
            name_keys = list(islice(found, MIN_CANDIDATES + 1))
            if len(name_keys) > MIN_CANDIDATES:
                count = self._bucket_count()
                most = min(count // BUCKETS_PER_CANDIDATE, MAX_CANDIDATES)
                name_keys.extend(islice(found, max(most + 1 - len(name_keys), 0)))
                if len(name_keys) > most:
                    self.stored.raise_if_expired()
                    return None
        except DeadlineExceeded as error:
            count = count or self.stored.totals(self.partition).bucket_count
            if count < MIN_ROWS_OF_LONG_LIST:
                raise
            raise ListTooLong() from error
        return name_keys

    def _walk(self, *, descending: bool) -> Iterator[FoundBucket]:
        """Yields all buckets. Raises ListTooLong, or SortTooLarge, once it is known that there are too many."""
        walked = self.stored.walk(self.partition, descending=descending)
        yield from islice(walked, UNCHECKED_BUCKETS)
        following = next(walked, None)
        if following is not None:
            self._check_bucket_count()
            yield following
            yield from walked

    def _check_bucket_count(self) -> None:
        count = self._bucket_count()
        if self.query.is_plain and count > MAX_SORTED_ROWS:
            raise SortTooLarge(details={"parameters": ["sort"], "max_matches": MAX_SORTED_ROWS})
        if count > MAX_WALKED_BUCKETS:
            raise ListTooLong(max_rows=MAX_WALKED_BUCKETS)

    def _bucket_count(self) -> int:
        """Raises DeadlineExceeded."""
        self.stored.raise_if_expired()
        return self.stored.totals(self.partition).bucket_count


def _searched(query: ListQuery) -> frozenset[str]:
    return frozenset({"description", "metadata"}) if query.search is not None else frozenset()


def _positioned(found: FoundBucket, after: str | None, *, descending: bool) -> WalkedBucket:
    position = found.bucket.name_key
    is_passed = after is not None and (position >= after if descending else position <= after)
    return WalkedBucket(found, position, is_passed)
