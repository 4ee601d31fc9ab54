"""Deliveries are applied again, and tried before an adapter is changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api
from tests.support.webhooks import ADAPTER, deliver, event, new_adapter_bucket
from tests.support.world import World


@pytest.fixture
def bucket(api: Api) -> str:
    return new_adapter_bucket(api)


def replay(api: Api, bucket: str, **body: Any) -> dict[str, Any]:
    response = api.post(f"/v1/buckets/{bucket}/source-adapter/replay", body)
    assert response.status == 200, response.text
    return dict(response.json)


def tried(api: Api, bucket: str, **body: Any) -> dict[str, Any]:
    response = api.post(f"/v1/buckets/{bucket}/source-adapter/test", body)
    assert response.status == 200, response.text
    return dict(response.json)


def change(api: Api, bucket: str, **adapter: Any) -> None:
    body = {"source_adapter": {**ADAPTER, "webhook_secret": "redacted", **adapter}}
    response = api.patch(f"/v1/buckets/{bucket}", body)
    assert response.status == 200, response.text


def test_a_parked_delivery_is_applied_after_the_mapping_was_corrected(world: World, api: Api, bucket: str) -> None:
    parked = deliver(world, bucket, event(1, rating="many")).json
    world.clock.advance(3600)  # the age does not matter
    change(api, bucket, field_mapping={"data.title": "title"})
    (result,) = replay(api, bucket, state="PARKED")["results"]
    assert (result["delivery_id"], result["previous_state"], result["state"]) == (
        parked["delivery_id"],
        "PARKED",
        "APPLIED",
    )
    assert result["attempt"] == 2
    assert api.get(f"/v1/buckets/{bucket}/objects/{result['object_id']}").json["title"] == "Film 1"
    assert replay(api, bucket, state="PARKED")["results"] == []


def test_a_replay_keeps_the_time_of_receipt(world: World, api: Api, bucket: str) -> None:
    delivery_id = deliver(world, bucket, event(1)).json["delivery_id"]
    path = f"/v1/buckets/{bucket}/source-adapter/deliveries/{delivery_id}"
    before = api.get(path).json
    world.clock.advance(10)
    replay(api, bucket, delivery_ids=[delivery_id])
    after = api.get(path).json
    assert after["received_at"] == before["received_at"]
    assert after["updated_at"] > before["updated_at"]


def test_a_replay_goes_on_with_the_cursor_in_the_order_of_receipt(world: World, api: Api, bucket: str) -> None:
    ids = [deliver(world, bucket, event(number)).json["delivery_id"] for number in range(3)]
    first = replay(api, bucket, limit=2)
    second = replay(api, bucket, limit=2, cursor=first["next_cursor"])
    assert [each["delivery_id"] for each in [*first["results"], *second["results"]]] == ids
    assert second["next_cursor"] is None


def test_an_unknown_delivery_fails_alone(world: World, api: Api, bucket: str) -> None:
    delivery_id = deliver(world, bucket, event(1)).json["delivery_id"]
    found = replay(api, bucket, delivery_ids=["dlv_unknown", delivery_id])
    assert [each["delivery_id"] for each in found["results"]] == [delivery_id]
    assert [each["delivery_id"] for each in found["failed"]] == ["dlv_unknown"]


def test_a_test_shows_what_an_adapter_would_do_and_writes_nothing(world: World, api: Api, bucket: str) -> None:
    deliver(world, bucket, event(1, rating="many"))
    proposed = {**ADAPTER, "field_mapping": {"data.title": "title"}}
    before = world.client.scan(TableName=world.tables.objects)["Items"]
    found = tried(api, bucket, source_adapter=proposed)
    assert found["counts"] == {"created": 1, "updated": 0, "duplicate": 0, "ignored": 0, "parked": 0}
    (result,) = found["results"]
    assert (result["previous_outcome"], result["object"]["title"]) == ("parked", "Film 1")
    assert world.client.scan(TableName=world.tables.objects)["Items"] == before
    assert tried(api, bucket)["counts"]["parked"] == 1


def test_a_test_of_payloads_shows_how_they_follow_each_other(api: Api) -> None:
    bucket = new_adapter_bucket(api, unique_key={"fields": ["film_id"]})
    payloads = [event(1, film="f1", rating=1), event(2, film="f1", rating=2), event(3), {"type": "film.added"}]
    found = tried(api, bucket, payloads=payloads)
    assert [each["outcome"] for each in found["results"]] == ["created", "updated", "parked", "parked"]
    assert found["results"][1]["object"]["rating"] == 2
    assert api.post(f"/v1/buckets/{bucket}/objects/list").json["results"] == []


@pytest.mark.parametrize("route", ["replay", "test"])
def test_ids_and_a_filter_exclude_each_other(api: Api, bucket: str, route: str) -> None:
    body = {"delivery_ids": ["dlv_1"], "state": "PARKED"}
    response = api.post(f"/v1/buckets/{bucket}/source-adapter/{route}", body)
    assert response.status == 422
    assert "delivery_ids" in response.error["message"]


@pytest.mark.parametrize("route", ["replay", "test", "rotate-secret"])
def test_a_bucket_without_an_adapter_is_refused(api: Api, route: str) -> None:
    bucket = api.post("/v1/buckets", {"bucket_name": "plain", "bucket_schema": {"properties": {}}}).json["bucket_id"]
    response = api.post(f"/v1/buckets/{bucket}/source-adapter/{route}", {})
    assert (response.status, response.error["code"]) == (400, "adapter_missing")


def test_a_proposed_adapter_is_validated(api: Api, bucket: str) -> None:
    proposed = {**ADAPTER, "field_mapping": {"data.title": "nothing"}}
    response = api.post(f"/v1/buckets/{bucket}/source-adapter/test", {"source_adapter": proposed, "payloads": [{}]})
    assert response.status == 422
    assert "nothing" in response.error["message"]


def test_a_locked_bucket_is_not_replayed_into(world: World, api: Api, bucket: str) -> None:
    delivery_id = deliver(world, bucket, event(1)).json["delivery_id"]
    partition = next(iter(world.services.partitions()))
    world.services.buckets.set_lock(partition, bucket, locked=True)
    response = api.post(f"/v1/buckets/{bucket}/source-adapter/replay", {"delivery_ids": [delivery_id]})
    assert (response.status, response.error["code"]) == (403, "bucket_locked")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_is_no_year_in_utc_is_refused(api: Api, bucket: str, moment: str) -> None:
    for route in ("replay", "test", "deliveries/list"):
        response = api.post(f"/v1/buckets/{bucket}/source-adapter/{route}", {"received_after": moment})
        assert response.status == 422, response.text
        assert "received_after" in response.error["message"]


def test_a_limit_applies_to_a_filter_only(api: Api, bucket: str) -> None:
    for route, body in (("replay", {"delivery_ids": ["dlv_1"]}), ("test", {"payloads": [{}]})):
        response = api.post(f"/v1/buckets/{bucket}/source-adapter/{route}", {**body, "limit": 1})
        assert response.status == 422, response.text


def test_an_adapter_that_receives_no_webhooks_cannot_be_tested(api: Api, bucket: str) -> None:
    proposed = {"adapter_type": "bucket", "source_bucket_ids": [bucket]}
    response = api.post(f"/v1/buckets/{bucket}/source-adapter/test", {"source_adapter": proposed, "payloads": [{}]})
    assert (response.status, response.error["code"]) == (400, "adapter_missing")


def test_a_test_shows_that_a_handshake_becomes_no_object(api: Api, bucket: str) -> None:
    (result,) = tried(api, bucket, payloads=[{"type": "url_verification", "challenge": "abc"}])["results"]
    assert (result["outcome"], result["object_id"]) == ("ignored", None)


def test_the_response_of_a_test_is_bounded(world: World, api: Api, bucket: str) -> None:
    for number in range(10):
        assert deliver(world, bucket, event(number, title="x" * 290_000)).json["status"] == "accepted"
    response = api.post(f"/v1/buckets/{bucket}/source-adapter/test", {})
    assert len(response.text) < 4_000_000
    results = response.json["results"]
    assert len(results) == 10
    assert results[0]["object"] is not None
    assert results[-1]["object"] is None


def test_a_replay_opens_the_bucket_once(world: World, api: Api) -> None:
    bucket = new_adapter_bucket(api, event_filter={"event_types": ["none"]})
    ids = [deliver(world, bucket, event(number)).json["delivery_id"] for number in range(5)]
    change(api, bucket)
    body = {"delivery_ids": ids}
    response = api.post(f"/v1/buckets/{bucket}/source-adapter/replay", body, headers={"X-Show-Cost": "true"})
    assert [each["result"] for each in response.json["results"]] == ["created"] * 5
    # The bucket and its mark of use, then three calls for each delivery.
    assert response.headers["X-Consumed-Capacity"].startswith("round-trips=17,")
