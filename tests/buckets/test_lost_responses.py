"""A write of a bucket is applied, its response is lost, and another client acts before the service tries again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.api import Api, ApiResponse
from tests.support.faults import Faults, applied_then
from tests.support.slow_time import SlowTime
from tests.support.world import World, bucket_body

Interrupt = Callable[[int, Callable[[], object]], None]


@pytest.fixture(autouse=True)
def no_waits(time: SlowTime) -> None:
    """Waits between attempts take no time."""


@pytest.fixture
def interrupt(world: World, api: Api) -> Iterator[Interrupt]:
    """Loses the response to a call to DynamoDB, by its number in the next request, and acts before the next attempt."""
    planned: list[Faults] = []
    assert api.get("/v1/buckets").status == 200  # the caches are filled, so the calls have fixed numbers

    def plan(call: int, act: Callable[[], object]) -> None:
        planned.append(Faults(world.client).on(call, applied_then(act)))

    yield plan
    for faults in planned:
        faults.remove()


def create_bucket(api: Api, name: str) -> str:
    return str(api.post("/v1/buckets", bucket_body(name)).json["bucket_id"])


def patched(api: Api, path: str, **change: object) -> ApiResponse:
    reply = api.patch(path, change)
    assert reply.status == 200, reply.text
    return reply


def assert_not_rejected(field: str, reply: ApiResponse) -> None:
    if reply.status == 200:  # DynamoDB repeats the response to a transaction, which a rename needs; moto does not
        assert field.endswith("_name")
    else:
        assert (reply.status, reply.error["code"]) == (503, "unsettled"), reply.text


@pytest.mark.parametrize("with_etag", [True, False])
@pytest.mark.parametrize("change", [{"description": "mine"}, {"bucket_name": "mine"}], ids=str)
def test_a_change_that_was_applied_and_then_overwritten_is_not_rejected(
    api: Api, interrupt: Interrupt, change: dict[str, str], *, with_etag: bool
) -> None:
    (field,) = change
    path = f"/v1/buckets/{create_bucket(api, 'posters')}"
    etag = api.get(path).headers["ETag"]
    interrupt(2, lambda: patched(api, path, **{field: "theirs"}))
    assert_not_rejected(field, api.patch(path, change, headers={"If-Match": etag} if with_etag else {}))
    assert api.get(path).json[field] == "theirs"


def test_a_rename_that_was_applied_succeeds_although_the_bucket_was_changed_since(
    api: Api, interrupt: Interrupt
) -> None:
    path = f"/v1/buckets/{create_bucket(api, 'posters')}"
    etag = api.get(path).headers["ETag"]
    interrupt(2, lambda: patched(api, path, description="theirs"))
    assert api.patch(path, {"bucket_name": "mine"}, headers={"If-Match": etag}).status == 200
    found = api.get(path).json
    assert (found["bucket_name"], found["description"]) == ("mine", "theirs")


@pytest.mark.parametrize("change", [{"description": "theirs"}, {"bucket_name": "theirs"}], ids=str)
def test_a_creation_that_was_applied_succeeds_although_the_bucket_was_changed_since(
    api: Api, interrupt: Interrupt, change: dict[str, str]
) -> None:
    interrupt(1, lambda: patched(api, "/v1/buckets/posters", **change))
    made = api.post("/v1/buckets", bucket_body("posters"))
    assert (made.status, made.json["bucket_name"], made.json["description"]) == (200, "posters", None)
    (found,) = api.get("/v1/buckets").json["results"]
    assert found["bucket_id"] == made.json["bucket_id"]


@pytest.mark.parametrize("field", ["description", "namespace_name"])
def test_a_change_of_a_namespace_that_was_applied_and_then_overwritten_is_not_rejected(
    api: Api, interrupt: Interrupt, field: str
) -> None:
    namespace_id = api.post("/v1/namespaces", {"namespace_name": "prints"}).json["namespace_id"]
    path = f"/v1/namespaces/{namespace_id}"
    etag = api.get(path).headers["ETag"]
    interrupt(2, lambda: patched(api, path, **{field: "theirs"}))
    assert_not_rejected(field, api.patch(path, {field: "mine"}, headers={"If-Match": etag}))
    assert api.get(path).json[field] == "theirs"
