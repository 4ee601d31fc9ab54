"""The delivery log, and the state of an adapter."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api
from tests.support.webhooks import deliver, encoded, event, new_adapter_bucket, signed
from tests.support.world import World


@pytest.fixture
def bucket(api: Api) -> str:
    return new_adapter_bucket(api)


def listed(api: Api, bucket: str, **body: Any) -> dict[str, Any]:
    response = api.post(f"/v1/buckets/{bucket}/source-adapter/deliveries/list", body)
    assert response.status == 200, response.text
    return dict(response.json)


def status(world: World, bucket: str) -> dict[str, Any]:
    world.pump()
    response = world.api().get(f"/v1/buckets/{bucket}/source-adapter/status")
    assert response.status == 200, response.text
    return dict(response.json)


def test_the_log_lists_deliveries_newest_first_by_pages(world: World, api: Api, bucket: str) -> None:
    ids = [deliver(world, bucket, event(number)).json["delivery_id"] for number in range(5)]
    first = listed(api, bucket, limit=2)
    second = listed(api, bucket, limit=2, cursor=first["pagination"]["next_cursor"])
    third = listed(api, bucket, limit=2, cursor=second["pagination"]["next_cursor"])
    found = [each["delivery_id"] for page in (first, second, third) for each in page["results"]]
    assert found == ids[::-1]
    assert third["pagination"]["next_cursor"] is None


def test_the_log_can_be_filtered(world: World, api: Api, bucket: str) -> None:
    deliver(world, bucket, event(1))
    world.clock.advance(60)
    middle = world.clock.now.isoformat()
    parked = deliver(world, bucket, event(2, rating="many")).json["delivery_id"]
    other = deliver(world, bucket, {**event(3), "type": "film.changed"}).json["delivery_id"]
    assert [each["delivery_id"] for each in listed(api, bucket, state="PARKED")["results"]] == [parked]
    assert [each["delivery_id"] for each in listed(api, bucket, event_type="film.changed")["results"]] == [other]
    assert [each["delivery_id"] for each in listed(api, bucket, received_after=middle)["results"]] == [other, parked]
    assert len(listed(api, bucket, received_before=middle)["results"]) == 1
    assert listed(api, bucket, received_after=middle, received_before=middle)["results"] == []


def test_a_delivery_is_shown_with_its_payload(world: World, api: Api, bucket: str) -> None:
    delivery_id = deliver(world, bucket, event(1)).json["delivery_id"]
    found = api.get(f"/v1/buckets/{bucket}/source-adapter/deliveries/{delivery_id}").json
    assert found["payload"] == event(1)
    assert (found["state"], found["result"], found["signature_form"]) == ("APPLIED", "created", "mixpeek")
    text = deliver(world, bucket, b"<xml/>").json["delivery_id"]
    assert api.get(f"/v1/buckets/{bucket}/source-adapter/deliveries/{text}").json["body"] == "<xml/>"


@pytest.mark.parametrize("delivery_id", ["dlv_unknown", "x" * 70, "dlv_%23"])
def test_an_unknown_delivery_is_not_found(api: Api, bucket: str, delivery_id: str) -> None:
    response = api.get(f"/v1/buckets/{bucket}/source-adapter/deliveries/{delivery_id}")
    assert (response.status, response.error["details"]["resource"]) == (404, "delivery")


def test_a_delivery_expires(world: World, api: Api, bucket: str) -> None:
    delivery_id = deliver(world, bucket, event(1)).json["delivery_id"]
    world.clock.advance(31 * 86400)
    assert api.get(f"/v1/buckets/{bucket}/source-adapter/deliveries/{delivery_id}").status == 404


def test_the_status_counts_deliveries_and_repetitions(world: World, api: Api, bucket: str) -> None:
    body = encoded(event(1))
    headers = signed(world, body)
    object_id = deliver(world, bucket, body, headers=headers).json["object_id"]
    deliver(world, bucket, body, headers=headers)
    deliver(world, bucket, event(1), age=9)
    deliver(world, bucket, event(2, rating="many"))
    deliver(world, bucket, event(2), secret="a-secret-that-is-wrong")
    found = status(world, bucket)
    assert found["stats"] == {
        "events_received": 4,
        "events_accepted": 1,
        "events_duplicate": 2,
        "events_ignored": 0,
        "events_rejected": 1,
        "objects_created": 1,
        "batches_submitted": 0,
    }
    assert found["configured"] is True
    assert found["last_object_id"] == object_id
    assert "rating" in found["last_error"]
    assert found["open_batch_id"].startswith("btch_")
    assert found["open_batch_size"] == 1


def test_without_an_adapter_the_status_says_so(world: World, api: Api) -> None:
    bucket = api.post("/v1/buckets", {"bucket_name": "plain", "bucket_schema": {"properties": {}}}).json["bucket_id"]
    found = status(world, bucket)
    assert (found["configured"], found["enabled"], found["stats"]["events_received"]) == (False, False, 0)


def test_a_cursor_of_another_query_is_refused(world: World, api: Api, bucket: str) -> None:
    for number in range(2):
        deliver(world, bucket, event(number))
    cursor = listed(api, bucket, limit=1)["pagination"]["next_cursor"]
    for body in ({"cursor": cursor, "state": "PARKED"}, {"cursor": "x"}, {"cursor": ""}):
        response = api.post(f"/v1/buckets/{bucket}/source-adapter/deliveries/list", body)
        assert (response.status, response.error["code"]) == (400, "cursor_invalid")
