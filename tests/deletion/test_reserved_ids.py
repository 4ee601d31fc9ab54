"""The id of a deleted namespace stays reserved while an instance of the service may have cached a name for it."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from chalicelib.aws.dynamodb.expressions import all_of, begins_with, equals
from chalicelib.aws.retry import OutcomeUnknown
from chalicelib.keys import organization
from chalicelib.namespaces.store import NAME_RESERVATION_SECONDS
from chalicelib.wiring import build
from tests.deletion.conftest import Work
from tests.deletion.test_races import just_before
from tests.support.api import Api, ApiResponse
from tests.support.catalog import catalog, partition_of
from tests.support.faults import Faults, applied_then
from tests.support.racing import run_concurrently
from tests.support.world import World, bucket_body

NAMESPACES = "/v1/namespaces"
ID = "ns_again"
OLD = {"namespace_name": "old", "namespace_id": ID}
OTHER = {"namespace_name": "other", "namespace_id": ID}
BOTH = {"namespace_name": ID, "namespace_id": ID}


@pytest.fixture
def other(world: World) -> Api:
    """Another instance of the service: its cache is its own. It uses the name `old`."""
    services = build(world.settings, world.client, lambda: world.s3, clock=world.clock)
    return Api(lambda: services, world.key, "old")


def delete(api: Api, work: Work, namespace: str) -> None:
    """Deletes a namespace, and waits until it is removed."""
    begun = api.call("DELETE", f"{NAMESPACES}/{namespace}")
    assert begun.status == 200, begun.text
    assert work.complete(begun.json["task_id"]).status == "COMPLETED"


def assert_reserved(reply: ApiResponse, **named: str) -> None:
    """Checks that the response says that the id is reserved, and for how long."""
    kind = next(iter(named)).removeprefix("namespace_")
    assert (reply.status, reply.error["code"]) == (409, f"namespace_{kind}_taken"), reply.text
    details = dict(reply.error["details"])
    assert 0 < details.pop("retry_after_seconds") <= NAME_RESERVATION_SECONDS
    assert details == {"resource": "namespace", **named}


def reservations(world: World) -> list[dict[str, Any]]:
    """Returns the rows that claim or reserve a name or an id, except the name of the namespace of each test."""
    where = all_of(equals("pk", organization(world.organization_id)["pk"]), begins_with("sk", "NSNAME#"))
    return [row for row in catalog(world).query(where) if row["sk"] != "NSNAME#films"]


@pytest.mark.parametrize("new", [OTHER, BOTH, OLD], ids=["another name", "the id as name", "the same name"])
def test_a_write_by_a_cached_name_never_reaches_a_later_namespace_with_the_same_id(
    api: Api, other: Api, world: World, work: Work, new: dict[str, str]
) -> None:
    assert api.post(NAMESPACES, OLD).status == 200
    assert other.get("/v1/buckets").status == 200  # caches which namespace has the name
    delete(api, work, "old")

    made = api.post(NAMESPACES, new)
    assert other.post("/v1/buckets", bucket_body()).status in (404, 409)
    assert_reserved(made, namespace_id=ID)

    world.clock.advance(NAME_RESERVATION_SECONDS + 1)
    assert api.post(NAMESPACES, new).status == 200
    assert api.using(namespace=ID).get("/v1/buckets").json["total_count"] == 0


def test_the_id_of_a_deleted_namespace_is_reserved_as_a_name_and_in_its_organization_only(
    api: Api, world: World, work: Work
) -> None:
    api.post(NAMESPACES, OLD)
    delete(api, work, ID)

    assert_reserved(api.post(NAMESPACES, {"namespace_name": ID}), namespace_name=ID)
    assert_reserved(api.patch(f"{NAMESPACES}/films", {"namespace_name": ID}), namespace_name=ID)
    assert_reserved(api.post(f"{NAMESPACES}/standalone", {"namespace_id": ID}), namespace_id=ID)
    assert api.get(f"{NAMESPACES}/{ID}").status == 404
    assert api.post(NAMESPACES, {"namespace_name": "old"}).status == 200
    rival = api.using(key=world.key_for(world.services.access.create_organization("Rivals").organization_id))
    assert rival.post(NAMESPACES, OLD).status == 200

    world.clock.advance(NAME_RESERVATION_SECONDS + 1)
    assert api.patch(f"{NAMESPACES}/films", {"namespace_name": ID}).status == 200


@pytest.mark.parametrize("renamed", [False, True])
def test_the_id_of_a_deleted_namespace_that_was_also_its_name_is_reserved(
    api: Api, world: World, work: Work, renamed: bool
) -> None:
    api.post(NAMESPACES, BOTH)
    if renamed:
        assert api.patch(f"{NAMESPACES}/{ID}", {"namespace_name": "renamed"}).status == 200
    delete(api, work, ID)

    assert_reserved(api.post(NAMESPACES, BOTH), namespace_id=ID)
    assert_reserved(api.post(NAMESPACES, OTHER), namespace_id=ID)
    world.clock.advance(NAME_RESERVATION_SECONDS + 1)
    assert api.post(NAMESPACES, BOTH).status == 200
    assert api.get(f"{NAMESPACES}/{ID}").json["namespace_name"] == ID


def test_the_id_is_reserved_from_the_removal_of_the_namespace_on(api: Api, world: World, work: Work) -> None:
    api.post(NAMESPACES, OLD)
    task_id = api.call("DELETE", f"{NAMESPACES}/old").json["task_id"]
    task = world.services.tasks.get(world.organization_id, task_id)
    world.clock.advance(NAME_RESERVATION_SECONDS + 1)  # a deletion can take longer than the reservation
    replies: list[ApiResponse] = []

    with just_before(world.client, "TransactWriteItems", lambda: replies.append(api.post(NAMESPACES, OTHER))):
        work.do_slice(task)
    assert (replies[0].status, replies[0].error["code"]) == (409, "namespace_id_taken")
    assert_reserved(api.post(NAMESPACES, OTHER), namespace_id=ID)


def test_only_the_reservation_of_the_id_remains_of_a_namespace_and_repeated_removals_do_not_extend_it(
    api: Api, world: World, work: Work
) -> None:
    api.post(NAMESPACES, OLD)
    task_id = api.call("DELETE", f"{NAMESPACES}/old").json["task_id"]
    replies: list[ApiResponse] = []
    lost = applied_then(lambda: replies.append(api.post(NAMESPACES, OTHER)))
    task = world.services.tasks.get(world.organization_id, task_id)
    counting = Faults(world.client)
    work.do_slice(task)
    removal = counting.calls
    counting.remove()
    world.clock.advance(NAME_RESERVATION_SECONDS + 1)

    api.post(NAMESPACES, OLD)
    task_id = api.call("DELETE", f"{NAMESPACES}/old").json["task_id"]
    task = world.services.tasks.get(world.organization_id, task_id)
    faults = Faults(world.client).on(removal, lost)  # the last call of the slice
    with suppress(OutcomeUnknown):  # DynamoDB recognizes the repeated transaction, and moto does not
        work.do_slice(task)
    faults.remove()
    assert_reserved(replies[0], namespace_id=ID)
    (row,) = reservations(world)
    assert row == {**row, "sk": f"NSNAME#{ID}", "ttl": int(world.clock.now.timestamp()) + NAME_RESERVATION_SECONDS}

    world.clock.advance(NAME_RESERVATION_SECONDS / 2)
    work.do_slice(task)
    world.services.namespaces.finish_deletion(world.organization_id, ID, task_id)
    assert work.complete(task_id).status == "COMPLETED"
    assert reservations(world) == [row]
    assert work.catalog_keys(ID) == []
    world.clock.advance(NAME_RESERVATION_SECONDS / 2 + 1)
    assert api.post(NAMESPACES, OTHER).status == 200
    assert partition_of(world, "other").endswith(ID)


def test_no_request_gets_the_id_while_the_namespace_is_removed(api: Api, world: World, work: Work) -> None:
    for number in range(6):
        named = {"namespace_name": "old", "namespace_id": f"ns_{number}"}
        assert api.post(NAMESPACES, named).status == 200
        task_id = api.call("DELETE", f"{NAMESPACES}/old").json["task_id"]
        task = world.services.tasks.get(world.organization_id, task_id)
        replies: list[ApiResponse] = []

        def create(name: str, named: dict[str, str] = named, replies: list[ApiResponse] = replies) -> None:
            replies.append(api.post(NAMESPACES, {**named, "namespace_name": name}))

        run_concurrently([partial(work.do_slice, task), partial(create, "other"), partial(create, f"ns_{number}")])
        assert [reply.error["code"] for reply in replies] == ["namespace_id_taken"] * 2
        assert api.get(f"{NAMESPACES}/ns_{number}").status == 404
