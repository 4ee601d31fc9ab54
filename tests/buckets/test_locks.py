"""Buckets that an operator has locked or made inactive can be read, and not changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api
from tests.support.catalog import partition_of
from tests.support.world import World, bucket_body

CHANGES: list[dict[str, Any]] = [{"description": "x"}, {"bucket_name": "art"}, {"metadata": {"a": 1}}, {}]


@pytest.fixture
def bucket(api: Api) -> dict[str, Any]:
    return dict(api.post("/v1/buckets", bucket_body()).json)


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_locked_bucket_accepts_no_change(
    world: World, api: Api, bucket: dict[str, Any], method: str, change: dict[str, Any]
) -> None:
    world.services.buckets.set_lock(partition_of(world), "posters", locked=True)

    reply = api.call(method, "/v1/buckets/posters", change, query={"force_schema_break": "true"})

    assert (reply.status, reply.error["type"], reply.error["code"]) == (403, "ForbiddenError", "bucket_locked")
    shown = api.get("/v1/buckets/posters").json
    assert (shown["is_locked"], shown["bucket_name"], shown["description"]) == (True, "posters", None)


@pytest.mark.parametrize("status", ["ARCHIVED", "SUSPENDED", "IN_PROGRESS"])
@pytest.mark.parametrize("change", CHANGES)
def test_an_inactive_bucket_accepts_no_change(
    world: World, api: Api, bucket: dict[str, Any], status: str, change: dict[str, Any]
) -> None:
    world.services.buckets.set_status(partition_of(world), "posters", status)

    reply = api.patch("/v1/buckets/posters", change)

    assert (reply.status, reply.error["type"], reply.error["code"]) == (409, "ConflictError", "bucket_not_active")
    assert reply.error["details"] == {"status": status}
    assert api.get("/v1/buckets/posters").json["status"] == status
    assert [row["status"] for row in api.get("/v1/buckets").json["results"]] == [status]


def test_an_unlocked_and_reactivated_bucket_accepts_changes(world: World, api: Api, bucket: dict[str, Any]) -> None:
    buckets, partition = world.services.buckets, partition_of(world)
    buckets.set_lock(partition, bucket["bucket_id"], locked=True)
    buckets.set_status(partition, bucket["bucket_id"], "ARCHIVED")
    buckets.set_lock(partition, bucket["bucket_id"], locked=False)
    assert api.patch("/v1/buckets/posters", {"description": "x"}).status == 409

    buckets.set_status(partition, bucket["bucket_id"], "ACTIVE")

    assert api.patch("/v1/buckets/posters", {"description": "x"}).json["description"] == "x"


def test_a_change_by_the_operator_changes_the_etag(world: World, api: Api, bucket: dict[str, Any]) -> None:
    etag = api.get("/v1/buckets/posters").headers["ETag"]
    buckets, partition = world.services.buckets, partition_of(world)
    buckets.set_lock(partition, "posters", locked=True)
    buckets.set_lock(partition, "posters", locked=False)

    assert api.patch("/v1/buckets/posters", {"description": "x"}, headers={"If-Match": etag}).status == 412


def test_locking_twice_changes_nothing(world: World, api: Api, bucket: dict[str, Any]) -> None:
    buckets, partition = world.services.buckets, partition_of(world)
    first = buckets.set_lock(partition, "posters", locked=True)

    assert buckets.set_lock(partition, "posters", locked=True) == first


def test_the_name_of_a_locked_bucket_stays_taken(world: World, api: Api, bucket: dict[str, Any]) -> None:
    world.services.buckets.set_lock(partition_of(world), "posters", locked=True)

    assert api.post("/v1/buckets", bucket_body()).status == 409


def test_locked_and_archived_buckets_can_be_found_by_a_filter(world: World, api: Api, bucket: dict[str, Any]) -> None:
    api.post("/v1/buckets", bucket_body("stills"))
    world.services.buckets.set_lock(partition_of(world), "posters", locked=True)
    world.services.buckets.set_status(partition_of(world), "stills", "ARCHIVED")

    filters: dict[str, dict[str, Any]] = {"posters": {"is_locked": True}, "stills": {"status": "archived"}}
    for name, filter_ in filters.items():
        rows = api.post("/v1/buckets/list", {"filters": filter_}).json["results"]
        assert [row["bucket_name"] for row in rows] == [name]
