"""The health operations: light and open, deep on demand, and degraded is no failure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NoReturn

import pytest

from chalicelib.health.checks import Checks
from chalicelib.wiring import build
from tests.support.api import Api
from tests.support.seeding import traffic
from tests.support.world import World

DEPENDENCIES = ["cache", "metadata", "vector_store", "object_storage", "task_queue", "inference"]


@pytest.fixture
def anyone(world: World) -> Api:
    return world.api(key="", namespace="")


def failing(world: World) -> Api:
    """The API over a database that does not answer."""

    def fail() -> None:
        raise ConnectionError("secret-host:8000 refused")

    services = replace(world.services, checks=Checks({"metadata": fail}))
    return Api(lambda: services, world.key)


@pytest.mark.parametrize(("path", "status"), [("/v1/health", "OK"), ("/v1/health/liveness", "ok")])
def test_the_light_checks_are_open_and_ask_nothing(world: World, anyone: Api, path: str, status: str) -> None:
    with traffic(world) as seen:
        for api in (anyone, world.api(key="wrong"), world.api(namespace="nowhere")):
            reply = api.get(path)
            assert (reply.status, reply.json) == (200, {"status": status})

    assert seen.calls == []


def report(reply: Any) -> dict[str, Any]:
    assert reply.status == 200, reply.text
    return dict(reply.json)


def test_the_deep_check_asks_the_database_and_names_what_is_not_deployed(world: World, anyone: Api) -> None:
    deep = report(world.api(namespace="").get("/v1/health/deep"))

    assert deep == report(anyone.get("/v1/health", query={"deep": "true"}))
    assert (deep["status"], deep["data"]) == ("OK", dict.fromkeys(DEPENDENCIES, True))
    assert deep["errors"] == dict.fromkeys(DEPENDENCIES)
    assert deep["meta"] == {
        "not_deployed": ["cache", "vector_store", "inference"],
        "not_asked": ["object_storage", "task_queue"],
    }


def test_metrics_say_how_long_each_took(world: World, anyone: Api) -> None:
    for reply in (
        world.api().get("/v1/health/deep", query={"metrics": "true"}),
        anyone.get("/v1/health", query={"metrics": "true"}),
    ):
        assert list(report(reply)["meta"]["milliseconds"]) == ["metadata"]


def test_a_dependency_that_fails_makes_it_degraded_with_a_200(world: World) -> None:
    api = failing(world)

    for reply in (api.get("/v1/health/deep"), api.using(key="").get("/v1/health", query={"deep": "true"})):
        found = report(reply)
        assert (found["status"], found["data"]["metadata"], found["data"]["cache"]) == ("DEGRADED", False, True)
        assert found["errors"]["metadata"] == "ConnectionError"
        assert "secret-host" not in reply.text
    assert api.get("/v1/health").json == {"status": "OK"}


def test_health_is_asked_for_through_a_client_that_soon_gives_up(world: World) -> None:
    def refused() -> NoReturn:
        raise ConnectionError("secret-host:8000 refused")

    services = build(world.settings, world.client, lambda: world.s3, probe=refused, clock=world.clock)
    assert report(Api(lambda: services, world.key).get("/v1/health/deep"))["errors"]["metadata"] == "ConnectionError"


def test_deep_asks_for_the_table_of_objects_too(world: World) -> None:
    settings = replace(world.settings, objects_table="no-such-table")
    services = build(settings, world.client, lambda: world.s3, clock=world.clock)
    api = Api(lambda: services, world.key)

    for words, status in ({}, "OK"), ({"deep": "false"}, "OK"), ({"deep": "true"}, "DEGRADED"):
        assert report(api.get("/v1/health/deep", query=words))["status"] == status
    for words, status in ({"metrics": "true"}, "OK"), ({"deep": "true"}, "DEGRADED"):
        assert report(api.using(key="").get("/v1/health", query=words))["status"] == status


def test_the_deep_check_needs_a_key(world: World, anyone: Api) -> None:
    assert anyone.get("/v1/health/deep").status == 401
    assert world.api(key="sk_wrong").get("/v1/health/deep").status == 401


@pytest.mark.parametrize("query", [{"deep": "perhaps"}, {"colour": "red"}, {"deep": ["true", "false"]}])
@pytest.mark.parametrize("path", ["/v1/health", "/v1/health/deep", "/v1/health/liveness"])
def test_words_that_mean_nothing_are_refused(world: World, path: str, query: dict[str, str]) -> None:
    assert world.api().get(path, query=query).status == 422
