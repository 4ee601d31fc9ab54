"""A walk by cursor returns each row that exists throughout the walk once, while others are created and deleted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from chalicelib.buckets.bucket import FoundBucket
from chalicelib.buckets.rows import BucketRows
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


def create_all(api: Api) -> list[Row]:
    """Creates the rows that are kept. The order of their names and ranks is not the order of creation."""
    return [create(api, f"m{number * 7 % KEPT:02}", number * 5) for number in range(KEPT)]


def ids(rows: list[Row]) -> list[str]:
    return [row["bucket_id"] for row in rows]


def check(pages: list[list[Row]], kept: list[Row]) -> None:
    """Checks that no row is repeated and that no row that was kept is missing."""
    seen = Counter(bucket_id for page in pages for bucket_id in ids(page))
    assert [bucket_id for bucket_id, times in seen.items() if times > 1] == []
    assert set(ids(kept)) - set(seen) == set()


def value(row: Row, field: str) -> Any:
    return row["metadata"]["rank"] if field == "metadata.rank" else row[field]


@pytest.mark.parametrize("body", ORDERS)
def test_a_count_that_is_a_multiple_of_the_page_ends_with_a_full_page(api: Api, body: Row) -> None:
    kept = create_all(api)

    pages = walk(api, {**body, "limit": PAGE})

    assert [len(page) for page in pages] == [PAGE] * (KEPT // PAGE)
    check(pages, kept)
    rows = [row for page in pages for row in page]
    descending = body["sort"]["direction"] == "desc"
    order = [(value(row, body["sort"]["field"]), row["bucket_id"]) for row in rows]
    assert order == sorted(order, reverse=descending)


@pytest.mark.parametrize("body", ORDERS)
def test_a_walk_is_complete_while_others_create_and_delete(world: World, api: Api, body: Row) -> None:
    kept, deleted_later = [], []
    for number, row in enumerate(create_all(api)):
        kept.append(row)
        if number % 3 == 0:
            deleted_later.append(create(api, f"d{number * 11 % KEPT:02}", number))
    all_started = threading.Barrier(3)

    def create_and_delete() -> None:
        all_started.wait()
        for number in range(12):
            remove_bucket(world, create(api, f"{'az'[number % 2]}{number}", number))

    def delete_and_create() -> None:
        all_started.wait()
        for row in deleted_later:
            remove_bucket(world, row)
            create(api, f"n{row['bucket_name']}", 1)

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(create_and_delete), pool.submit(delete_and_create)]
        all_started.wait()
        walks = [walk(api, {**body, "limit": PAGE}) for _ in range(2)]
        for future in futures:
            future.result()

    for pages in walks:
        check(pages, kept)


def changes(world: World, api: Api) -> Iterator[Callable[[Row], object]]:
    """Yields changes between two pages: delete the last row, create a row just before it, create one just after it."""
    for number in range(1000):

        def create_near(last: Row, suffix: str, seconds: int, made: int = number) -> None:
            world.clock.now += timedelta(seconds=seconds)
            create(api, f"{last['bucket_name'][:1]}{suffix}{made}", last["metadata"]["rank"])
            world.clock.now -= timedelta(seconds=seconds)

        yield lambda last: remove_bucket(world, last)
        yield lambda last, create_near=create_near: create_near(last, "", -100)  # type: ignore[misc]
        yield lambda last, create_near=create_near: create_near(last, "~", 100)  # type: ignore[misc]


@pytest.mark.parametrize("body", ORDERS)
def test_a_walk_is_complete_when_its_last_row_is_deleted_and_neighbors_are_created(
    world: World, api: Api, body: Row
) -> None:
    kept = create_all(api)
    next_changes = changes(world, api)
    pages: list[list[Row]] = []
    cursor: Row = {}
    deleted: set[str] = set()
    while True:
        reply = api.post("/v1/buckets/list", {**body, "limit": PAGE, **cursor})
        assert reply.status == 200, reply.text
        pages.append(reply.json["results"])
        if reply.json["pagination"]["next_cursor"] is None:
            break
        cursor = {"cursor": reply.json["pagination"]["next_cursor"]}
        last = pages[-1][-1]
        deleted.add(last["bucket_id"])
        for change in (next(next_changes), next(next_changes), next(next_changes)):
            change(last)
        assert len(pages) < 3 * KEPT, (
            "the walk must end, because fewer rows are created after the cursor than fit on a page"
        )

    check(pages, [row for row in kept if row["bucket_id"] not in deleted])


class RenamingRows(BucketRows):
    """Rows of which one bucket is renamed after the index was read and before the buckets are read."""

    def __init__(self, store: BucketStore, rename: Callable[[list[str]], object]) -> None:
        super().__init__(store._table)
        self._rename = rename

    def get_many(self, partition: str, ids: Iterable[str], *, batch_size: int = 50) -> Iterator[FoundBucket]:
        ids_read = list(ids)
        self._rename(ids_read)
        return super().get_many(partition, ids_read, batch_size=batch_size)


@pytest.mark.parametrize("more", [{}, {"search": "bkt_"}], ids=["plain", "searched"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("to", ["a", "m05x", "z"])
@pytest.mark.parametrize("index", [0, 2, 3])
def test_a_walk_by_name_is_complete_when_a_bucket_of_each_page_is_renamed_while_read(
    world: World, api: Api, index: int, to: str, direction: str, more: Row
) -> None:
    kept = [create(api, f"m{number:02}", 1) for number in range(12)]
    seen: list[str] = []
    renamed: list[str] = []

    def rename(ids_read: list[str]) -> None:
        unseen = [id_ for id_ in ids_read if id_ not in seen + renamed][: PAGE + 1]
        if len(unseen) > index:
            renamed.append(unseen[index])
            assert api.patch(f"/v1/buckets/{unseen[index]}", {"bucket_name": f"{to}{len(renamed)}"}).status == 200

    store = copy(world.services.buckets.store)
    store.rows = RenamingRows(store, rename)
    services = replace(world.services, buckets=replace(world.services.buckets, store=store))
    renaming_api = Api(lambda: services, world.key, "films")
    body = {"sort": {"field": "bucket_name", "direction": direction}, "limit": PAGE, **more}
    cursor: Row = {}
    pages: list[list[Row]] = []
    while True:
        reply = renaming_api.post("/v1/buckets/list", {**body, **cursor})
        assert (reply.status, reply.json["total_count"]) == (200, len(kept)), reply.text
        pages.append(reply.json["results"])
        seen += ids(pages[-1])
        if reply.json["pagination"]["next_cursor"] is None:
            break
        cursor = {"cursor": reply.json["pagination"]["next_cursor"]}

    assert renamed
    check(pages, kept)


def test_created_at_is_the_time_in_the_id(api: Api) -> None:
    # Lists use the order of ids as the order of creation times. A bucket whose times differ could be missed by a walk.
    for row in create_all(api):
        made = (datetime.fromisoformat(row["created_at"]) - EPOCH) // timedelta(milliseconds=1)
        digits = "0123456789abcdefghjkmnpqrstvwxyz"
        milliseconds_in_id = sum(
            digits.index(char) << 5 * index for index, char in enumerate(reversed(row["bucket_id"][4:14]))
        )
        assert milliseconds_in_id == made


def test_walks_by_offset_and_by_page_number_return_the_same_rows(api: Api) -> None:
    kept = create_all(api)
    by_offset = [api.get("/v1/buckets", query={"limit": 4, "offset": n}).json["results"] for n in range(0, KEPT, 4)]
    by_page = [api.get("/v1/buckets", query={"limit": 4, "page": n}).json["results"] for n in range(1, KEPT // 4 + 2)]

    assert by_offset == by_page
    check(by_offset, kept)
    assert all(a["created_at"] > b["created_at"] for page in by_offset for a, b in pairwise(page))
