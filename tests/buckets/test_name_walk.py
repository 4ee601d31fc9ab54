"""A walk by name over a stale index yields each bucket once, although buckets are renamed during the walk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from chalicelib import keys
from chalicelib.buckets.bucket import FoundBucket, new_bucket
from chalicelib.buckets.name_walk import NameWalk, WalkedBucket
from chalicelib.buckets.settings import BucketSettings
from chalicelib.core.text import fold

Names = dict[str, str]
NAMES = st.text("abcABß\x7f", min_size=1, max_size=3)
BATCH_SIZE = 3


def ids(number: int) -> list[str]:
    return [f"bkt_{n:016}" for n in range(number)]


def bucket(names: Names, id_: str) -> FoundBucket:
    return FoundBucket(new_bucket(id_, names[id_], BucketSettings({"properties": {}}), "2026-01-01T00:00:00.000Z"))


class RenamedBuckets:
    """Buckets by name. Those in `renames` are renamed when they are read."""

    def __init__(self, names: Names, *, descending: bool, counts_all: bool) -> None:
        self.names, self.descending, self.counts_all = names, descending, counts_all
        self.renames: Names = {}

    def page(self, after: str | None, limit: int) -> list[WalkedBucket]:
        """Returns the page after a position. With `counts_all`, it comes from a walk over the entire index."""
        index = sorted(self.keys().values(), reverse=self.descending)
        if not self.counts_all and after is not None:
            index = [key for key in index if self._is_beyond(key, after)]
        walk = NameWalk(self._read, self.descending, after, BATCH_SIZE)
        walked = list(walk.walk(index)) if self.counts_all else walk.walk(index)
        return list(islice((one for one in walked if not one.is_passed), limit))

    def keys(self) -> Names:
        """The key of every bucket in the index, by id."""
        return {id_: keys.name_key(fold(name), id_) for id_, name in self.names.items()}

    def forget_moved_before(self, end: str, old_keys: Names, seen: list[str]) -> None:
        """Removes unseen buckets that were renamed from beyond the page to before its end. The walk may miss them."""
        for id_, key in self.keys().items():
            if id_ not in seen and self._is_beyond(old_keys[id_], end) and not self._is_beyond(key, end):
                del self.names[id_]

    def _is_beyond(self, one: str, other: str) -> bool:
        return one < other if self.descending else one > other

    def _read(self, wanted: Sequence[str]) -> Iterator[FoundBucket]:
        for id_ in wanted:
            if id_ in self.renames:
                self.names[id_] = self.renames.pop(id_)
        return (bucket(self.names, id_) for id_ in wanted if id_ in self.names)


@given(st.lists(NAMES, min_size=1, max_size=9), st.booleans(), st.booleans(), st.integers(1, 5), st.data())
def test_buckets_renamed_while_they_are_read_come_once_and_no_bucket_is_lost(
    given_names: list[str], descending: bool, counts_all: bool, limit: int, data: st.DataObject
) -> None:
    names = dict(zip(ids(len(given_names)), given_names, strict=True))
    buckets = RenamedBuckets(names, descending=descending, counts_all=counts_all)
    seen: list[str] = []
    after: str | None = None
    while True:
        unseen = [id_ for id_ in buckets.names if id_ not in seen]
        buckets.renames = {data.draw(st.sampled_from(unseen)): data.draw(NAMES)} if unseen else {}
        old_keys = buckets.keys()
        page = buckets.page(after, limit)
        seen += [walked.found.bucket.bucket_id for walked in page]
        reached = [walked.position for walked in page]
        assert reached == sorted(reached, reverse=descending)
        if len(page) < limit:
            break
        after = reached[-1]
        buckets.forget_moved_before(after, old_keys, seen)
    assert len(seen) == len(set(seen))
    assert set(buckets.names) <= set(seen)


@given(st.lists(NAMES, max_size=9), st.booleans())
def test_without_renames_buckets_come_in_the_order_of_the_index(given_names: list[str], descending: bool) -> None:
    names = dict(zip(ids(len(given_names)), given_names, strict=True))
    buckets = RenamedBuckets(names, descending=descending, counts_all=False)

    page = buckets.page(None, 100)

    assert [walked.position for walked in page] == sorted(buckets.keys().values(), reverse=descending)
    assert not any(walked.is_passed for walked in page)


def test_deleted_buckets_are_left_out() -> None:
    first, second = ids(2)
    walk = NameWalk(lambda ids: [], False, None, BATCH_SIZE)

    assert list(walk.walk([keys.name_key("a", first), keys.name_key("b", second)])) == []


def test_a_bucket_that_is_twice_in_the_index_comes_once() -> None:
    first, second = ids(2)
    names = {first: "z", second: "m"}
    index = [keys.name_key(name, id_) for name, id_ in (("a", first), ("m", second), ("z", first))]
    walk = NameWalk(lambda ids: [bucket(names, id_) for id_ in ids], False, None, 1)

    assert [walked.found.bucket.bucket_id for walked in walk.walk(index)] == [second, first]
