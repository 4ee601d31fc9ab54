"""Names and ids: a request may say either, so none of them ever means two namespaces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.namespaces.namespace import Namespace
from chalicelib.namespaces.store import NamespaceStore
from chalicelib.services import Services
from tests.support.api import Api, ApiResponse
from tests.support.racing import run_concurrently
from tests.support.world import World, bucket_body

NAMESPACES = "/v1/namespaces"
NAME_TAKEN, ID_TAKEN = "namespace_name_taken", "namespace_id_taken"


@pytest.fixture
def api(world: World) -> Api:
    """Without the header, which no operation on namespaces needs."""
    return world.api(namespace="")


def called(name: str, id_: str | None = None) -> dict[str, Any]:
    return {"namespace_name": name, **({"namespace_id": id_} if id_ else {})}


def assert_taken(reply: ApiResponse, code: str, **named: str) -> None:
    assert (reply.status, reply.error["type"], reply.error["code"]) == (409, "AlreadyExistsError", code)
    assert reply.error["details"] == {"resource": "namespace", **named}


def test_an_id_that_is_the_name_of_another_is_taken(world: World, api: Api) -> None:
    world.api().post("/v1/buckets", bucket_body())

    for path in (NAMESPACES, f"{NAMESPACES}/standalone"):
        assert_taken(api.post(path, called("music", "films")), ID_TAKEN, namespace_id="films")

    assert world.api(namespace="films").get("/v1/buckets/posters").status == 200
    assert api.get(f"{NAMESPACES}/music").status == 404
    assert api.post(NAMESPACES, called("music", "sounds")).status == 200


def test_a_name_that_is_the_id_of_another_is_taken(api: Api) -> None:
    films = api.get(f"{NAMESPACES}/films").json["namespace_id"]
    api.post(NAMESPACES, called("music", "sounds"))

    for id_ in (films, "sounds"):
        assert_taken(api.post(NAMESPACES, called(id_)), NAME_TAKEN, namespace_name=id_)
        assert_taken(api.post(NAMESPACES, called(id_, "other")), NAME_TAKEN, namespace_name=id_)
    assert_taken(api.patch(f"{NAMESPACES}/films", {"namespace_name": "sounds"}), NAME_TAKEN, namespace_name="sounds")
    assert api.get(f"{NAMESPACES}/sounds").json["namespace_name"] == "music"
    assert api.get(f"{NAMESPACES}/films").json["namespace_id"] == films


def test_a_namespace_may_be_called_by_its_own_id(api: Api) -> None:
    assert api.post(NAMESPACES, called("sounds", "sounds")).json["namespace_id"] == "sounds"
    assert_taken(api.post(NAMESPACES, called("sounds")), NAME_TAKEN, namespace_name="sounds")
    assert_taken(api.post(NAMESPACES, called("other", "sounds")), ID_TAKEN, namespace_id="sounds")

    assert api.patch(f"{NAMESPACES}/sounds", {"namespace_name": "music"}).status == 200
    assert_taken(api.post(NAMESPACES, called("sounds")), NAME_TAKEN, namespace_name="sounds")
    assert api.patch(f"{NAMESPACES}/sounds", {"namespace_name": "sounds"}).status == 200
    assert api.post(NAMESPACES, called("music")).status == 200


def test_a_name_that_was_given_up_may_be_an_id(api: Api) -> None:
    api.patch(f"{NAMESPACES}/films", {"namespace_name": "movies"})

    assert api.post(NAMESPACES, called("music", "films")).status == 200


def test_organizations_do_not_mind_each_others_names(world: World, api: Api) -> None:
    organization = world.services.access.create_organization("Rivals").organization_id
    rival = api.using(key=world.key_for(organization))

    assert rival.post(NAMESPACES, called("music", "films")).status == 200
    assert api.post(NAMESPACES, called("music")).status == 200


def test_of_an_id_and_a_name_claimed_at_once_one_wins(world: World, api: Api) -> None:
    for number in range(8):
        word = f"word{number}"
        claims = [called(f"named{number}", word), called(word)]
        by_id, by_name = run_concurrently([partial(api.post, NAMESPACES, claim) for claim in claims])

        assert sorted([by_id.status, by_name.status]) == [200, 409]
        refused = by_id if by_id.status == 409 else by_name
        assert refused.error["code"] == (ID_TAKEN if refused is by_id else NAME_TAKEN)
        found = api.get(f"{NAMESPACES}/{word}").json
        assert word in (found["namespace_id"], found["namespace_name"])


class Overtaken(NamespaceStore):
    """A store in which something else happens right before a write."""

    def __init__(self, store: NamespaceStore, meanwhile: Callable[[], object]) -> None:
        super().__init__(store._table)
        self._meanwhile = meanwhile

    def add(self, organization: str, namespace: Namespace, *, epoch: int = 0) -> None:
        self._meanwhile()
        super().add(organization, namespace, epoch=epoch)

    def replace(self, organization: str, old: Namespace, new: Namespace) -> None:
        self._meanwhile()
        super().replace(organization, old, new)


def overtaken(world: World, meanwhile: Callable[[], object]) -> Api:
    """An API each of whose writes of a namespace is overtaken by something else."""
    store = Overtaken(world.services.namespaces.store, meanwhile)
    services: Services = replace(world.services, namespaces=replace(world.services.namespaces, store=store))
    return Api(lambda: services, world.key)


def test_writes_overtaken_by_one_that_takes_the_word_are_refused(world: World, api: Api) -> None:
    by_id = overtaken(world, lambda: api.post(NAMESPACES, called("reels")))
    assert_taken(by_id.post(NAMESPACES, called("music", "reels")), ID_TAKEN, namespace_id="reels")

    by_name = overtaken(world, lambda: api.post(NAMESPACES, called("first", "shorts")))
    assert_taken(by_name.post(NAMESPACES, called("shorts")), NAME_TAKEN, namespace_name="shorts")

    by_rename = overtaken(world, lambda: api.post(NAMESPACES, called("second", "movies")))
    renamed = by_rename.patch(f"{NAMESPACES}/films", {"namespace_name": "movies"})
    assert_taken(renamed, NAME_TAKEN, namespace_name="movies")
    assert api.get(f"{NAMESPACES}/films").status == 200


@pytest.mark.parametrize("name", ["films, music", "a/b: c", "Kinofilme für alle", "映画と音楽", "🎬 films"])
def test_a_namespace_of_any_name_is_reached_by_its_name_in_a_path_and_by_its_id_in_the_header(
    world: World, api: Api, name: str
) -> None:
    made = api.post(NAMESPACES, called(name)).json

    assert api.get(f"{NAMESPACES}/{quote(name, safe='')}").json == made
    inside = world.api(namespace=made["namespace_id"])
    assert inside.post("/v1/buckets", bucket_body()).status == 200
    if name.isascii():
        assert world.api(namespace=name).get("/v1/buckets/posters").status == 200
