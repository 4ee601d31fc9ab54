"""What is left behind when AWS fails in the middle: no row without bytes, and nothing that is not found again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from tests.support.api import Api
from tests.support.faults import Fault, Faults, applied_then_timeout, internal_error, lost, throttled, unavailable
from tests.support.objects import (
    POSTER,
    blob_keys,
    create,
    create_keyed_bucket,
    create_object_bucket,
    created,
    listed,
    objects,
    text,
)
from tests.support.slow_time import SlowTime
from tests.support.world import World

BODY = {"title": "M", "blobs": [POSTER]}
# More attempts than any call makes.
MANY = range(1, 60)


@pytest.fixture
def quick(time: SlowTime, world: World) -> Api:
    """The API, in a time that passes only when somebody sleeps."""
    return world.api()


@pytest.fixture
def bucket(quick: Api) -> str:
    made = create_object_bucket(quick)
    created(quick, made, {"title": "caches are warm"})
    return made


@pytest.fixture
def failing() -> Iterator[Callable[..., Faults]]:
    """Lets calls of a client fail from the n-th on, or only that one."""
    planned: list[Faults] = []

    def fail(client: Any, fault: Fault, *, first: int = 1, times: int = 1) -> Faults:
        faults = Faults(client)
        planned.append(faults)
        for call in range(first, first + times):
            faults.on(call, fault)
        return faults

    yield fail
    for faults in planned:
        faults.remove()


def count(api: Api, bucket: str) -> int:
    return len(listed(api, bucket)) - 1


@pytest.mark.parametrize("fault", [throttled, unavailable, lost()])
def test_bytes_that_cannot_be_stored_make_no_row(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults], fault: Fault
) -> None:
    broken = failing(world.s3, fault, times=len(MANY))
    reply = create(quick, bucket, BODY)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    broken.remove()
    assert (count(quick, bucket), blob_keys(world)) == (0, [])
    assert create(quick, bucket, BODY).status == 200


@pytest.mark.parametrize("fault", [throttled, internal_error, lost(), applied_then_timeout()])
def test_one_failure_is_made_good_by_the_next_attempt(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults], fault: Fault
) -> None:
    failing(world.s3, fault)
    failing(world.client, fault, first=2)
    assert create(quick, bucket, BODY).status == 200
    assert (count(quick, bucket), len(blob_keys(world))) == (1, 1)


def test_where_rows_can_be_neither_written_nor_read_bytes_are_left_to_the_listing(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults]
) -> None:
    broken = failing(world.client, throttled, first=2, times=len(MANY))
    assert create(quick, bucket, BODY).status == 503
    broken.remove()
    assert (count(quick, bucket), len(blob_keys(world))) == (0, 1)


def test_where_nobody_knows_whether_the_row_is_there_its_bytes_stay(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults]
) -> None:
    broken = failing(world.client, applied_then_timeout(), first=3, times=len(MANY))
    reply = create(quick, bucket, {**BODY, "idempotency_key": "k"})
    assert (reply.status, reply.error["code"]) == (503, "unsettled")
    broken.remove()
    assert len(blob_keys(world)) == 1
    again = create(quick, bucket, {**BODY, "idempotency_key": "k"})
    assert again.json["blobs"][0]["properties"]["url"].endswith(blob_keys(world)[0])
    assert count(quick, bucket) == 1


def test_bytes_that_cannot_be_taken_back_are_left_to_the_listing(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults]
) -> None:
    failing(world.client, throttled, first=2, times=len(MANY))
    failing(world.s3, throttled, first=2, times=len(MANY))
    assert create(quick, bucket, BODY).status == 503


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_change_whose_answers_are_lost_is_made_once(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults], method: str
) -> None:
    made = created(quick, bucket, BODY)
    write = 3 if method == "PUT" else 2
    failing(world.client, applied_then_timeout(), first=write)
    reply = quick.call(method, objects(bucket, made["object_id"]), {"title": "N"} if method == "PUT" else None)
    assert reply.status == (200 if method == "PUT" else 204)
    assert count(quick, bucket) == (1 if method == "PUT" else 0)


def test_a_batch_tells_row_by_row_what_the_storage_refused(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults]
) -> None:
    broken = failing(world.client, throttled, first=3, times=len(MANY))
    reply = quick.post(f"{objects(bucket)}/batch", {"objects": [{"take": 1}, {"take": 2}]})
    broken.remove()
    assert reply.status == 200
    assert [row["take"] for row in reply.json["succeeded"]] == [1]
    assert [row["error_type"] for row in reply.json["failed"]] == ["ServiceUnavailableError"]
    assert count(quick, bucket) == 1


def test_a_batch_of_which_nothing_could_be_stored_may_be_sent_again(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults]
) -> None:
    broken = failing(world.client, throttled, first=2, times=2 * len(MANY))
    reply = quick.post(f"{objects(bucket)}/batch", {"objects": [{"take": 1}, {"take": 2}]})
    broken.remove()
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert count(quick, bucket) == 0


def meanwhile(api: Api, world: World, act: Callable[[], object]) -> Fault:
    """The write is made, its answer is lost, and before it is tried again somebody else acts."""
    done: list[bool] = []

    def afterwards(_: Any) -> None:
        if not done:
            done.append(True)
            act()
        raise ConnectionClosedError(endpoint_url="https://dynamodb")

    return Fault(afterwards=afterwards)


def test_bytes_stay_that_a_row_refers_to_although_its_writer_was_told_no(
    quick: Api, api: Api, world: World, failing: Callable[..., Faults]
) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    created(quick, bucket, {"film_id": "warm"})

    def patch() -> None:
        (row,) = [row for row in listed(api, bucket) if row["film_id"] == "m"]
        assert api.patch(objects(bucket, row["object_id"]), {"take": 1}).status == 200

    failing(world.client, meanwhile(api, world, patch), first=3)
    assert create(quick, bucket, {"film_id": "m", "blobs": [POSTER]}).status == 409
    (row,) = [row for row in listed(api, bucket) if row["film_id"] == "m"]
    assert [blob["properties"]["url"].split("/", 3)[3] for blob in row["blobs"]] == blob_keys(world)


def test_a_plain_create_whose_answer_was_lost_makes_no_twin(
    quick: Api, api: Api, world: World, bucket: str, failing: Callable[..., Faults]
) -> None:
    def patch() -> None:
        (row,) = [row for row in listed(api, bucket) if row["title"] == "M"]
        assert api.patch(objects(bucket, row["object_id"]), {"take": 1}).status == 200

    failing(world.client, meanwhile(api, world, patch), first=2)
    assert create(quick, bucket, BODY).status == 200
    assert count(api, bucket) == 1
    world.pump()
    assert len(blob_keys(world)) == 1


def test_bytes_that_were_dropped_and_taken_up_again_are_not_swept(
    quick: Api, api: Api, world: World, bucket: str, failing: Callable[..., Faults]
) -> None:
    made = created(quick, bucket, {"title": "M"})
    path = objects(bucket, made["object_id"])
    other = {"blobs": [text("other")]}
    failing(world.client, meanwhile(api, world, lambda: api.put(path, other)), first=3)
    assert quick.put(path, {"blobs": [text("one")]}).status == 200
    world.pump()
    kept = [blob["properties"]["url"].split("/", 3)[3] for blob in api.get(path).json["blobs"]]
    assert kept == blob_keys(world)
