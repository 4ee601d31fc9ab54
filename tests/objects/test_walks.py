"""A walk by cursor gives every object that is there throughout, once, whatever comes and goes meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.objects import create_object_bucket, created, objects

KEPT, PAGE = 15, 3
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


def make(api: Api, bucket: str, take: int) -> str:
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


def check(seen: list[list[str]], kept: list[str]) -> None:
    times = Counter(object_id for page in seen for object_id in page)
    assert [object_id for object_id, count in times.items() if count > 1] == []
    assert set(kept) - set(times) == set()


@pytest.mark.parametrize("body", ORDERS)
def test_between_pages_objects_come_and_go(api: Api, bucket: str, body: dict[str, Any]) -> None:
    kept, going = [], []
    for number in range(KEPT):
        kept.append(make(api, bucket, number))
        going.append(make(api, bucket, number))
    seen = []
    for page in pages(api, bucket, body):
        seen.append(page)
        if going:
            api.call("DELETE", objects(bucket, going.pop(len(going) // 2)))
        if len(seen) < 6:
            make(api, bucket, len(seen))
    check(seen, kept)


@pytest.mark.parametrize("body", ORDERS)
def test_while_others_write(api: Api, bucket: str, body: dict[str, Any]) -> None:
    kept = [make(api, bucket, number) for number in range(KEPT)]
    done = threading.Event()

    def write() -> None:
        for number in range(200):
            if done.is_set():
                return
            made = make(api, bucket, number)
            if number % 2:
                assert api.call("DELETE", objects(bucket, made)).status == 204

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write) for _ in range(4)]
        try:
            seen = list(pages(api, bucket, body))
        finally:
            done.set()
        for writer in writers:
            writer.result()
    check(seen, kept)


def test_objects_of_one_moment_are_each_met_once(api: Api, bucket: str, world: Any) -> None:
    moment = world.clock()
    world.clock.__class__.__call__, original = (lambda self: moment), world.clock.__class__.__call__
    try:
        kept = [make(api, bucket, number) for number in range(10)]
    finally:
        world.clock.__class__.__call__ = original
    for direction in ("asc", "desc"):
        seen = list(pages(api, bucket, {"sort": {"field": "created_at", "direction": direction}}))
        check(seen, kept)
