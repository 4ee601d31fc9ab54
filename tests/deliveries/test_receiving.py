"""A webhook becomes an object, once, whatever its sender repeats."""

from __future__ import annotations

import pytest

from tests.support.api import Api
from tests.support.webhooks import ADAPTER, anonymous, deliver, encoded, event, new_adapter_bucket, signed
from tests.support.world import World


@pytest.fixture
def bucket(api: Api) -> str:
    return new_adapter_bucket(api)


def test_a_signed_webhook_becomes_an_object(world: World, api: Api, bucket: str) -> None:
    response = deliver(world, bucket, event(data_=1, rating=5))
    assert response.status == 200, response.text
    assert response.json["status"] == "accepted"
    stored = api.get(f"/v1/buckets/{bucket}/objects/{response.json['object_id']}").json
    assert (stored["title"], stored["rating"]) == ("Film 1", 5)
    assert stored["source_details"] == [{"type": "bucket", "source_id": bucket}]


def test_a_repeated_webhook_is_a_duplicate(world: World, api: Api, bucket: str) -> None:
    body = encoded(event())
    headers = signed(world, body)
    first = deliver(world, bucket, body, headers=headers).json
    repeated = deliver(world, bucket, body, headers=headers).json
    assert repeated["status"] == "duplicate"
    assert (repeated["delivery_id"], repeated["object_id"]) == (first["delivery_id"], first["object_id"])
    assert len(api.post(f"/v1/buckets/{bucket}/objects/list").json["results"]) == 1


def test_the_same_event_in_another_request_is_a_duplicate(world: World, api: Api, bucket: str) -> None:
    first = deliver(world, bucket, event()).json
    later = deliver(world, bucket, event(), age=7).json
    assert later["status"] == "duplicate"
    assert later["delivery_id"] != first["delivery_id"]
    assert later["object_id"] == first["object_id"]


def test_a_deleted_object_does_not_come_back(world: World, api: Api, bucket: str) -> None:
    body = encoded(event())
    headers = signed(world, body)
    first = deliver(world, bucket, body, headers=headers).json
    api.call("DELETE", f"/v1/buckets/{bucket}/objects/{first['object_id']}")
    assert deliver(world, bucket, body, headers=headers).json["status"] == "duplicate"
    assert api.post(f"/v1/buckets/{bucket}/objects/list").json["results"] == []


def test_with_a_unique_key_a_later_event_updates_the_object(world: World, api: Api) -> None:
    bucket = new_adapter_bucket(api, unique_key={"fields": ["film_id"]})
    first = deliver(world, bucket, event(1, film="f1", rating=1)).json
    second = deliver(world, bucket, event(2, film="f1", rating=2)).json
    assert (first["status"], second["status"]) == ("accepted", "accepted")
    assert first["object_id"] == second["object_id"]
    assert api.get(f"/v1/buckets/{bucket}/objects/{first['object_id']}").json["rating"] == 2


def test_an_unwanted_event_is_ignored_with_the_reason(world: World, api: Api) -> None:
    bucket = new_adapter_bucket(api, event_filter={"event_types": ["film.removed"]})
    response = deliver(world, bucket, event()).json
    assert response["status"] == "ignored"
    assert "film.added" in response["reason"]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"<xml/>", "not JSON"),
        ([1, 2], "JSON object"),
        (event(rating="many"), "rating"),
        ({"type": "film.added", "id": {}, "data": {}}, "id"),
    ],
)
def test_what_cannot_be_applied_is_parked_with_the_reason(
    world: World, bucket: str, payload: object, reason: str
) -> None:
    response = deliver(world, bucket, payload)
    assert response.status == 200
    assert response.json["status"] == "parked"
    assert reason in response.json["reason"]


def test_a_bad_signature_is_refused_and_has_no_effect(world: World, api: Api, bucket: str) -> None:
    body = encoded(event())
    for headers in (
        {},
        signed(world, body, secret="another-secret-of-16"),
        signed(world, body, age=360),
        signed(world, body, age=-360),
        signed(world, body + b" "),
    ):
        response = deliver(world, bucket, body, headers=headers)
        assert (response.status, response.error["code"]) == (401, "signature_refused")
    assert api.post(f"/v1/buckets/{bucket}/objects/list").json["results"] == []


def test_an_unknown_bucket_an_unknown_type_and_another_type_are_not_found(world: World, api: Api, bucket: str) -> None:
    body = encoded(event())
    for path in (f"generic_webhook/bkt_{'0' * 16}", f"mux/{bucket}", f"nothing/{bucket}", "mux/conn_1"):
        response = anonymous(world).post(f"/v1/webhooks/{path}", body, headers=signed(world, body))
        assert (response.status, response.error["code"]) == (404, "adapter_not_found"), path


def test_an_adapter_that_is_removed_receives_nothing(world: World, api: Api, bucket: str) -> None:
    assert api.patch(f"/v1/buckets/{bucket}", {"source_adapter": None}).status == 200
    assert deliver(world, bucket, event()).status == 404


def test_a_bucket_that_is_being_deleted_receives_nothing(world: World, api: Api, bucket: str) -> None:
    assert api.call("DELETE", f"/v1/buckets/{bucket}").status in (200, 202)
    assert deliver(world, bucket, event()).status == 404


def test_a_disabled_adapter_ignores_events(world: World, api: Api, bucket: str) -> None:
    api.patch(f"/v1/buckets/{bucket}", {"source_adapter": {**ADAPTER, "enabled": False}})
    assert deliver(world, bucket, event()).json["status"] == "ignored"


def test_a_locked_bucket_parks_deliveries(world: World, bucket: str) -> None:
    partition = next(iter(world.services.partitions()))
    world.services.buckets.set_lock(partition, bucket, locked=True)
    response = deliver(world, bucket, event()).json
    assert (response["status"], response["object_id"]) == ("parked", None)
    assert "locked" in response["reason"]


def test_the_largest_body_is_kept_and_a_larger_one_is_refused(world: World, api: Api, bucket: str) -> None:
    import random

    noise = random.Random(1).randbytes(450_000).hex()
    body = encoded({**event(), "noise": noise})
    assert deliver(world, bucket, body).json["status"] == "accepted"
    assert deliver(world, bucket, encoded({**event(), "noise": noise * 2})).status == 413
