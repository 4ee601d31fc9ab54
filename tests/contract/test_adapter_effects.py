"""Each field of a source adapter that concerns webhooks changes what the same webhook does."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from pydantic import BaseModel

from chalicelib.adapters.models import BatchingConfig, BlobSource, EventFilter, SourceAdapterConfig
from chalicelib.core.clock import parse_timestamp
from tests.support.api import Api
from tests.support.batches import BatchWorld, new_batch_world
from tests.support.webhooks import SCHEMA
from tests.support.world import World

SECRET = "a-secret-of-the-sender"
OTHER_SECRET = "another-secret-of-the-sender"
SCHEMA_WITH_TWO_FILES = {
    "properties": {**SCHEMA["properties"], "trailer": {"type": "video"}, "poster": {"type": "image"}}
}
EVENT: dict[str, Any] = {
    "type": "INSERT",
    "id": "evt-1",
    "film": {"id": 7, "title": "Metropolis"},
    "url": "https://example.com/m.mp4",
    "other_url": "https://example.com/n.mp4",
    "record": {"id": 1},
}
FILE = {"file_field": "url", "target_property": "video"}
Config = dict[str, Any]
_numbers = count()
# By model and field: a configuration without it, or with one value, and one with another value.
EFFECTS: dict[tuple[type[BaseModel], str], tuple[Config, Config]] = {
    (SourceAdapterConfig, "adapter_type"): ({}, {"adapter_type": "supabase"}),
    (SourceAdapterConfig, "enabled"): ({}, {"enabled": False}),
    (SourceAdapterConfig, "event_filter"): ({}, {"event_filter": {"event_types": ["DELETE"]}}),
    (SourceAdapterConfig, "field_mapping"): ({}, {"field_mapping": {"film.title": "title"}}),
    (SourceAdapterConfig, "blob_source"): ({}, {"blob_source": FILE}),
    (SourceAdapterConfig, "batching"): ({}, {"batching": {"mode": "immediate"}}),
    (SourceAdapterConfig, "dedup_key"): ({}, {"dedup_key": "film.id"}),
    (SourceAdapterConfig, "webhook_secret"): ({}, {"webhook_secret": OTHER_SECRET}),
    (EventFilter, "event_types"): (
        {"event_filter": {"event_types": ["INSERT"]}},
        {"event_filter": {"event_types": ["DELETE"]}},
    ),
    (BlobSource, "file_field"): ({"blob_source": FILE}, {"blob_source": {**FILE, "file_field": "other_url"}}),
    (BlobSource, "target_property"): (
        {"blob_source": FILE},
        {"blob_source": {**FILE, "target_property": "trailer"}},
    ),
    (BlobSource, "blob_type"): (
        {"blob_source": FILE},
        {"blob_source": {**FILE, "blob_type": "image", "target_property": "poster"}},
    ),
    (BatchingConfig, "mode"): ({"batching": {"mode": "count"}}, {"batching": {"mode": "immediate"}}),
    (BatchingConfig, "window_seconds"): ({"batching": {"window_seconds": 30}}, {"batching": {"window_seconds": 300}}),
    (BatchingConfig, "max_batch_size"): ({"batching": {"max_batch_size": 100}}, {"batching": {"max_batch_size": 1}}),
    (BatchingConfig, "auto_submit"): (
        {"batching": {"mode": "immediate"}},
        {"batching": {"mode": "immediate", "auto_submit": False}},
    ),
}
# Fields of connections and of other types of adapters, and one that the service assigns.
OTHERS = {
    "connection_id",
    "connection",
    "webhook_url",
    "source_collection_id",
    "source_filters",
    "source_bucket_ids",
}


@pytest.fixture
def run(world: World) -> BatchWorld:
    return new_batch_world(world)


def effect(run: BatchWorld, config: Config) -> dict[str, Any]:
    """What the webhook does: the response, the object, the open window, and the batches."""
    api = run.api
    adapter = {"adapter_type": "generic_webhook", "webhook_secret": SECRET, **config}
    body = {"bucket_name": f"films {next(_numbers)}", "bucket_schema": SCHEMA_WITH_TWO_FILES, "source_adapter": adapter}
    created = api.post("/v1/buckets", body)
    assert created.status == 200, created.text
    bucket = created.json["bucket_id"]
    path = f"/v1/webhooks/generic_webhook/{bucket}"
    response = api.using(key="", namespace="").post(path, EVENT, headers={"X-Webhook-Secret": SECRET})
    run.world.pump()
    return {
        "status": response.status,
        "outcome": response.json.get("status"),
        "objects": _objects(api, bucket),
        "window": _window(run, bucket),
        "batches": _batches(run, bucket),
    }


def _objects(api: Api, bucket: str) -> Any:
    """The objects, without their ids, after another event about the same film."""
    path, headers = f"/v1/webhooks/generic_webhook/{bucket}", {"X-Webhook-Secret": SECRET}
    api.using(key="", namespace="").post(path, {**EVENT, "id": "evt-2"}, headers=headers)
    found = api.post(f"/v1/buckets/{bucket}/objects/list", {}).json["results"]
    names = ("title", "rating", "film_id")
    files = [[(blob["property"], blob["type"], blob["properties"]) for blob in each["blobs"]] for each in found]
    return [{name: each.get(name) for name in names} for each in found], files


def _window(run: BatchWorld, bucket: str) -> Any:
    status = run.api.get(f"/v1/buckets/{bucket}/source-adapter/status").json
    closes = status["open_batch_closes_at"]
    open_for = (parse_timestamp(closes) - run.world.clock.now).total_seconds() if closes else None
    return status["open_batch_size"], open_for and round(open_for)


def _batches(run: BatchWorld, bucket: str) -> list[Any]:
    run.pump()
    found = run.api.post(f"/v1/buckets/{bucket}/batches/list", {}).json["results"]
    return sorted(batch["status"] for batch in found)


@pytest.mark.parametrize(("model", "field"), EFFECTS, ids=[f"{model.__name__}.{field}" for model, field in EFFECTS])
def test_the_field_changes_what_a_webhook_does(run: BatchWorld, model: type[BaseModel], field: str) -> None:
    before, after = EFFECTS[model, field]
    assert effect(run, {**before}) != effect(run, {**after})


def test_every_field_has_a_case() -> None:
    models = (SourceAdapterConfig, EventFilter, BlobSource, BatchingConfig)
    fields = {(model, field) for model in models for field in model.model_fields}
    assert set(EFFECTS) == {each for each in fields if each[1] not in OTHERS}


@pytest.mark.parametrize("config", [before for before, _ in EFFECTS.values()])
def test_the_same_configuration_has_the_same_effect(run: BatchWorld, config: Config) -> None:
    assert effect(run, {**config}) == effect(run, {**config})
