"""Two instances of the service, one of which has cached which namespace has a name that has changed since."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.namespaces.service import ResolvedNamespace
from chalicelib.namespaces.store import NAME_RESERVATION_SECONDS
from chalicelib.wiring import CACHE_SECONDS, build
from tests.support.api import Api, ApiResponse
from tests.support.world import World, bucket_body

NAMESPACES = "/v1/namespaces"
OLD = f"{NAMESPACES}/old"


@pytest.fixture
def other(world: World) -> Api:
    """Another instance of the service: its cache is its own."""
    services = build(world.settings, world.client, lambda: world.s3, clock=world.clock)
    return Api(lambda: services, world.key, "old")


@pytest.fixture
def namespace_id(api: Api, other: Api) -> str:
    """A namespace with the name `old`, which the other instance has cached."""
    made = api.post(NAMESPACES, {"namespace_name": "old"})
    assert (made.status, other.get("/v1/buckets").status) == (200, 200)
    return str(made.json["namespace_id"])


def test_a_name_is_reserved_for_longer_than_it_can_be_cached() -> None:
    longest_request_seconds = 30
    assert CACHE_SECONDS + longest_request_seconds < NAME_RESERVATION_SECONDS


@pytest.mark.parametrize(
    "request_to",
    [
        lambda api, path: api.call("DELETE", path),
        lambda api, path: api.patch(path, {"description": "x"}),
        lambda api, path: api.put(path, {"namespace_name": "new"}),
        lambda api, path: api.get(path),
    ],
    ids=["delete", "patch", "put", "get"],
)
def test_an_operation_by_a_former_name_does_not_find_the_renamed_namespace(
    api: Api, other: Api, namespace_id: str, request_to: Callable[[Api, str], ApiResponse]
) -> None:
    assert api.patch(OLD, {"namespace_name": "live"}).status == 200
    before = api.get(f"{NAMESPACES}/{namespace_id}").json

    assert request_to(other, OLD).status == 404
    assert api.get(f"{NAMESPACES}/{namespace_id}").json == before


def test_a_write_in_a_namespace_by_its_former_name_never_reaches_another_namespace(
    world: World, api: Api, other: Api, namespace_id: str
) -> None:
    assert api.patch(OLD, {"namespace_name": "live"}).status == 200
    taken = api.post(NAMESPACES, {"namespace_name": "old"})
    assert (taken.status, taken.error["code"]) == (409, "namespace_name_taken")
    made = other.post("/v1/buckets", bucket_body())
    assert made.status == 200
    assert world.api(namespace=namespace_id).get(f"/v1/buckets/{made.json['bucket_id']}").status == 200

    world.clock.advance(NAME_RESERVATION_SECONDS + 1)
    new = api.post(NAMESPACES, {"namespace_name": "old"}).json["namespace_id"]
    assert other.post("/v1/buckets", bucket_body()).status == 200
    assert world.api(namespace=new).get("/v1/buckets").json["total_count"] == 1


def test_a_namespace_takes_its_former_name_back_at_once(api: Api, namespace_id: str) -> None:
    assert api.patch(OLD, {"namespace_name": "live"}).status == 200
    assert api.patch(f"{NAMESPACES}/live", {"namespace_name": "old"}).json["namespace_id"] == namespace_id
    assert api.get(OLD).json["namespace_id"] == namespace_id


def test_a_look_up_that_a_rename_overtakes_is_not_cached(world: World, api: Api, namespace_id: str) -> None:
    namespaces = world.services.namespaces
    namespaces.resolved.clear()

    def overtaken(key: tuple[str, str]) -> ResolvedNamespace | None:
        found = namespaces.find(*key)
        assert api.patch(OLD, {"namespace_name": "live"}).status == 200
        return found

    assert namespaces.resolved.find((world.organization_id, "old"), overtaken) is not None
    assert namespaces.find(world.organization_id, "old") is None
