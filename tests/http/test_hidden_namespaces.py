"""A key with scopes cannot measure whether a namespace outside its scopes exists: the calls to AWS are the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.access.models import ResourceScope
from tests.support.api import Api, ApiResponse
from tests.support.seeding import traffic
from tests.support.world import World, bucket_body

HIDDEN = "press"
MISSING = "nowhere"


@pytest.fixture
def hidden_id(world: World) -> str:
    made = world.api().post("/v1/namespaces", {"namespace_name": HIDDEN, "description": "x" * 100_000})
    assert made.status == 200, made.text
    return str(made.json["namespace_id"])


@pytest.fixture
def bucket_id(world: World) -> str:
    return str(world.api().post("/v1/buckets", bucket_body()).json["bucket_id"])


SCOPES = {
    "namespace": ("namespace", "films"),
    "pattern": ("namespace", "fil*"),
    "bucket": ("bucket", ""),
    "all buckets": ("bucket", "*"),
}


def scoped(world: World, name: str, bucket_id: str) -> Api:
    resource_type, resource_id = SCOPES[name]
    scope = ResourceScope(resource_type, resource_id or bucket_id)
    return world.api(key=world.key_for(world.organization_id, scopes=[scope]))


def requests(api: Api, namespace: str, bucket_id: str) -> Iterator[ApiResponse]:
    """Sends requests in and for a namespace, the same ones twice."""
    for _ in range(2):
        inside = api.using(namespace=namespace)
        yield inside.get("/v1/buckets")
        yield inside.get(f"/v1/buckets/{bucket_id}")
        yield inside.patch(f"/v1/buckets/{bucket_id}", {"description": "new"})
        yield inside.post(f"/v1/buckets/{bucket_id}/objects", {"title": "M"})
        yield api.get(f"/v1/namespaces/{namespace}")


def observed(world: World, api: Api, namespace: str, bucket_id: str) -> list[tuple[object, ...]]:
    """Returns the response and the calls to AWS of each request."""
    seen: list[tuple[object, ...]] = []
    api.get(f"/v1/buckets/{bucket_id}")  # the key is in the cache
    replies = requests(api, namespace, bucket_id)
    while True:
        with traffic(world) as calls:
            reply = next(replies, None)
        if reply is None:
            return seen
        seen.append((reply.status, reply.text.replace(namespace, "…"), tuple(calls.calls)))


@pytest.mark.parametrize("known_to_others", [False, True])
@pytest.mark.parametrize("by", ["id", "name"])
@pytest.mark.parametrize("scope", SCOPES)
def test_a_hidden_namespace_takes_the_same_calls_as_one_that_does_not_exist(
    world: World, hidden_id: str, bucket_id: str, scope: str, by: str, known_to_others: bool
) -> None:
    api, hidden = scoped(world, scope, bucket_id), hidden_id if by == "id" else HIDDEN
    if known_to_others:  # another caller's request has put it into the cache
        assert world.api(namespace=hidden).get("/v1/buckets").status == 200
    of_hidden = observed(world, api, hidden, bucket_id)
    assert of_hidden == observed(world, api, MISSING, bucket_id)
    assert {status for status, *_ in of_hidden} == {404}


@pytest.mark.parametrize("scope", SCOPES)
def test_a_visible_namespace_is_looked_up_once(world: World, bucket_id: str, scope: str) -> None:
    api = scoped(world, scope, bucket_id)
    world.services.namespaces.resolved.clear()
    # The first request also reads the key, and the namespace in two calls. Each request reads the bucket.
    for expected in (["GetItem", "GetItem", "Query", "Query"], ["Query"], ["Query"]):
        with traffic(world) as calls:
            assert api.get(f"/v1/buckets/{bucket_id}").status == 200
        assert calls.calls == expected


def test_a_namespace_that_is_being_deleted_is_hidden_too(world: World, hidden_id: str, bucket_id: str) -> None:
    api = scoped(world, "bucket", bucket_id)
    admin = world.api(key=world.key_for(world.organization_id, "admin"))
    assert admin.call("DELETE", f"/v1/namespaces/{HIDDEN}").status == 200
    assert observed(world, api, hidden_id, bucket_id) == observed(world, api, MISSING, bucket_id)


def test_a_key_with_a_bucket_scope_finds_a_namespace_that_is_created_later(world: World) -> None:
    api = world.api(key=world.key_for(world.organization_id, scopes=[ResourceScope("bucket", "*")]), namespace="later")
    assert api.get("/v1/buckets/bkt_0000000000000000").status == 404
    assert world.api().post("/v1/namespaces", {"namespace_name": "later"}).status == 200
    made = world.api(namespace="later").post("/v1/buckets", bucket_body()).json["bucket_id"]
    assert api.get(f"/v1/buckets/{made}").status == 200


def test_a_namespace_that_is_renamed_becomes_visible_and_hidden(world: World, hidden_id: str, bucket_id: str) -> None:
    api = scoped(world, "pattern", bucket_id)
    assert api.get(f"/v1/namespaces/{hidden_id}").status == 404
    assert world.api().patch(f"/v1/namespaces/{hidden_id}", {"namespace_name": "film-press"}).status == 200
    assert api.get(f"/v1/namespaces/{hidden_id}").status == 200
    assert world.api().patch(f"/v1/namespaces/{hidden_id}", {"namespace_name": HIDDEN}).status == 200
    assert api.get(f"/v1/namespaces/{hidden_id}").status == 404
