"""Whatever happens at once, names stay unique, counts stay right and no update is lost."""

from __future__ import annotations

import json
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
from tests.support.world import World, bucket_body

THREADS = 64


def bucket_count(api: Api) -> int:
    return int(api.get("/v1/namespaces/films").json["bucket_count"])


def test_of_many_that_create_one_name_one_wins(api: Api) -> None:
    replies = run_concurrently([lambda: api.post("/v1/buckets", bucket_body("posters"))] * THREADS)

    assert Counter(reply.status for reply in replies) == {200: 1, 409: THREADS - 1}
    (winner,) = (reply.json["bucket_id"] for reply in replies if reply.status == 200)
    assert {reply.error["details"]["bucket_id"] for reply in replies if reply.status == 409} == {winner}
    assert [row["bucket_id"] for row in api.get("/v1/buckets").json["results"]] == [winner]
    assert bucket_count(api) == 1


def test_of_many_renamed_to_one_name_one_wins(api: Api) -> None:
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


def test_patches_that_mind_the_etag_lose_no_update(api: Api) -> None:
    api.post("/v1/buckets", bucket_body(metadata={"count": 0}))

    def count_up() -> ApiResponse:
        while True:
            seen = api.get("/v1/buckets/posters")
            counted = {"metadata": {"count": seen.json["metadata"]["count"] + 1}}
            reply = api.patch("/v1/buckets/posters", counted, headers={"If-Match": seen.headers["ETag"]})
            if reply.status != 412:
                return reply

    replies = run_concurrently([count_up] * 12)

    assert {reply.status for reply in replies} == {200}
    assert api.get("/v1/buckets/posters").json["metadata"] == {"count": 12}


def test_patches_of_different_fields_at_once_all_hold(api: Api) -> None:
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
    """A store in which something else happens between a read and the write that follows it."""

    def __init__(self, store: BucketStore, meanwhile: Callable[[], object]) -> None:
        super().__init__(store._table)
        self._meanwhile: Callable[[], object] | None = meanwhile

    def replace(self, partition: str, old: Bucket, new: Bucket, *, adapters: int | None = None) -> None:
        happens, self._meanwhile = self._meanwhile, None
        if happens is not None:
            happens()
        super().replace(partition, old, new, adapters=adapters)

    def add(self, partition: str, bucket: Bucket, *, adapters: int | None = None) -> None:
        happens, self._meanwhile = self._meanwhile, None
        if happens is not None:
            happens()
        super().add(partition, bucket, adapters=adapters)


def interleaved(world: World, meanwhile: Callable[[], object]) -> Api:
    """An API whose next change of a bucket is overtaken by something else."""
    store = Interleaved(world.services.buckets.store, meanwhile)
    services: Services = replace(world.services, buckets=replace(world.services.buckets, store=store))
    return Api(lambda: services, world.key, "films")


def test_a_rename_overtaken_by_a_creation_of_the_name_is_refused(world: World, api: Api) -> None:
    api.post("/v1/buckets", bucket_body("old"))
    overtaken = interleaved(world, lambda: api.post("/v1/buckets", bucket_body("new")))

    assert overtaken.patch("/v1/buckets/old", {"bucket_name": "new"}).status == 409
    assert api.get("/v1/buckets/old").status == api.get("/v1/buckets/new").status == 200


def test_a_rename_overtaken_by_another_rename_leaves_one_name(world: World, api: Api) -> None:
    bucket_id = api.post("/v1/buckets", bucket_body("old")).json["bucket_id"]
    overtaken = interleaved(world, lambda: api.patch("/v1/buckets/old", {"bucket_name": "first"}))

    assert overtaken.patch(f"/v1/buckets/{bucket_id}", {"bucket_name": "second"}).status == 200
    assert api.get("/v1/buckets/second").json["bucket_id"] == bucket_id
    assert api.get("/v1/buckets/first").status == api.get("/v1/buckets/old").status == 404
    assert api.post("/v1/buckets", bucket_body("first")).status == 200


def test_a_patch_overtaken_by_another_keeps_both(world: World, api: Api) -> None:
    api.post("/v1/buckets", bucket_body())
    overtaken = interleaved(world, lambda: api.patch("/v1/buckets/posters", {"metadata": {"a": 1}}))

    changed = overtaken.patch("/v1/buckets/posters", {"description": "Mine"}).json

    assert (changed["description"], changed["metadata"]) == ("Mine", {"a": 1})


def test_a_patch_with_an_etag_overtaken_by_another_is_refused(world: World, api: Api) -> None:
    etag = api.post("/v1/buckets", bucket_body()).headers["ETag"]
    overtaken = interleaved(world, lambda: api.patch("/v1/buckets/posters", {"metadata": {"a": 1}}))

    reply = overtaken.patch("/v1/buckets/posters", {"description": "Mine"}, headers={"If-Match": etag})

    assert (reply.status, reply.error["code"]) == (412, "revision_stale")
    assert api.get("/v1/buckets/posters").json["description"] is None


