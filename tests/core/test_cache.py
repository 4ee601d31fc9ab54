from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.cache import Cache


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_value_is_kept_for_less_than_its_time() -> None:
    seconds = Seconds()
    cache: Cache[str, int] = Cache(seconds, seconds=60)
    cache.put("a", 1)
    seconds.now = 59.9
    assert cache.get("a") == 1
    seconds.now = 60
    assert cache.get("a") is None


def test_a_value_that_took_long_to_find_counts_from_when_it_was_asked_for() -> None:
    seconds = Seconds()
    cache: Cache[str, int] = Cache(seconds, seconds=60)

    def slowly(key: str) -> int:
        seconds.now += 6
        return 1

    assert cache.find("a", slowly) == 1
    seconds.now = 59
    assert cache.get("a") == 1
    seconds.now = 60
    assert cache.get("a") is None


def test_a_value_is_looked_up_once_and_nothing_found_is_not_kept() -> None:
    answers: Iterator[int | None] = iter([None, 1, 2])
    cache: Cache[str, int] = Cache(Seconds())
    assert [cache.find("a", lambda _: next(answers)) for _ in range(3)] == [None, 1, 1]


def test_a_clock_set_back_makes_nothing_last_longer() -> None:
    seconds = Seconds()
    seconds.now = 5000
    cache: Cache[str, int] = Cache(seconds, seconds=60)
    cache.put("a", 1)
    seconds.now = 1400
    assert cache.get("a") is None


def test_what_is_cleared_is_gone() -> None:
    cache: Cache[str, int] = Cache(Seconds())
    cache.put("a", 1)
    cache.clear()
    assert cache.get("a") is None


@given(st.lists(st.integers(0, 9)), st.integers(1, 5))
def test_the_last_keys_put_are_kept_and_no_more_than_the_size(keys: list[int], size: int) -> None:
    cache: Cache[int, int] = Cache(Seconds(), size=size)
    for key in keys:
        cache.put(key, key)
    latest = list(dict.fromkeys(reversed(keys)))[:size]
    assert [key for key in range(10) if cache.get(key) is not None] == sorted(latest)


def test_threads_may_share_it() -> None:
    seconds = Seconds()
    cache: Cache[int, int] = Cache(seconds, seconds=1, size=5)

    def work(thread: int) -> None:
        for i in range(2000):
            seconds.now += 0.1
            assert cache.find((thread + i) % 20, lambda key: key) == (thread + i) % 20

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
