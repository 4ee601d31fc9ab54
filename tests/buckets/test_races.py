"""Under concurrent requests, names stay unique, counts stay correct, and no update is lost."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.store import BucketStore
from chalicelib.services import Services
from tests.support.api import Api, ApiResponse
from tests.support.racing import run_concurrently
from tests.support.world import World, adapter_with_sources, bucket_body

THREADS = 64


def bucket_count(api: Api) -> int:
    return int(api.get("/v1/namespaces/films").json["bucket_count"])


def test_one_of_many_concurrent_creations_with_the_same_name_succeeds(api: Api) -> None:
    replies = run_concurrently([lambda: api.post("/v1/buckets", bucket_body("posters"))] * THREADS)

    assert Counter(reply.status for reply in replies) == {200: 1, 409: THREADS - 1}
    (winner,) = (reply.json["bucket_id"] for reply in replies if reply.status == 200)
    assert {reply.error["details"]["bucket_id"] for reply in replies if reply.status == 409} == {winner}
    assert [row["bucket_id"] for row in api.get("/v1/buckets").json["results"]] == [winner]
    assert bucket_count(api) == 1


def test_one_of_many_concurrent_renames_to_the_same_name_succeeds(api: Api) -> None:
    ids = [api.post("/v1/buckets", bucket_body(f"b{number}")).json["bucket_id"] for number in range(THREADS)]

    def rename(bucket_id: str) -> Callable[[], ApiResponse]:
        return lambda: api.patch(f"/v1/buckets/{bucket_id}", {"bucket_name": "posters"})

    replies = run_concurrently([rename(bucket_id) for bucket_id in ids])

    assert Counter(reply.status for reply in replies) == {200: 1, 409: THREADS - 1}
    names = Counter(row["bucket_name"] for row in api.get("/v1/buckets", query={"limit": 100}).json["results"])
    assert names["posters"] == 1
    assert len(names) == bucket_count(api) == THREADS
    freed = ({f"b{number}" for number in range(THREADS)} - set(names)).pop()
    assert api.post("/v1/buckets", bucket_body(freed)).status == 200


def test_patches_with_if_match_lose_no_update(api: Api) -> None:
    api.post("/v1/buckets", bucket_body(metadata={"count": 0}))

    def count_up() -> ApiResponse:
        while True:
            current = api.get("/v1/buckets/posters")
            new_values = {"metadata": {"count": current.json["metadata"]["count"] + 1}}
            reply = api.patch("/v1/buckets/posters", new_values, headers={"If-Match": current.headers["ETag"]})
            if reply.status != 412:
                return reply

    replies = run_concurrently([count_up] * 12)

    assert {reply.status for reply in replies} == {200}
    assert api.get("/v1/buckets/posters").json["metadata"] == {"count": 12}


def test_concurrent_patches_of_different_fields_all_take_effect(api: Api) -> None:
    api.post("/v1/buckets", bucket_body())
    changes: list[dict[str, Any]] = [
        {"description": "Old ones"},
        {"metadata": {"a": 1}},
        {"storage_class": "nearline"},
        {"bucket_name": "art"},
    ]
    bucket_id = api.get("/v1/buckets/posters").json["bucket_id"]

    def patch(change: dict[str, Any]) -> Callable[[], ApiResponse]:
        return lambda: api.patch(f"/v1/buckets/{bucket_id}", change)

    replies = run_concurrently([patch(change) for change in changes])

    assert {reply.status for reply in replies} == {200}
    bucket = api.get(f"/v1/buckets/{bucket_id}")
    assert {name: bucket.json[name] for change in changes for name in change} == {
        name: value for change in changes for name, value in change.items()
    }
    assert bucket.headers["ETag"] == f'"{bucket_id}-5-0"'


class Interleaved(BucketStore):
    """A store that makes another change between a read and the next write."""

    def __init__(self, store: BucketStore, change: Callable[[], object]) -> None:
        super().__init__(store._table)
        self._change: Callable[[], object] | None = change

    def replace(self, partition: str, old: Bucket, new: Bucket, *, adapters: int | None = None) -> None:
        change, self._change = self._change, None
        if change is not None:
            change()
        super().replace(partition, old, new, adapters=adapters)

    def add(self, partition: str, bucket: Bucket, *, adapters: int | None = None) -> None:
        change, self._change = self._change, None
        if change is not None:
            change()
        super().add(partition, bucket, adapters=adapters)


def interleaved(world: World, change: Callable[[], object]) -> Api:
    """Returns an API in which another change is made before the next write of a bucket."""
    store = Interleaved(world.services.buckets.store, change)
    services: Services = replace(world.services, buckets=replace(world.services.buckets, store=store))
    return Api(lambda: services, world.key, "films")


class SwappedBetweenReads(BucketStore):
    """A store that makes another change between the read of a name and the read of the bucket."""

    def __init__(self, store: BucketStore, change: Callable[[], object]) -> None:
        super().__init__(store._table)
        self._change: Callable[[], object] | None = change

    def find_id(self, partition: str, name: str) -> str | None:
        found = super().find_id(partition, name)
        change, self._change = self._change, None
        if change is not None:
            change()
        return found


def swapped_names(world: World, api: Api) -> Api:
    """Returns an API in which `old` and `live` swap their names between the two reads of the next look-up by name."""

    def swap() -> None:
        for before, after in (("old", "third"), ("live", "old"), ("third", "live")):
            assert api.patch(f"/v1/buckets/{before}", {"bucket_name": after}).status == 200

    store = SwappedBetweenReads(world.services.buckets.store, swap)
    buckets = replace(world.services.buckets, store=store)
    services = replace(
        world.services,
        buckets=buckets,
        objects=replace(world.services.objects, buckets=buckets),
        deletions=replace(world.services.deletions, buckets=buckets),
    )
    return Api(lambda: services, world.key, "films")


@pytest.fixture
def two_ids(api: Api) -> dict[str, str]:
    """The ids of two buckets by their first names."""
    return {name: api.post("/v1/buckets", bucket_body(name)).json["bucket_id"] for name in ("old", "live")}


def test_a_deletion_by_name_deletes_the_bucket_that_has_the_name(
    world: World, api: Api, two_ids: dict[str, str]
) -> None:
    deleted = swapped_names(world, api).call("DELETE", "/v1/buckets/old")
    assert (deleted.status, deleted.json["bucket_name"], deleted.json["bucket_id"]) == (200, "old", two_ids["live"])
    assert api.get("/v1/buckets/live").json["bucket_id"] == two_ids["old"]


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT"])
def test_a_request_by_name_reaches_the_bucket_that_has_the_name(
    world: World, api: Api, two_ids: dict[str, str], method: str
) -> None:
    body = None if method == "GET" else {"description": "changed"}
    reply = swapped_names(world, api).call(method, "/v1/buckets/old", body)
    assert (reply.status, reply.json["bucket_name"], reply.json["bucket_id"]) == (200, "old", two_ids["live"])
    assert api.get("/v1/buckets/live").json["description"] is None


def test_an_object_is_created_in_the_bucket_that_has_the_name(world: World, api: Api, two_ids: dict[str, str]) -> None:
    made = swapped_names(world, api).post("/v1/buckets/old/objects", {"title": "M"})
    assert (made.status, made.json["bucket_id"]) == (200, two_ids["live"])


def test_requests_by_name_and_swaps_of_names_in_threads_never_reach_another_bucket(api: Api) -> None:
    for name in ("old", "live"):
        assert api.post("/v1/buckets", bucket_body(name)).status == 200
    stop = threading.Event()

    def swap() -> None:
        for _ in range(15):
            for before, after in (("old", "third"), ("live", "old"), ("third", "live")):
                assert api.patch(f"/v1/buckets/{before}", {"bucket_name": after}).status == 200
        stop.set()

    def read() -> list[ApiResponse]:
        replies = []
        while not stop.is_set():
            replies.append(api.get("/v1/buckets/old"))
        return replies

    found = run_concurrently([swap, read, read, read])
    replies = [reply for each in found[1:] for reply in each or ()]
    assert {reply.status for reply in replies} <= {200, 404}
    assert {reply.json["bucket_name"] for reply in replies if reply.status == 200} == {"old"}


def test_a_rename_overtaken_by_a_creation_with_the_name_is_rejected(world: World, api: Api) -> None:
    api.post("/v1/buckets", bucket_body("old"))
    racing_api = interleaved(world, lambda: api.post("/v1/buckets", bucket_body("new")))

    assert racing_api.patch("/v1/buckets/old", {"bucket_name": "new"}).status == 409
    assert api.get("/v1/buckets/old").status == api.get("/v1/buckets/new").status == 200


def test_a_rename_overtaken_by_another_rename_leaves_one_name(world: World, api: Api) -> None:
    bucket_id = api.post("/v1/buckets", bucket_body("old")).json["bucket_id"]
    racing_api = interleaved(world, lambda: api.patch("/v1/buckets/old", {"bucket_name": "first"}))

    assert racing_api.patch(f"/v1/buckets/{bucket_id}", {"bucket_name": "second"}).status == 200
    assert api.get("/v1/buckets/second").json["bucket_id"] == bucket_id
    assert api.get("/v1/buckets/first").status == api.get("/v1/buckets/old").status == 404
    assert api.post("/v1/buckets", bucket_body("first")).status == 200


def test_a_patch_overtaken_by_another_keeps_both(world: World, api: Api) -> None:
    api.post("/v1/buckets", bucket_body())
    racing_api = interleaved(world, lambda: api.patch("/v1/buckets/posters", {"metadata": {"a": 1}}))

    changed = racing_api.patch("/v1/buckets/posters", {"description": "Mine"}).json

    assert (changed["description"], changed["metadata"]) == ("Mine", {"a": 1})


def test_a_patch_with_if_match_overtaken_by_another_is_rejected(world: World, api: Api) -> None:
    etag = api.post("/v1/buckets", bucket_body()).headers["ETag"]
    racing_api = interleaved(world, lambda: api.patch("/v1/buckets/posters", {"metadata": {"a": 1}}))

    reply = racing_api.patch("/v1/buckets/posters", {"description": "Mine"}, headers={"If-Match": etag})

    assert (reply.status, reply.error["code"]) == (412, "revision_stale")
    assert api.get("/v1/buckets/posters").json["description"] is None


@pytest.mark.parametrize(("change", "status"), [("lock", 403), ("archive", 409)])
def test_a_patch_overtaken_by_the_operator_is_rejected(world: World, api: Api, change: str, status: int) -> None:
    bucket = api.post("/v1/buckets", bucket_body()).json
    partition = f"NS#{world.organization_id}.{api.get('/v1/namespaces/films').json['namespace_id']}"
    buckets = world.services.buckets

    def change_by_operator() -> None:
        if change == "lock":
            buckets.set_lock(partition, bucket["bucket_id"], locked=True)
        else:
            buckets.set_status(partition, bucket["bucket_id"], "ARCHIVED")

    reply = interleaved(world, change_by_operator).patch("/v1/buckets/posters", {"description": "Mine"})

    assert reply.status == status, json.dumps(reply.json)
    assert api.get("/v1/buckets/posters").json["description"] is None


def sources(api: Api, bucket_id: str) -> list[str]:
    adapter = api.get(f"/v1/buckets/{bucket_id}").json["source_adapter"] or {}
    return list(adapter.get("source_bucket_ids", []))


def create_buckets(api: Api, number: int) -> list[str]:
    return [api.post("/v1/buckets", bucket_body(f"b{n}")).json["bucket_id"] for n in range(number)]


def test_an_adapter_overtaken_by_the_other_half_of_a_cycle_is_rejected(world: World, api: Api) -> None:
    first, second = create_buckets(api, 2)
    racing_api = interleaved(world, lambda: api.patch(f"/v1/buckets/{second}", adapter_with_sources(first)))

    reply = racing_api.patch(f"/v1/buckets/{first}", adapter_with_sources(second))

    assert (reply.status, reply.error["code"]) == (409, "adapter_cycle")
    assert reply.error["details"]["cycle"] == [first, second, first]
    assert (sources(api, first), sources(api, second)) == ([], [first])


def test_an_adapter_and_a_rename_overtaken_by_the_other_half_are_rejected_together(world: World, api: Api) -> None:
    first, second, third = create_buckets(api, 3)
    api.patch(f"/v1/buckets/{second}", adapter_with_sources(third))
    racing_api = interleaved(world, lambda: api.patch(f"/v1/buckets/{third}", adapter_with_sources(first)))

    reply = racing_api.patch(f"/v1/buckets/{first}", {"bucket_name": "new", **adapter_with_sources(second)})

    assert reply.status == 409
    assert api.get("/v1/buckets/b0").json["bucket_id"] == first
    assert api.get("/v1/buckets/new").status == 404


def test_an_adapter_overtaken_by_one_that_closes_no_cycle_is_stored(world: World, api: Api) -> None:
    first, second, third = create_buckets(api, 3)
    racing_api = interleaved(world, lambda: api.patch(f"/v1/buckets/{second}", adapter_with_sources(third)))

    assert racing_api.patch(f"/v1/buckets/{first}", adapter_with_sources(second)).status == 200
    assert (sources(api, first), sources(api, second)) == ([second], [third])


def test_a_creation_overtaken_by_another_adapter_is_made_once(world: World, api: Api) -> None:
    first, second = create_buckets(api, 2)
    racing_api = interleaved(world, lambda: api.patch(f"/v1/buckets/{first}", adapter_with_sources(second)))

    made = racing_api.post("/v1/buckets", bucket_body("new", **adapter_with_sources(first)))

    assert made.status == 200, made.text
    assert sources(api, made.json["bucket_id"]) == [first]
    assert bucket_count(api) == 3
    assert len(api.get("/v1/buckets").json["results"]) == 3


def test_one_of_the_concurrent_adapters_of_a_cycle_is_rejected(api: Api) -> None:
    ids = create_buckets(api, 8)

    def feed(number: int) -> Callable[[], ApiResponse]:
        return lambda: api.patch(f"/v1/buckets/{ids[number]}", adapter_with_sources(ids[number - 1]))

    replies = run_concurrently([feed(number) for number in range(len(ids))])

    assert Counter(reply.status for reply in replies) == {200: len(ids) - 1, 409: 1}
    for number, reply in enumerate(replies):
        assert sources(api, ids[number]) == ([ids[number - 1]] if reply.status == 200 else [])


def test_if_match_fails_for_a_change_of_the_bucket_and_not_of_another_adapter(world: World, api: Api) -> None:
    first, second, third = create_buckets(api, 3)
    etag = api.get(f"/v1/buckets/{first}").headers["ETag"]
    racing_api = interleaved(world, lambda: api.patch(f"/v1/buckets/{second}", adapter_with_sources(third)))

    reply = racing_api.patch(f"/v1/buckets/{first}", adapter_with_sources(third), headers={"If-Match": etag})

    assert (reply.status, reply.headers["ETag"]) == (200, f'"{first}-2-0"')


def test_an_etag_is_valid_for_one_bucket_only(api: Api) -> None:
    first, second = (api.post("/v1/buckets", bucket_body(name)) for name in ("first", "second"))
    other = {"If-Match": first.headers["ETag"], "If-None-Match": first.headers["ETag"]}

    assert first.headers["ETag"] != second.headers["ETag"]
    assert api.patch("/v1/buckets/second", {"description": "x"}, headers=other).status == 412
    assert api.get("/v1/buckets/second", headers=other).status == 200
    assert api.get("/v1/buckets/first", headers=other).status == 304