@pytest.mark.parametrize(("meanwhile", "status"), [("lock", 403), ("archive", 409)])
def test_a_patch_overtaken_by_the_operator_is_refused(world: World, api: Api, meanwhile: str, status: int) -> None:
    bucket = api.post("/v1/buckets", bucket_body()).json
    partition = f"NS#{world.organization_id}.{api.get('/v1/namespaces/films').json['namespace_id']}"
    buckets = world.services.buckets

    def operate() -> None:
        if meanwhile == "lock":
            buckets.set_lock(partition, bucket["bucket_id"], locked=True)
        else:
            buckets.set_status(partition, bucket["bucket_id"], "ARCHIVED")

    reply = interleaved(world, operate).patch("/v1/buckets/posters", {"description": "Mine"})

    assert reply.status == status, json.dumps(reply.json)
    assert api.get("/v1/buckets/posters").json["description"] is None


def fed_by(*ids: str) -> dict[str, Any]:
    return {"source_adapter": {"adapter_type": "bucket", "source_bucket_ids": list(ids)}}


def sources(api: Api, bucket_id: str) -> list[str]:
    adapter = api.get(f"/v1/buckets/{bucket_id}").json["source_adapter"] or {}
    return list(adapter.get("source_bucket_ids", []))


def some(api: Api, number: int) -> list[str]:
    return [api.post("/v1/buckets", bucket_body(f"b{n}")).json["bucket_id"] for n in range(number)]


def test_an_adapter_overtaken_by_the_other_half_of_a_cycle_is_refused(world: World, api: Api) -> None:
    first, second = some(api, 2)
    overtaken = interleaved(world, lambda: api.patch(f"/v1/buckets/{second}", fed_by(first)))

    reply = overtaken.patch(f"/v1/buckets/{first}", fed_by(second))

    assert (reply.status, reply.error["code"]) == (409, "adapter_cycle")
    assert reply.error["details"]["cycle"] == [first, second, first]
    assert (sources(api, first), sources(api, second)) == ([], [first])


def test_an_adapter_and_a_rename_overtaken_by_the_other_half_are_refused_together(world: World, api: Api) -> None:
    first, second, third = some(api, 3)
    api.patch(f"/v1/buckets/{second}", fed_by(third))
    overtaken = interleaved(world, lambda: api.patch(f"/v1/buckets/{third}", fed_by(first)))

    reply = overtaken.patch(f"/v1/buckets/{first}", {"bucket_name": "new", **fed_by(second)})

    assert reply.status == 409
    assert api.get("/v1/buckets/b0").json["bucket_id"] == first
    assert api.get("/v1/buckets/new").status == 404


def test_an_adapter_overtaken_by_one_that_closes_no_cycle_is_stored(world: World, api: Api) -> None:
    first, second, third = some(api, 3)
    overtaken = interleaved(world, lambda: api.patch(f"/v1/buckets/{second}", fed_by(third)))

    assert overtaken.patch(f"/v1/buckets/{first}", fed_by(second)).status == 200
    assert (sources(api, first), sources(api, second)) == ([second], [third])


def test_a_creation_overtaken_by_another_adapter_is_made_once(world: World, api: Api) -> None:
    first, second = some(api, 2)
    overtaken = interleaved(world, lambda: api.patch(f"/v1/buckets/{first}", fed_by(second)))

    made = overtaken.post("/v1/buckets", bucket_body("new", **fed_by(first)))

    assert made.status == 200, made.text
    assert sources(api, made.json["bucket_id"]) == [first]
    assert bucket_count(api) == 3
    assert len(api.get("/v1/buckets").json["results"]) == 3


def test_of_adapters_that_would_close_a_ring_one_is_refused(api: Api) -> None:
    ids = some(api, 8)

    def feed(number: int) -> Callable[[], ApiResponse]:
        return lambda: api.patch(f"/v1/buckets/{ids[number]}", fed_by(ids[number - 1]))

    replies = run_concurrently([feed(number) for number in range(len(ids))])

    assert Counter(reply.status for reply in replies) == {200: len(ids) - 1, 409: 1}
    for number, reply in enumerate(replies):
        assert sources(api, ids[number]) == ([ids[number - 1]] if reply.status == 200 else [])


def test_who_minds_an_etag_is_told_of_another_change_and_not_of_another_adapter(world: World, api: Api) -> None:
    first, second, third = some(api, 3)
    etag = api.get(f"/v1/buckets/{first}").headers["ETag"]
    overtaken = interleaved(world, lambda: api.patch(f"/v1/buckets/{second}", fed_by(third)))

    reply = overtaken.patch(f"/v1/buckets/{first}", fed_by(third), headers={"If-Match": etag})

    assert (reply.status, reply.headers["ETag"]) == (200, f'"{first}-2-0"')


def test_an_etag_names_one_bucket_alone(api: Api) -> None:
    first, second = (api.post("/v1/buckets", bucket_body(name)) for name in ("first", "second"))
    other = {"If-Match": first.headers["ETag"], "If-None-Match": first.headers["ETag"]}

    assert first.headers["ETag"] != second.headers["ETag"]
    assert api.patch("/v1/buckets/second", {"description": "x"}, headers=other).status == 412
    assert api.get("/v1/buckets/second", headers=other).status == 200
    assert api.get("/v1/buckets/first", headers=other).status == 304
