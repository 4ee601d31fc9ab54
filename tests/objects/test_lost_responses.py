"""A write of an object is applied, its response is lost, and another client acts before the service tries again.

The response to the first client fits some order of both requests, or has the code `unsettled`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.api import Api, ApiResponse
from tests.support.faults import Faults, applied_then
from tests.support.objects import create, create_keyed_bucket, create_object_bucket, created, listed, objects
from tests.support.slow_time import SlowTime
from tests.support.world import World

Interrupt = Callable[[int, Callable[[], object]], None]


@pytest.fixture(autouse=True)
def no_waits(time: SlowTime) -> None:
    """Waits between attempts take no time."""


@pytest.fixture
def interrupt(world: World) -> Iterator[Interrupt]:
    """Loses the response to a call to DynamoDB, by its number in the next request, and acts before the next attempt."""
    planned: list[Faults] = []

    def plan(call: int, act: Callable[[], object]) -> None:
        planned.append(Faults(world.client).on(call, applied_then(act)))

    yield plan
    for faults in planned:
        faults.remove()


@pytest.fixture
def keyed(api: Api) -> str:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    created(api, bucket, {"film_id": "caches are warm"})
    return bucket


def assert_unsettled(reply: ApiResponse) -> None:
    assert (reply.status, reply.error["code"]) == (503, "unsettled"), reply.text


def delete(api: Api, bucket: str, object_id: str) -> None:
    assert api.call("DELETE", objects(bucket, object_id)).status == 204


def film(api: Api, bucket: str) -> dict[str, Any] | None:
    """The object with the key that the tests use, or None."""
    return next((row for row in listed(api, bucket) if row["film_id"] == "m"), None)


def test_a_repeated_delete_does_not_remove_a_later_object_with_the_key(
    api: Api, keyed: str, interrupt: Interrupt
) -> None:
    made = created(api, keyed, {"film_id": "m", "title": "old"})
    interrupt(2, lambda: created(api, keyed, {"film_id": "m", "title": "new"}))
    assert_unsettled(api.call("DELETE", objects(keyed, made["object_id"])))
    found = film(api, keyed)
    assert found is not None
    assert (found["object_id"], found["title"]) == (made["object_id"], "new")


def test_a_repeated_delete_of_a_known_revision_succeeds_and_keeps_a_later_object(
    api: Api, keyed: str, interrupt: Interrupt
) -> None:
    path = objects(keyed, created(api, keyed, {"film_id": "m", "title": "old"})["object_id"])
    etag = api.get(path).headers["ETag"]
    interrupt(3, lambda: created(api, keyed, {"film_id": "m", "title": "new"}))
    assert api.call("DELETE", path, headers={"If-Match": etag}).status == 204
    assert api.get(path).json["title"] == "new"


@pytest.mark.parametrize("body", [{"film_id": "m"}, {"idempotency_key": "m"}, {"title": "no key"}], ids=str)
def test_a_repeated_create_does_not_restore_an_object_that_was_deleted(
    api: Api, interrupt: Interrupt, body: dict[str, Any]
) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert") if "film_id" in body else create_object_bucket(api)
    interrupt(3, lambda: delete(api, bucket, listed(api, bucket)[0]["object_id"]))
    assert_unsettled(create(api, bucket, body))
    assert listed(api, bucket) == []


def test_a_repeated_create_does_not_report_the_key_as_taken_by_a_later_object(
    api: Api, keyed: str, interrupt: Interrupt
) -> None:
    def replace() -> None:
        found = film(api, keyed)
        assert found is not None
        delete(api, keyed, found["object_id"])
        created(api, keyed, {"film_id": "m", "title": "theirs"})

    interrupt(2, replace)
    assert_unsettled(create(api, keyed, {"film_id": "m", "title": "mine"}))
    assert [row["title"] for row in listed(api, keyed) if row["film_id"] == "m"] == ["theirs"]


@pytest.mark.parametrize("policy", ["insert", "upsert"])
def test_a_create_that_was_changed_before_the_next_attempt_succeeds(
    api: Api, keyed: str, interrupt: Interrupt, policy: str
) -> None:
    def patch() -> None:
        found = film(api, keyed)
        assert found is not None
        assert api.patch(objects(keyed, found["object_id"]), {"title": "theirs"}).status == 200

    interrupt(2, patch)
    reply = create(api, keyed, {"film_id": "m", "title": "mine"}, policy=policy)
    assert (reply.status, reply.json["title"]) == (200, "mine")
    found = film(api, keyed)
    assert found is not None
    assert found["title"] == "theirs"


@pytest.mark.parametrize("with_etag", [True, False])
@pytest.mark.parametrize("then", ["changed", "deleted", "replaced"])
def test_an_update_that_was_applied_is_not_rejected(
    api: Api, keyed: str, interrupt: Interrupt, then: str, *, with_etag: bool
) -> None:
    path = objects(keyed, created(api, keyed, {"film_id": "m", "title": "old"})["object_id"])
    etag = api.get(path).headers["ETag"]

    def act() -> None:
        if then == "changed":
            assert api.patch(path, {"title": "theirs"}).status == 200
            return
        assert api.call("DELETE", path).status == 204
        if then == "replaced":
            created(api, keyed, {"film_id": "m", "title": "theirs"})

    interrupt(3, act)
    assert_unsettled(api.patch(path, {"title": "mine"}, headers={"If-Match": etag} if with_etag else {}))
    found = film(api, keyed)
    assert (found and found["title"]) == (None if then == "deleted" else "theirs")


def test_an_update_that_another_one_preceded_is_still_rejected(
    api: Api, world: World, keyed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The revision proves that the lost attempt was not applied."""
    path = objects(keyed, created(api, keyed, {"film_id": "m", "title": "old"})["object_id"])
    etag = api.get(path).headers["ETag"]
    store = world.services.objects.store
    replace_row = store.replace

    def preceded(old: Any, new: Any) -> None:
        monkeypatch.undo()
        assert api.patch(path, {"title": "theirs"}).status == 200
        faults = Faults(world.client).on(1, applied_then(lambda: None))
        try:
            replace_row(old, new)
        finally:
            faults.remove()

    monkeypatch.setattr(store, "replace", preceded)
    reply = api.patch(path, {"title": "mine"}, headers={"If-Match": etag})
    assert (reply.status, reply.error["code"]) == (412, "revision_stale")
    assert api.get(path).json["title"] == "theirs"


def test_a_repeated_soft_delete_does_not_hide_a_later_object(api: Api, keyed: str, interrupt: Interrupt) -> None:
    made = created(api, keyed, {"film_id": "m"})

    def replace() -> None:
        delete(api, keyed, made["object_id"])
        created(api, keyed, {"film_id": "m", "title": "theirs"})

    interrupt(2, replace)
    body = {"object_ids": [made["object_id"]], "reason": "done"}
    assert_unsettled(api.post(f"{objects(keyed)}/bulk-soft-delete", body))
    assert film(api, keyed) is not None
