"""If AWS fails during a request, every stored row has its files, and unreferenced files can be found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.faults import (
    Fault,
    Faults,
    applied_then,
    applied_then_timeout,
    internal_error,
    lost,
    throttled,
    unavailable,
)
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
# More attempts than a call makes.
MANY = range(1, 60)


@pytest.fixture
def quick(time: SlowTime, world: World) -> Api:
    """The API with a clock that advances only when the code sleeps."""
    return world.api()


@pytest.fixture
def bucket(quick: Api) -> str:
    made = create_object_bucket(quick)
    created(quick, made, {"title": "caches are warm"})
    return made


@pytest.fixture
def failing() -> Iterator[Callable[..., Faults]]:
    """Makes calls of a client fail: `times` calls, from the one with the number `first`."""
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
def test_no_row_is_written_if_a_file_cannot_be_stored(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults], fault: Fault
) -> None:
    faults = failing(world.s3, fault, times=len(MANY))
    reply = create(quick, bucket, BODY)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    faults.remove()
    assert (count(quick, bucket), blob_keys(world)) == (0, [])
    assert create(quick, bucket, BODY).status == 200


@pytest.mark.parametrize("fault", [throttled, internal_error, lost(), applied_then_timeout()])
def test_a_single_failure_to_store_a_file_is_retried(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults], fault: Fault
) -> None:
    failing(world.s3, fault)
    assert create(quick, bucket, BODY).status == 200
    assert (count(quick, bucket), len(blob_keys(world))) == (1, 1)


@pytest.mark.parametrize("fault", [throttled, applied_then_timeout()])
def test_a_single_failure_to_write_the_row_is_retried(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults], fault: Fault
) -> None:
    failing(world.client, fault, first=2)
    assert create(quick, bucket, BODY).status == 200
    assert (count(quick, bucket), len(blob_keys(world))) == (1, 1)


@pytest.mark.parametrize("fault", [internal_error, lost()])
def test_a_create_whose_row_is_missing_after_a_lost_response_is_not_repeated(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults], fault: Fault
) -> None:
    """Another client may have deleted the object, which the service cannot distinguish."""
    failing(world.client, fault, first=2)
    reply = create(quick, bucket, BODY)
    assert (reply.status, reply.error["code"]) == (503, "unsettled")
    assert count(quick, bucket) == 0
    assert create(quick, bucket, BODY).status == 200
    assert count(quick, bucket) == 1


@pytest.mark.parametrize("fault", [throttled, internal_error, lost(), applied_then_timeout()])
def test_a_single_failure_to_update_the_row_is_retried(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults], fault: Fault
) -> None:
    path = objects(bucket, created(quick, bucket, BODY)["object_id"])
    failing(world.client, fault, first=3)
    assert quick.patch(path, {"take": 7}).status == 200
    assert quick.get(path).json["take"] == 7
    failing(world.client, fault, first=3)
    assert quick.call("DELETE", path, headers={"If-Match": quick.get(path).headers["ETag"]}).status == 204
    assert count(quick, bucket) == 0


def test_files_remain_if_rows_can_be_neither_written_nor_read(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults]
) -> None:
    faults = failing(world.client, throttled, first=2, times=len(MANY))
    assert create(quick, bucket, BODY).status == 503
    faults.remove()
    assert (count(quick, bucket), len(blob_keys(world))) == (0, 1)


def test_files_remain_if_the_outcome_of_the_write_is_unknown(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults]
) -> None:
    faults = failing(world.client, applied_then_timeout(), first=3, times=len(MANY))
    reply = create(quick, bucket, {**BODY, "idempotency_key": "k"})
    assert (reply.status, reply.error["code"]) == (503, "unsettled")
    faults.remove()
    assert len(blob_keys(world)) == 1
    again = create(quick, bucket, {**BODY, "idempotency_key": "k"})
    assert again.json["blobs"][0]["properties"]["url"].endswith(blob_keys(world)[0])
    assert count(quick, bucket) == 1


def test_a_failed_removal_of_files_does_not_change_the_response(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults]
) -> None:
    failing(world.client, throttled, first=2, times=len(MANY))
    failing(world.s3, throttled, first=2, times=len(MANY))
    assert create(quick, bucket, BODY).status == 503


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_write_whose_response_is_lost_is_applied_once(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults], method: str
) -> None:
    made = created(quick, bucket, BODY)
    write = 3 if method == "PUT" else 2
    failing(world.client, applied_then_timeout(), first=write)
    reply = quick.call(method, objects(bucket, made["object_id"]), {"title": "N"} if method == "PUT" else None)
    assert reply.status == (200 if method == "PUT" else 204)
    assert count(quick, bucket) == (1 if method == "PUT" else 0)


def test_a_bulk_create_reports_storage_errors_by_row(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults]
) -> None:
    faults = failing(world.client, throttled, first=3, times=len(MANY))
    reply = quick.post(f"{objects(bucket)}/batch", {"objects": [{"take": 1}, {"take": 2}]})
    faults.remove()
    assert reply.status == 200
    assert [row["take"] for row in reply.json["succeeded"]] == [1]
    assert [row["error_type"] for row in reply.json["failed"]] == ["ServiceUnavailableError"]
    assert count(quick, bucket) == 1


def test_a_bulk_create_that_stored_nothing_is_a_503(
    quick: Api, world: World, bucket: str, failing: Callable[..., Faults]
) -> None:
    faults = failing(world.client, throttled, first=2, times=2 * len(MANY))
    reply = quick.post(f"{objects(bucket)}/batch", {"objects": [{"take": 1}, {"take": 2}]})
    faults.remove()
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert count(quick, bucket) == 0


def test_files_that_a_row_refers_to_remain_after_a_lost_response(
    quick: Api, api: Api, world: World, failing: Callable[..., Faults]
) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    created(quick, bucket, {"film_id": "warm"})

    def patch() -> None:
        (row,) = [row for row in listed(api, bucket) if row["film_id"] == "m"]
        assert api.patch(objects(bucket, row["object_id"]), {"take": 1}).status == 200

    failing(world.client, applied_then(patch), first=3)
    assert create(quick, bucket, {"film_id": "m", "blobs": [POSTER]}).status == 200
    (row,) = [row for row in listed(api, bucket) if row["film_id"] == "m"]
    assert [blob["properties"]["url"].split("/", 3)[3] for blob in row["blobs"]] == blob_keys(world)


def test_a_create_whose_response_is_lost_makes_one_object(
    quick: Api, api: Api, world: World, bucket: str, failing: Callable[..., Faults]
) -> None:
    def patch() -> None:
        (row,) = [row for row in listed(api, bucket) if row["title"] == "M"]
        assert api.patch(objects(bucket, row["object_id"]), {"take": 1}).status == 200

    failing(world.client, applied_then(patch), first=2)
    assert create(quick, bucket, BODY).status == 200
    assert count(api, bucket) == 1
    world.pump()
    assert len(blob_keys(world)) == 1


def test_files_that_are_referenced_again_are_not_removed(
    quick: Api, api: Api, world: World, bucket: str, failing: Callable[..., Faults]
) -> None:
    made = created(quick, bucket, {"title": "M"})
    path = objects(bucket, made["object_id"])
    other = {"blobs": [text("other")]}
    failing(world.client, applied_then(lambda: api.put(path, other)), first=3)
    reply = quick.put(path, {"blobs": [text("one")]})
    assert (reply.status, reply.error["code"]) == (503, "unsettled")
    assert [blob["properties"]["text"] for blob in api.get(path).json["blobs"]] == ["other"]
    world.pump()
    kept = [blob["properties"]["url"].split("/", 3)[3] for blob in api.get(path).json["blobs"]]
    assert kept == blob_keys(world)
