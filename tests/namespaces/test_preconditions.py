"""ETags of namespaces and conditional requests."""

from __future__ import annotations

import pytest

from chalicelib.namespaces.store import NAME_RESERVATION_SECONDS
from tests.support.api import Api
from tests.support.catalog import put_namespace_tally
from tests.support.world import World, bucket_body

PATH = "/v1/namespaces/films"


def etag(api: Api, path: str = PATH) -> str:
    return str(api.get(path).headers["ETag"])


def test_every_response_with_one_namespace_has_its_etag(api: Api) -> None:
    made = api.post("/v1/namespaces", {"namespace_name": "music", "namespace_id": "so-und-1"})

    assert made.headers["ETag"] == etag(api, "/v1/namespaces/music") == '"so-und-1-1-0.0"'
    for method in ("PATCH", "PUT"):
        before = etag(api)
        after = api.call(method, PATH, {"namespace_name": f"films by {method}"}).headers["ETag"]
        assert after != before
        api.call(method, f"/v1/namespaces/films%20by%20{method}", {"namespace_name": "films"})
    assert "ETag" not in api.get("/v1/namespaces").headers
    standalone = api.post("/v1/namespaces/standalone", {"namespace_id": "alone"})
    assert standalone.headers["ETag"] == etag(api, "/v1/namespaces/alone")


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_an_update_requires_the_current_etag(api: Api, method: str) -> None:
    seen = etag(api)
    first = api.call(
        method, PATH, {"payload_indexes": [{"field_name": "a", "type": "text"}]}, headers={"If-Match": seen}
    )
    assert first.status == 200

    rejected = api.call(method, PATH, {"payload_indexes": []}, headers={"If-Match": seen})

    assert (rejected.status, rejected.error["type"], rejected.error["code"]) == (
        412,
        "PreconditionFailedError",
        "revision_stale",
    )
    assert rejected.error["details"] == {"etag": first.headers["ETag"]} == {"etag": etag(api)}
    assert len(api.get(PATH).json["payload_indexes"]) == 1
    for required in ("*", 'W/"other", {}', "W/{}"):
        again = {"If-Match": required.format(etag(api))}
        assert api.call(method, PATH, {"payload_indexes": []}, headers=again).status == 200


def test_an_etag_of_another_namespace_does_not_match(api: Api) -> None:
    api.post("/v1/namespaces", {"namespace_name": "music", "namespace_id": "a"})
    other = api.post("/v1/namespaces", {"namespace_name": "sounds", "namespace_id": "a-1"})

    for unlike in (other.headers["ETag"], etag(api), '"a-1"', '"1"', "1", '""'):
        reply = api.patch("/v1/namespaces/a", {"description": "x"}, headers={"If-Match": unlike})
        assert reply.status == 412, unlike


def test_changed_statistics_change_the_etag_of_reads_but_do_not_prevent_updates(world: World, api: Api) -> None:
    seen = etag(api)
    assert api.get(PATH, headers={"If-None-Match": seen}).status == 304
    api.post("/v1/buckets", bucket_body())
    counted = api.get(PATH, headers={"If-None-Match": seen})
    assert (counted.status, counted.json["bucket_count"]) == (200, 1)
    put_namespace_tally(world, object_count=6, revision=3)
    folded = api.get(PATH, headers={"If-None-Match": counted.headers["ETag"]})
    assert (folded.status, folded.json["object_count"]) == (200, 6)

    unchanged = api.get(PATH, headers={"If-None-Match": folded.headers["ETag"]})
    assert (unchanged.status, unchanged.text, unchanged.headers["ETag"]) == (304, "", folded.headers["ETag"])
    changed = api.patch(PATH, {"description": "x"}, headers={"If-Match": seen})
    assert (changed.status, changed.headers["ETag"]) == (200, etag(api))


def test_the_etag_of_the_former_namespace_of_a_name_does_not_match(world: World, api: Api) -> None:
    seen = etag(api)
    api.patch(PATH, {"namespace_name": "movies"})
    world.clock.advance(NAME_RESERVATION_SECONDS + 1)
    assert api.post("/v1/namespaces", {"namespace_name": "films"}).status == 200

    assert api.patch(PATH, {"description": "mine"}, headers={"If-Match": seen}).status == 412
