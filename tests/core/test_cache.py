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


def test_a_value_expires_after_its_time() -> None:
    seconds = Seconds()
    cache: Cache[str, int] = Cache(seconds, seconds=60)
    cache.put("a", 1)
    seconds.now = 59.9
    assert cache.get("a") == 1
    seconds.now = 60
    assert cache.get("a") is None


def test_the_age_of_a_value_counts_from_the_start_of_its_lookup() -> None:
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


def test_a_value_is_looked_up_once_and_none_is_looked_up_again() -> None:
    results: Iterator[int | None] = iter([None, 1, 2])
    cache: Cache[str, int] = Cache(Seconds())
    assert [cache.find("a", lambda _: next(results)) for _ in range(3)] == [None, 1, 1]


def test_an_entry_expires_when_the_clock_is_set_back() -> None:
    seconds = Seconds()
    seconds.now = 5000
    cache: Cache[str, int] = Cache(seconds, seconds=60)
    cache.put("a", 1)
    seconds.now = 1400
    assert cache.get("a") is None


def test_clear_removes_all_entries() -> None:
    cache: Cache[str, int] = Cache(Seconds())
    cache.put("a", 1)
    cache.clear()
    assert cache.get("a") is None


@given(st.lists(st.integers(0, 9)), st.integers(1, 5))
def test_the_cache_has_the_latest_keys_up_to_its_size(keys: list[int], size: int) -> None:
    cache: Cache[int, int] = Cache(Seconds(), size=size)
    for key in keys:
        cache.put(key, key)
    latest = list(dict.fromkeys(reversed(keys)))[:size]
    assert [key for key in range(10) if cache.get(key) is not None] == sorted(latest)


def test_the_cache_is_thread_safe() -> None:
    seconds = Seconds()
    cache: Cache[int, int] = Cache(seconds, seconds=1, size=5)

    def work(thread: int) -> None:
        for i in range(2000):
            seconds.now += 0.1
            assert cache.find((thread + i) % 20, lambda key: key) == (thread + i) % 20

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
