"""Names and ids of namespaces. A request may use either, so each identifies at most one namespace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.namespaces.namespace import Namespace
from chalicelib.namespaces.store import NAME_RESERVATION_SECONDS, NamespaceStore
from chalicelib.services import Services
from tests.support.api import Api, ApiResponse
from tests.support.catalog import catalog
from tests.support.racing import run_concurrently
from tests.support.world import World, bucket_body

NAMESPACES = "/v1/namespaces"
NAME_TAKEN, ID_TAKEN = "namespace_name_taken", "namespace_id_taken"


@pytest.fixture
def api(world: World) -> Api:
    """A client that does not send X-Namespace, which no operation on namespaces requires."""
    return world.api(namespace="")


def request_body(name: str, id_: str | None = None) -> dict[str, Any]:
    return {"namespace_name": name, **({"namespace_id": id_} if id_ else {})}


def assert_taken(reply: ApiResponse, code: str, **named: Any) -> None:
    assert (reply.status, reply.error["type"], reply.error["code"]) == (409, "AlreadyExistsError", code)
    assert reply.error["details"] == {"resource": "namespace", **named}


def test_an_id_that_is_the_name_of_another_namespace_is_rejected(world: World, api: Api) -> None:
    world.api().post("/v1/buckets", bucket_body())

    for path in (NAMESPACES, f"{NAMESPACES}/standalone"):
        assert_taken(api.post(path, request_body("music", "films")), ID_TAKEN, namespace_id="films")

    assert world.api(namespace="films").get("/v1/buckets/posters").status == 200
    assert api.get(f"{NAMESPACES}/music").status == 404
    assert api.post(NAMESPACES, request_body("music", "sounds")).status == 200


def test_a_name_that_is_the_id_of_another_namespace_is_rejected(api: Api) -> None:
    films = api.get(f"{NAMESPACES}/films").json["namespace_id"]
    api.post(NAMESPACES, request_body("music", "sounds"))

    for id_ in (films, "sounds"):
        assert_taken(api.post(NAMESPACES, request_body(id_)), NAME_TAKEN, namespace_name=id_)
        assert_taken(api.post(NAMESPACES, request_body(id_, "other")), NAME_TAKEN, namespace_name=id_)
    assert_taken(api.patch(f"{NAMESPACES}/films", {"namespace_name": "sounds"}), NAME_TAKEN, namespace_name="sounds")
    assert api.get(f"{NAMESPACES}/sounds").json["namespace_name"] == "music"
    assert api.get(f"{NAMESPACES}/films").json["namespace_id"] == films


def test_a_namespace_may_have_its_own_id_as_its_name(world: World, api: Api) -> None:
    assert api.post(NAMESPACES, request_body("sounds", "sounds")).json["namespace_id"] == "sounds"
    assert_taken(api.post(NAMESPACES, request_body("sounds")), NAME_TAKEN, namespace_name="sounds")
    assert_taken(api.post(NAMESPACES, request_body("other", "sounds")), ID_TAKEN, namespace_id="sounds")

    assert api.patch(f"{NAMESPACES}/sounds", {"namespace_name": "music"}).status == 200
    assert_taken(api.post(NAMESPACES, request_body("sounds")), NAME_TAKEN, namespace_name="sounds")
    assert api.patch(f"{NAMESPACES}/sounds", {"namespace_name": "sounds"}).status == 200
    assert api.post(NAMESPACES, request_body("music")).error["code"] == NAME_TAKEN
    world.clock.advance(NAME_RESERVATION_SECONDS + 1)
    assert api.post(NAMESPACES, request_body("music")).status == 200


def test_a_former_name_may_be_used_as_an_id_after_its_reservation(world: World, api: Api) -> None:
    api.patch(f"{NAMESPACES}/films", {"namespace_name": "movies"})

    reply = api.post(NAMESPACES, request_body("music", "films"))
    details = {"namespace_id": "films", "retry_after_seconds": NAME_RESERVATION_SECONDS}
    assert_taken(reply, ID_TAKEN, **details)
    world.clock.advance(NAME_RESERVATION_SECONDS + 1)
    assert api.post(NAMESPACES, request_body("music", "films")).status == 200


def test_names_are_independent_between_organizations(world: World, api: Api) -> None:
    organization = world.services.access.create_organization("Rivals").organization_id
    rival = api.using(key=world.key_for(organization))

    assert rival.post(NAMESPACES, request_body("music", "films")).status == 200
    assert api.post(NAMESPACES, request_body("music")).status == 200


def test_one_of_two_concurrent_requests_for_the_same_id_and_name_succeeds(world: World, api: Api) -> None:
    for number in range(8):
        shared_name = f"word{number}"
        claims = [request_body(f"named{number}", shared_name), request_body(shared_name)]
        by_id, by_name = run_concurrently([partial(api.post, NAMESPACES, claim) for claim in claims])

        assert sorted([by_id.status, by_name.status]) == [200, 409]
        rejected = by_id if by_id.status == 409 else by_name
        assert rejected.error["code"] == (ID_TAKEN if rejected is by_id else NAME_TAKEN)
        found = api.get(f"{NAMESPACES}/{shared_name}").json
        assert shared_name in (found["namespace_id"], found["namespace_name"])


class Overtaken(NamespaceStore):
    """A store that calls a function before each write, as if another request came first."""

    def __init__(self, world: World, before_write: Callable[[], object]) -> None:
        super().__init__(catalog(world))
        self._before_write = before_write

    def add(self, organization: str, namespace: Namespace, now_s: int, *, epoch: int = 0) -> None:
        self._before_write()
        super().add(organization, namespace, now_s, epoch=epoch)

    def replace(self, organization: str, old: Namespace, new: Namespace, now_s: int) -> None:
        self._before_write()
        super().replace(organization, old, new, now_s)


def overtaken(world: World, before_write: Callable[[], object]) -> Api:
    """Returns a client of an API that calls a function before each write of a namespace."""
    store = Overtaken(world, before_write)
    services: Services = replace(world.services, namespaces=replace(world.services.namespaces, store=store))
    return Api(lambda: services, world.key)


def test_a_write_fails_if_another_request_took_the_name_or_id_before(world: World, api: Api) -> None:
    by_id = overtaken(world, lambda: api.post(NAMESPACES, request_body("reels")))
    assert_taken(by_id.post(NAMESPACES, request_body("music", "reels")), ID_TAKEN, namespace_id="reels")

    by_name = overtaken(world, lambda: api.post(NAMESPACES, request_body("first", "shorts")))
    assert_taken(by_name.post(NAMESPACES, request_body("shorts")), NAME_TAKEN, namespace_name="shorts")

    by_rename = overtaken(world, lambda: api.post(NAMESPACES, request_body("second", "movies")))
    renamed = by_rename.patch(f"{NAMESPACES}/films", {"namespace_name": "movies"})
    assert_taken(renamed, NAME_TAKEN, namespace_name="movies")
    assert api.get(f"{NAMESPACES}/films").status == 200


@pytest.mark.parametrize("name", ["films, music", "a/b: c", "Kinofilme für alle", "映画と音楽", "🎬 films"])
def test_a_namespace_with_any_name_is_found_by_name_in_the_path_and_by_id_in_the_header(
    world: World, api: Api, name: str
) -> None:
    made = api.post(NAMESPACES, request_body(name)).json

    assert api.get(f"{NAMESPACES}/{quote(name, safe='')}").json == made
    inside = world.api(namespace=made["namespace_id"])
    assert inside.post("/v1/buckets", bucket_body()).status == 200
    if name.isascii():
        assert world.api(namespace=name).get("/v1/buckets/posters").status == 200
