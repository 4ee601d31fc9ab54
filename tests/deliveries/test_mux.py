"""Mux from end to end: the event about the renditions of an asset becomes an object with the file, and then a batch."""

from __future__ import annotations

from typing import Any

import pytest

from tests.adapters.payloads import (
    ASSET_ID,
    PLAYBACK_ID,
    mux_asset,
    mux_event,
    mux_rendition_ready,
    mux_renditions_ready,
)
from tests.deliveries.counting import batches_of, check_counters, delivery_log
from tests.support.api import ApiResponse
from tests.support.batches import BatchWorld, new_batch_world
from tests.support.webhooks import deliver, encoded, new_adapter_bucket, signed
from tests.support.world import World

HEADER = "Mux-Signature"


@pytest.fixture
def run(world: World) -> BatchWorld:
    return new_batch_world(world)


@pytest.fixture
def bucket(run: BatchWorld) -> str:
    return new_adapter_bucket(
        run.api,
        adapter_type="mux",
        field_mapping={"data.meta.title": "title", "data.id": "film_id"},
        batching={"mode": "time_window", "window_seconds": 30},
    )


def send(run: BatchWorld, bucket: str, payload: Any, **signature: Any) -> ApiResponse:
    return deliver(run.world, bucket, payload, adapter_type="mux", header=HEADER, **signature)


def test_renditions_become_an_object_with_the_file_and_then_a_submitted_batch(run: BatchWorld, bucket: str) -> None:
    response = send(run, bucket, mux_renditions_ready())
    assert (response.status, response.json["status"]) == (200, "accepted"), response.text
    object_id = response.json["object_id"]
    stored = run.api.get(f"/v1/buckets/{bucket}/objects/{object_id}").json
    assert (stored["title"], stored["film_id"]) == ("Metropolis", ASSET_ID)
    (blob,) = stored["blobs"]
    assert (blob["property"], blob["type"]) == ("video", "video")
    assert blob["properties"]["url"] == f"https://stream.mux.com/{PLAYBACK_ID}/high.mp4"
    assert stored["source_details"] == [{"type": "bucket", "source_id": bucket}]
    run.streams()
    assert batches_of(run.api, bucket) == []
    (message,) = run.queues.batches.waiting
    assert 29 <= message.due - run.world.clock.now.timestamp() <= 31
    run.pump()
    (batch,) = batches_of(run.api, bucket)
    assert (batch["status"], batch["object_ids"]) == ("COMPLETED", [object_id])
    assert run.processor.calls == [object_id]
    check_counters(run.api, bucket)


def test_an_asset_that_is_ready_is_ignored_with_the_reason(run: BatchWorld, bucket: str) -> None:
    response = send(run, bucket, mux_event("video.asset.ready", mux_asset()))
    assert (response.status, response.json["status"]) == (200, "ignored")
    assert "no downloadable file" in response.json["reason"]
    assert "video.asset.static_renditions.ready" in response.json["reason"]
    (delivery,) = delivery_log(run.api, bucket)
    assert (delivery["state"], delivery["event_type"]) == ("IGNORED", "video.asset.ready")
    run.pump()
    assert batches_of(run.api, bucket) == []


def test_the_same_request_is_a_duplicate_and_so_is_a_retry_with_a_new_signature(run: BatchWorld, bucket: str) -> None:
    body = encoded(mux_renditions_ready())
    headers = signed(run.world, body, header=HEADER)
    first = send(run, bucket, body, headers=headers).json
    retry = encoded({**mux_renditions_ready(), "attempts": [{"response_status_code": 503}]})
    for response in (send(run, bucket, body, headers=headers), send(run, bucket, retry, age=20)):
        assert (response.json["status"], response.json["object_id"]) == ("duplicate", first["object_id"])
        assert response.json["delivery_id"] == first["delivery_id"]
    assert len(run.api.post(f"/v1/buckets/{bucket}/objects/list", {}).json["results"]) == 1


@pytest.mark.parametrize("age", [360, -360])
def test_a_request_of_another_time_is_refused(run: BatchWorld, bucket: str, age: int) -> None:
    response = send(run, bucket, mux_renditions_ready(), age=age)
    assert (response.status, response.error["code"]) == (401, "signature_refused")
    assert delivery_log(run.api, bucket) == []


def test_a_rendition_without_a_playback_id_is_parked_and_applied_with_another_adapter(
    run: BatchWorld, bucket: str
) -> None:
    response = send(run, bucket, mux_rendition_ready())
    assert (response.status, response.json["status"]) == (200, "parked")
    assert "playback id" in response.json["reason"]
    change = {
        "adapter_type": "mux",
        "webhook_secret": "redacted",
        "event_filter": {"event_types": ["video.asset.errored"]},
    }
    assert run.api.patch(f"/v1/buckets/{bucket}", {"source_adapter": change}).status == 200
    (result,) = run.api.post(f"/v1/buckets/{bucket}/source-adapter/replay", {"state": "PARKED"}).json["results"]
    assert (result["previous_state"], result["state"]) == ("PARKED", "IGNORED")


@pytest.mark.parametrize("header", ["X-Mixpeek-Signature", "Stripe-Signature"])
def test_a_signature_under_another_name_is_refused(run: BatchWorld, bucket: str, header: str) -> None:
    response = deliver(run.world, bucket, mux_renditions_ready(), adapter_type="mux", header=header)
    assert response.status == 401
