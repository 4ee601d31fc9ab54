"""A walk by name over an index that is behind: whatever is renamed meanwhile, each bucket comes once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from chalicelib import keys
from chalicelib.buckets.bucket import Bucket, new_bucket
from chalicelib.buckets.name_walk import NameWalk, WalkedBucket
from chalicelib.core.text import fold

Names = dict[str, str]
NAMES = st.text("abcABß\x7f", min_size=1, max_size=3)
AT_ONCE = 3


def ids(number: int) -> list[str]:
    return [f"bkt_{n:016}" for n in range(number)]


def bucket(names: Names, id_: str) -> Bucket:
    return new_bucket(id_, names[id_], {}, "2026-01-01T00:00:00.000Z")


class Shelf:
    """Buckets by name; what is renamed while they are being read is renamed once."""

    def __init__(self, names: Names, *, descending: bool, whole: bool) -> None:
        self.names, self.descending, self.whole = names, descending, whole
        self.renames: Names = {}

    def page(self, after: str | None, limit: int) -> list[WalkedBucket]:
        """The page behind a place: of a walk from there, or of a `whole` one that counts what it has passed."""
        found = sorted(self.places().values(), reverse=self.descending)
        if not self.whole and after is not None:
            found = [key for key in found if self._is_beyond(key, after)]
        walk = NameWalk(self._hydrate, self.descending, after, AT_ONCE)
        met = list(walk.meet(found)) if self.whole else walk.meet(found)
        return list(islice((one for one in met if not one.is_passed), limit))

    def places(self) -> Names:
        """Where every bucket stands."""
        return {id_: keys.name_key(fold(name), id_) for id_, name in self.names.items()}

    def forget_what_went_behind(self, before: Names, end: str, seen: list[str]) -> None:
        """Drops what stood beyond the page and stands before its end: it might as well have gone after the page."""
        for id_, now in self.places().items():
            if id_ not in seen and self._is_beyond(before[id_], end) and not self._is_beyond(now, end):
                del self.names[id_]

    def _is_beyond(self, one: str, other: str) -> bool:
        return one < other if self.descending else one > other

    def _hydrate(self, wanted: Sequence[str]) -> Iterator[Bucket]:
        for id_ in wanted:
            if id_ in self.renames:
                self.names[id_] = self.renames.pop(id_)
        return (bucket(self.names, id_) for id_ in wanted if id_ in self.names)


@given(st.lists(NAMES, min_size=1, max_size=9), st.booleans(), st.booleans(), st.integers(1, 5), st.data())
def test_what_is_renamed_while_it_is_read_comes_once_and_nothing_is_lost(
    given_names: list[str], descending: bool, whole: bool, limit: int, data: st.DataObject
) -> None:
    shelf = Shelf(dict(zip(ids(len(given_names)), given_names, strict=True)), descending=descending, whole=whole)
    seen: list[str] = []
    after: str | None = None
    while True:
        unseen = [id_ for id_ in shelf.names if id_ not in seen]
        shelf.renames = {data.draw(st.sampled_from(unseen)): data.draw(NAMES)} if unseen else {}
        before = shelf.places()
        page = shelf.page(after, limit)
        seen += [met.bucket.bucket_id for met in page]
        reached = [met.place for met in page]
        assert reached == sorted(reached, reverse=descending)
        if len(page) < limit:
            break
        after = reached[-1]
        shelf.forget_what_went_behind(before, after, seen)
    assert len(seen) == len(set(seen))
    assert set(shelf.names) <= set(seen)


@given(st.lists(NAMES, max_size=9), st.booleans())
def test_without_renames_it_is_the_order_of_the_index(given_names: list[str], descending: bool) -> None:
    names = dict(zip(ids(len(given_names)), given_names, strict=True))
    shelf = Shelf(names, descending=descending, whole=False)

    met = shelf.page(None, 100)

    assert [one.place for one in met] == sorted(shelf.places().values(), reverse=descending)
    assert not any(one.is_passed for one in met)


def test_what_is_gone_is_left_out() -> None:
    first, second = ids(2)
    walk = NameWalk(lambda wanted: [], False, None, AT_ONCE)

    assert list(walk.meet([keys.name_key("a", first), keys.name_key("b", second)])) == []


def test_a_bucket_that_the_index_holds_twice_comes_once() -> None:
    first, second = ids(2)
    names = {first: "z", second: "m"}
    found = [keys.name_key(name, id_) for name, id_ in (("a", first), ("m", second), ("z", first))]
    walk = NameWalk(lambda wanted: [bucket(names, id_) for id_ in wanted], False, None, 1)

    assert [met.bucket.bucket_id for met in walk.meet(found)] == [second, first]
