"""A walk by cursor gives every row that is there throughout, once, whatever comes and goes meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.store import BucketStore
from tests.support.api import Api
from tests.support.catalog import remove_bucket, walk
from tests.support.world import World, bucket_body

Row = dict[str, Any]
KEPT, PAGE = 15, 3
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

FILTER = {"filters": {"metadata.listed": True}}
ORDERS = [
    pytest.param({"sort": {"field": field, "direction": direction}, **more}, id=f"{field}-{direction}{suffix}")
    for field, direction, suffix, more in (
        ("created_at", "asc", "", {}),
        ("created_at", "desc", "", {}),
        ("created_at", "asc", "-filtered", FILTER),
        ("bucket_name", "asc", "", {}),
        ("bucket_name", "desc", "", {}),
        ("bucket_name", "desc", "-filtered", FILTER),
        ("metadata.rank", "asc", "", {}),
        ("metadata.rank", "desc", "", {}),
    )
]


def create(api: Api, name: str, rank: int) -> Row:
    reply = api.post("/v1/buckets", bucket_body(name, metadata={"rank": rank % 3, "listed": True}))
    assert reply.status == 200, reply.text
    return dict(reply.json)


def a_shelf(api: Api) -> list[Row]:
    """Rows that stay, with names and ranks in another order than they are made in."""
    return [create(api, f"m{number * 7 % KEPT:02}", number * 5) for number in range(KEPT)]


def ids(rows: list[Row]) -> list[str]:
    return [row["bucket_id"] for row in rows]


def check(pages: list[list[Row]], kept: list[Row]) -> None:
    """Nothing repeated, nothing missed that was there throughout."""
    seen = Counter(bucket_id for page in pages for bucket_id in ids(page))
    assert [bucket_id for bucket_id, times in seen.items() if times > 1] == []
    assert set(ids(kept)) - set(seen) == set()


def value(row: Row, field: str) -> Any:
    return row["metadata"]["rank"] if field == "metadata.rank" else row[field]


@pytest.mark.parametrize("body", ORDERS)
def test_a_count_that_is_a_multiple_of_the_page_ends_with_a_full_page(api: Api, body: Row) -> None:
    kept = a_shelf(api)

    pages = walk(api, {**body, "limit": PAGE})

    assert [len(page) for page in pages] == [PAGE] * (KEPT // PAGE)
    check(pages, kept)
    rows = [row for page in pages for row in page]
    falls = body["sort"]["direction"] == "desc"
    order = [(value(row, body["sort"]["field"]), row["bucket_id"]) for row in rows]
    assert order == sorted(order, reverse=falls)


@pytest.mark.parametrize("body", ORDERS)
def test_a_walk_is_whole_while_others_create_and_delete(world: World, api: Api, body: Row) -> None:
    kept, doomed = [], []
    for number, row in enumerate(a_shelf(api)):
        kept.append(row)
        if number % 3 == 0:
            doomed.append(create(api, f"d{number * 11 % KEPT:02}", number))
    start = threading.Barrier(3)

    def come_and_go() -> None:
        start.wait()
        for number in range(12):
            remove_bucket(world, create(api, f"{'az'[number % 2]}{number}", number))

    def go() -> None:
        start.wait()
        for row in doomed:
            remove_bucket(world, row)
            create(api, f"n{row['bucket_name']}", 1)

    with ThreadPoolExecutor(2) as pool:
        churn = [pool.submit(come_and_go), pool.submit(go)]
        start.wait()
        walks = [walk(api, {**body, "limit": PAGE}) for _ in range(2)]
        for done in churn:
            done.result()

    for pages in walks:
        check(pages, kept)


def changes(world: World, api: Api) -> Iterator[Callable[[Row], object]]:
    """What can happen between two pages: rows go, and come before, beside and behind the place of the cursor."""
    for number in range(1000):

        def come(last: Row, suffix: str, seconds: int, made: int = number) -> None:
            world.clock.now += timedelta(seconds=seconds)
            create(api, f"{last['bucket_name'][:1]}{suffix}{made}", last["metadata"]["rank"])
            world.clock.now -= timedelta(seconds=seconds)

        yield lambda last: remove_bucket(world, last)
        yield lambda last, come=come: come(last, "", -100)  # type: ignore[misc]
        yield lambda last, come=come: come(last, "~", 100)  # type: ignore[misc]


@pytest.mark.parametrize("body", ORDERS)
def test_a_walk_is_whole_when_its_last_row_goes_and_neighbours_come(world: World, api: Api, body: Row) -> None:
    shelf = a_shelf(api)
    happenings = changes(world, api)
    pages: list[list[Row]] = []
    cursor: Row = {}
    gone: set[str] = set()
    while True:
        reply = api.post("/v1/buckets/list", {**body, "limit": PAGE, **cursor})
        assert reply.status == 200, reply.text
        pages.append(reply.json["results"])
        if reply.json["pagination"]["next_cursor"] is None:
            break
        cursor = {"cursor": reply.json["pagination"]["next_cursor"]}
        last = pages[-1][-1]
        gone.add(last["bucket_id"])
        for happens in (next(happenings), next(happenings), next(happenings)):
            happens(last)
        assert len(pages) < 3 * KEPT, "fewer rows come behind the cursor than a page holds, so the walk ends"

    check(pages, [row for row in shelf if row["bucket_id"] not in gone])


class Overtaken(BucketStore):
    """A store in which a bucket is renamed after the index of names was read and before the buckets are."""

    def __init__(self, store: BucketStore, rename: Callable[[list[str]], object]) -> None:
        super().__init__(store._table)
        self._rename = rename

    def many(self, partition: str, ids: Iterable[str], *, at_once: int = 50) -> Iterator[Bucket]:
        wanted = list(ids)
        self._rename(wanted)
        return super().many(partition, wanted, at_once=at_once)


@pytest.mark.parametrize("more", [{}, FILTER], ids=["plain", "filtered"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("to", ["a", "m05x", "z"])
@pytest.mark.parametrize("place", [0, 2, 3])
def test_a_walk_by_name_is_whole_when_a_bucket_of_each_page_is_renamed_as_it_is_read(
    world: World, api: Api, place: int, to: str, direction: str, more: Row
) -> None:
    kept = [create(api, f"m{number:02}", 1) for number in range(12)]
    seen: list[str] = []
    renamed: list[str] = []

    def rename(wanted: list[str]) -> None:
        left = [id_ for id_ in wanted if id_ not in seen + renamed][: PAGE + 1]
        if len(left) > place:
            renamed.append(left[place])
            assert api.patch(f"/v1/buckets/{left[place]}", {"bucket_name": f"{to}{len(renamed)}"}).status == 200

    store = Overtaken(world.services.buckets.store, rename)
    services = replace(world.services, buckets=replace(world.services.buckets, store=store))
    overtaken = Api(lambda: services, world.key, "films")
    body = {"sort": {"field": "bucket_name", "direction": direction}, "limit": PAGE, **more}
    cursor: Row = {}
    pages: list[list[Row]] = []
    while True:
        reply = overtaken.post("/v1/buckets/list", {**body, **cursor})
        assert (reply.status, reply.json["total_count"]) == (200, len(kept)), reply.text
        pages.append(reply.json["results"])
        seen += ids(pages[-1])
        if reply.json["pagination"]["next_cursor"] is None:
            break
        cursor = {"cursor": reply.json["pagination"]["next_cursor"]}

    assert renamed
    check(pages, kept)


def test_a_bucket_carries_the_moment_of_its_id(api: Api) -> None:
    # The order of ids stands for the order of creation times: one that disagreed would be lost between pages.
    for row in a_shelf(api):
        made = (datetime.fromisoformat(row["created_at"]) - EPOCH) // timedelta(milliseconds=1)
        digits = "0123456789abcdefghjkmnpqrstvwxyz"
        told = sum(digits.index(char) << 5 * place for place, char in enumerate(reversed(row["bucket_id"][4:14])))
        assert told == made


def test_a_walk_by_offsets_and_one_by_links_see_the_same_rows(api: Api) -> None:
    kept = a_shelf(api)
    by_offset = [api.get("/v1/buckets", query={"limit": 4, "offset": n}).json["results"] for n in range(0, KEPT, 4)]
    by_page = [api.get("/v1/buckets", query={"limit": 4, "page": n}).json["results"] for n in range(1, KEPT // 4 + 2)]

    assert by_offset == by_page
    check(by_offset, kept)
    assert all(a["created_at"] > b["created_at"] for page in by_offset for a, b in pairwise(page))
