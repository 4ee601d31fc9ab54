"""A walk by cursor returns each object that exists throughout it once, while others are created and deleted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.objects import create_object_bucket, created, objects

LASTING, PAGE = 15, 3
ORDERS = [
    pytest.param({"sort": {"field": field, "direction": direction}, **more}, id=f"{field}-{direction}{suffix}")
    for field, direction, suffix, more in (
        ("created_at", "asc", "", {}),
        ("created_at", "desc", "", {}),
        ("created_at", "asc", "-filtered", {"filters": {"listed": True}}),
        ("take", "asc", "", {}),
        ("take", "desc", "", {}),
    )
]


@pytest.fixture
def bucket(api: Api) -> str:
    return create_object_bucket(api)


def new_object(api: Api, bucket: str, take: int) -> str:
    return str(created(api, bucket, {"take": take % 3, "listed": True})["object_id"])


def pages(api: Api, bucket: str, body: dict[str, Any]) -> Iterator[list[str]]:
    cursor = None
    while True:
        reply = api.post(f"{objects(bucket)}/list", {**body, "page_size": PAGE, "cursor": cursor})
        assert reply.status == 200, reply.text
        yield [row["object_id"] for row in reply.json["results"]]
        cursor = reply.json["pagination"]["next_cursor"]
        if cursor is None:
            return


def check(seen: list[list[str]], lasting: list[str]) -> None:
    counts = Counter(object_id for page in seen for object_id in page)
    assert [object_id for object_id, count in counts.items() if count > 1] == []
    assert set(lasting) - set(counts) == set()


@pytest.mark.parametrize("body", ORDERS)
def test_pages_contain_every_lasting_object_once_when_objects_change_between_pages(
    api: Api, bucket: str, body: dict[str, Any]
) -> None:
    lasting, deleted_later = [], []
    for number in range(LASTING):
        lasting.append(new_object(api, bucket, number))
        deleted_later.append(new_object(api, bucket, number))
    seen = []
    for page in pages(api, bucket, body):
        seen.append(page)
        if deleted_later:
            api.call("DELETE", objects(bucket, deleted_later.pop(len(deleted_later) // 2)))
        if len(seen) < 6:
            new_object(api, bucket, len(seen))
    check(seen, lasting)


@pytest.mark.parametrize("body", ORDERS)
def test_pages_contain_every_lasting_object_once_during_concurrent_writes(
    api: Api, bucket: str, body: dict[str, Any]
) -> None:
    lasting = [new_object(api, bucket, number) for number in range(LASTING)]
    done = threading.Event()

    def write() -> None:
        for number in range(200):
            if done.is_set():
                return
            object_id = new_object(api, bucket, number)
            if number % 2:
                assert api.call("DELETE", objects(bucket, object_id)).status == 204

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write) for _ in range(4)]
        try:
            seen = list(pages(api, bucket, body))
        finally:
            done.set()
        for writer in writers:
            writer.result()
    check(seen, lasting)


def test_objects_with_the_same_creation_time_are_listed_once(api: Api, bucket: str, world: Any) -> None:
    moment = world.clock()
    world.clock.__class__.__call__, original = (lambda self: moment), world.clock.__class__.__call__
    try:
        lasting = [new_object(api, bucket, number) for number in range(10)]
    finally:
        world.clock.__class__.__call__ = original
    for direction in ("asc", "desc"):
        seen = list(pages(api, bucket, {"sort": {"field": "created_at", "direction": direction}}))
        check(seen, lasting)
