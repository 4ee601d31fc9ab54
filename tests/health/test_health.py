"""The health operations."""

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
def anonymous(world: World) -> Api:
    return world.api(key="", namespace="")


def failing(world: World) -> Api:
    """Returns a client of an API whose database does not respond."""

    def fail() -> None:
        raise ConnectionError("secret-host:8000 refused")

    services = replace(world.services, checks=Checks({"metadata": fail}))
    return Api(lambda: services, world.key)


@pytest.mark.parametrize(("path", "status"), [("/v1/health", "OK"), ("/v1/health/liveness", "ok")])
def test_the_shallow_checks_need_no_key_and_call_no_dependency(
    world: World, anonymous: Api, path: str, status: str
) -> None:
    with traffic(world) as seen:
        for api in (anonymous, world.api(key="wrong"), world.api(namespace="nowhere")):
            reply = api.get(path)
            assert (reply.status, reply.json) == (200, {"status": status})

    assert seen.calls == []


def report(reply: Any) -> dict[str, Any]:
    assert reply.status == 200, reply.text
    return dict(reply.json)


def test_the_deep_check_reads_the_database_and_lists_what_is_not_deployed(world: World, anonymous: Api) -> None:
    deep = report(world.api(namespace="").get("/v1/health/deep"))

    assert deep == report(anonymous.get("/v1/health", query={"deep": "true"}))
    assert (deep["status"], deep["data"]) == ("OK", dict.fromkeys(DEPENDENCIES, True))
    assert deep["errors"] == dict.fromkeys(DEPENDENCIES)
    assert deep["meta"] == {
        "not_deployed": ["cache", "vector_store", "inference"],
        "not_asked": ["object_storage", "task_queue"],
    }


def test_metrics_contain_the_duration_of_each_check(world: World, anonymous: Api) -> None:
    for reply in (
        world.api().get("/v1/health/deep", query={"metrics": "true"}),
        anonymous.get("/v1/health", query={"metrics": "true"}),
    ):
        assert list(report(reply)["meta"]["milliseconds"]) == ["metadata"]


def test_a_failed_dependency_is_reported_as_degraded_with_status_200(world: World) -> None:
    api = failing(world)

    for reply in (api.get("/v1/health/deep"), api.using(key="").get("/v1/health", query={"deep": "true"})):
        found = report(reply)
        assert (found["status"], found["data"]["metadata"], found["data"]["cache"]) == ("DEGRADED", False, True)
        assert found["errors"]["metadata"] == "ConnectionError"
        assert "secret-host" not in reply.text
    assert api.get("/v1/health").json == {"status": "OK"}


def test_health_uses_a_separate_client(world: World) -> None:
    def unreachable() -> NoReturn:
        raise ConnectionError("secret-host:8000 refused")

    services = build(world.settings, world.client, lambda: world.s3, probe=unreachable, clock=world.clock)
    assert report(Api(lambda: services, world.key).get("/v1/health/deep"))["errors"]["metadata"] == "ConnectionError"


def test_deep_also_checks_the_objects_table(world: World) -> None:
    settings = replace(world.settings, objects_table="no-such-table")
    services = build(settings, world.client, lambda: world.s3, clock=world.clock)
    api = Api(lambda: services, world.key)

    for query, status in ({}, "OK"), ({"deep": "false"}, "OK"), ({"deep": "true"}, "DEGRADED"):
        assert report(api.get("/v1/health/deep", query=query))["status"] == status
    for query, status in ({"metrics": "true"}, "OK"), ({"deep": "true"}, "DEGRADED"):
        assert report(api.using(key="").get("/v1/health", query=query))["status"] == status


def test_the_deep_check_needs_a_key(world: World, anonymous: Api) -> None:
    assert anonymous.get("/v1/health/deep").status == 401
    assert world.api(key="sk_wrong").get("/v1/health/deep").status == 401


@pytest.mark.parametrize("query", [{"deep": "perhaps"}, {"colour": "red"}, {"deep": ["true", "false"]}])
@pytest.mark.parametrize("path", ["/v1/health", "/v1/health/deep", "/v1/health/liveness"])
def test_invalid_query_parameters_are_rejected(world: World, path: str, query: dict[str, str]) -> None:
    assert world.api().get(path, query=query).status == 422
