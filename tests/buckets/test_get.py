"""Reading a bucket: by id or name, with its totals, and with If-None-Match."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.support.api import Api
from tests.support.catalog import put_tally
from tests.support.world import World, bucket_body

TOTALS: dict[str, Any] = {
    "object_count": 3,
    "total_size_bytes": 100,
    "failed_object_count": 1,
    "max_size_bytes": 60,
    "min_size_bytes": 10,
    "last_upload_at": "2026-01-02T00:00:00.000Z",
    "stats_updated_at": "2026-01-02T00:00:01.000Z",
    "revision": 7,
}


@pytest.fixture
def bucket(api: Api) -> dict[str, Any]:
    return dict(api.post("/v1/buckets", bucket_body()).json)


@pytest.mark.parametrize("name", ["posters", "a b", "50%", "a+b", "ünï", "a?b&c=d", "x#y", "a%2Fb"])
def test_a_bucket_is_found_by_id_and_by_name(api: Api, name: str) -> None:
    made = api.post("/v1/buckets", bucket_body(name)).json

    assert api.get(f"/v1/buckets/{made['bucket_id']}").json == made
    assert api.get(f"/v1/buckets/{quote(name, safe='')}").json == made


@pytest.mark.parametrize("identifier", ["other", "POSTERS", "bkt_0000000000000000", "x" * 101, "%00", "#TOTALS"])
def test_an_unknown_bucket_is_not_found(api: Api, bucket: dict[str, Any], identifier: str) -> None:
    reply = api.get(f"/v1/buckets/{quote(identifier, safe='%')}")

    details = {"resource": "bucket", "id": identifier.replace("%00", "\0")}
    assert (reply.status, reply.error["type"], reply.error["details"]) == (404, "NotFoundError", details)


def test_a_bucket_of_another_namespace_is_not_found(api: Api, bucket: dict[str, Any]) -> None:
    api.post("/v1/namespaces", {"namespace_name": "music"})
    elsewhere = api.using(namespace="music")

    for identifier in (bucket["bucket_id"], "posters"):
        assert elsewhere.get(f"/v1/buckets/{identifier}").status == 404
        assert elsewhere.patch(f"/v1/buckets/{identifier}", {"description": "mine"}).status == 404


def test_totals_are_those_of_the_tally(world: World, api: Api, bucket: dict[str, Any]) -> None:
    put_tally(world, bucket["bucket_id"], **TOTALS)

    shown = api.get("/v1/buckets/posters").json

    names = ("object_count", "total_size_bytes", "failed_object_count", "last_upload_at", "stats_updated_at")
    assert {name: shown[name] for name in names} == {name: TOTALS[name] for name in names}
    assert shown["batch_stats"] == dict.fromkeys(("total", "active", "completed", "failed"), 0)
    assert shown["storage_stats"] == {
        "total_size_bytes": 100,
        "avg_size_bytes": 33,
        "max_size_bytes": 60,
        "min_size_bytes": 10,
    }
    assert shown["updated_at"] == bucket["updated_at"]


def test_totals_of_a_bucket_are_not_those_of_its_neighbors(world: World, api: Api) -> None:
    ids = [api.post("/v1/buckets", bucket_body(name)).json["bucket_id"] for name in "abcd"]
    put_tally(world, ids[1], object_count=5)
    put_tally(world, ids[3], object_count=7)
    counts = {"a": 0, "b": 5, "c": 0, "d": 7}

    for direction in ("asc", "desc"):
        for field in ("created_at", "bucket_name", "metadata.x"):
            body = {"sort": {"field": field, "direction": direction}}
            rows = api.post("/v1/buckets/list", body).json["results"]
            assert {row["bucket_name"]: row["object_count"] for row in rows} == counts
    assert {name: api.get(f"/v1/buckets/{name}").json["object_count"] for name in "abcd"} == counts


def test_a_response_that_the_caller_already_has_is_not_sent_again(api: Api, bucket: dict[str, Any]) -> None:
    etag = api.get("/v1/buckets/posters").headers["ETag"]

    for header in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        reply = api.get("/v1/buckets/posters", headers={"If-None-Match": header})
        assert (reply.status, reply.text, reply.headers["ETag"]) == (304, "", etag)
    for header in ('"x"', '"1"', "1-0", ""):
        assert api.get("/v1/buckets/posters", headers={"If-None-Match": header}).status == 200


def test_changed_totals_and_changes_of_a_bucket_change_the_etag(world: World, api: Api, bucket: dict[str, Any]) -> None:
    etags = [api.get("/v1/buckets/posters").headers["ETag"]]

    put_tally(world, bucket["bucket_id"], object_count=1, revision=1)
    etags.append(api.get("/v1/buckets/posters", headers={"If-None-Match": etags[0]}).headers["ETag"])
    etags.append(api.patch("/v1/buckets/posters", {"description": "x"}).headers["ETag"])
    etags.append(api.put("/v1/buckets/posters", {"description": "y"}).headers["ETag"])

    assert len(set(etags)) == 4
    for etag in etags[:-1]:
        assert api.get("/v1/buckets/posters", headers={"If-None-Match": etag}).status == 200
    assert api.get("/v1/buckets/posters", headers={"If-None-Match": etags[-1]}).status == 304


def test_reading_accepts_no_query_parameters(api: Api, bucket: dict[str, Any]) -> None:
    reply = api.get("/v1/buckets/posters", query={"verbose": "true"})

    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["query", "verbose"])
