"""A start of the embedded engine continues the windows of source adapters, and counts their deliveries again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import keys
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.queues import LOCAL_BATCH_QUEUE
from chalicelib.batches.queue import BatchQueue
from chalicelib.deliveries.feed import DeliveryFeed
from chalicelib.deliveries.state_store import MAX_CHANGES, StateStore
from chalicelib.local.events.adapters import continue_windows, rebuild_adapters
from chalicelib.local.events.queues import LocalQueue, LocalSqs
from chalicelib.local.moto import rows
from chalicelib.local.moto.backends import Backends
from chalicelib.stats.dead_letters import DeadLetters
from chalicelib.stream_wiring import build_feed
from tests.support.api import Api
from tests.support.webhooks import deliver, event, new_adapter_bucket
from tests.support.world import World

Fold = Callable[[], None]


@pytest.fixture
def memory(backends: Backends | None) -> Backends:
    """Returns moto's backends. Skips the test if it runs on another engine."""
    if backends is None:
        pytest.skip("tests run on another engine")
    return backends


@pytest.fixture
def states(world: World) -> StateStore:
    return replace(world.services.deliveries.states, records_joins=True)


@pytest.fixture
def fold(world: World, states: StateStore) -> Fold:
    """Returns a function that folds all deliveries since the last call, as the embedded engine does."""
    feed = DeliveryFeed(states, DeadLetters(LocalSqs, ""))

    def fold_() -> None:
        for item in feed.work(world.pump.catalog.new(), "local-1"):
            item.run()

    return fold_


def rebuild(world: World, memory: Backends) -> None:
    world.pump.catalog.new()  # these records are lost
    rebuild_adapters(world.services.deliveries.states, memory, world.tables.catalog)


def partition(world: World, bucket: str) -> str:
    (ns,) = world.services.partitions()
    return keys.deliveries(ns, bucket)


def stats(api: Api, bucket: str) -> dict[str, Any]:
    return dict(api.get(f"/v1/buckets/{bucket}/source-adapter/status").json["stats"])


def collected(world: World, bucket: str) -> list[str]:
    """Returns the ids in all windows of a bucket, in the order in which they joined."""
    found = world.client.scan(TableName=world.tables.catalog)["Items"]
    parts = sorted((row["sk"]["S"], row["ids"]["L"]) for row in found if row["sk"]["S"].startswith("WINDOW#"))
    return [str(each["S"]) for _, ids in parts for each in ids]


def object_ids(world: World, bucket: str, *numbers: int) -> list[str]:
    return [deliver(world, bucket, event(number)).json["object_id"] for number in numbers]


def test_a_delivery_whose_record_was_lost_is_counted_and_joins_the_open_window(
    world: World, api: Api, memory: Backends, states: StateStore, fold: Fold
) -> None:
    bucket = new_adapter_bucket(api)
    ids = object_ids(world, bucket, 1, 2)
    fold()
    window = states.find(partition(world, bucket)).window
    assert window is not None
    ids += object_ids(world, bucket, 3, 4)
    deliver(world, bucket, event(5, rating="many"))
    rebuild(world, memory)
    after = states.find(partition(world, bucket)).window
    assert after is not None
    assert (after.window_id, after.size) == (window.window_id, 4)
    assert collected(world, bucket) == ids
    shown = stats(api, bucket)
    assert (shown["events_received"], shown["events_accepted"], shown["events_rejected"]) == (5, 4, 1)


def test_before_the_first_fold_the_state_is_created(
    world: World, api: Api, memory: Backends, states: StateStore
) -> None:
    bucket = new_adapter_bucket(api)
    ids = object_ids(world, bucket, 1)
    rebuild(world, memory)
    assert collected(world, bucket) == ids
    assert stats(api, bucket)["events_accepted"] == 1


def test_a_delivery_joins_once_although_the_batch_of_its_window_has_been_made(
    world: World, api: Api, memory: Backends, states: StateStore, fold: Fold
) -> None:
    bucket = new_adapter_bucket(api)
    object_ids(world, bucket, 1, 2)
    fold()
    window = states.find(partition(world, bucket)).window
    assert window is not None
    states.close(partition(world, bucket), window.window_id)
    states.finish(partition(world, bucket), window.window_id, submitted=True)
    rebuild(world, memory)
    before = states.find(partition(world, bucket))
    assert (before.window, before.batches_submitted) == (None, 1)
    assert collected(world, bucket) == []
    rebuild(world, memory)
    assert states.find(partition(world, bucket)) == before


def test_a_replay_whose_record_was_lost_joins_again(
    world: World, api: Api, memory: Backends, states: StateStore, fold: Fold
) -> None:
    bucket = new_adapter_bucket(api, batching={"mode": "immediate"}, unique_key={"fields": ["film_id"]})
    delivered = deliver(world, bucket, event(1, film="f1")).json
    fold()
    path = f"/v1/buckets/{bucket}/source-adapter/replay"
    assert api.post(path, {"delivery_ids": [delivered["delivery_id"]]}).json["results"][0]["result"] == "updated"
    rebuild(world, memory)
    rebuild(world, memory)
    assert collected(world, bucket) == [delivered["object_id"]] * 2
    assert stats(api, bucket)["events_received"] == 1


def test_more_lost_deliveries_than_a_transaction_holds_join_in_the_order_of_their_receipt(
    world: World, api: Api, memory: Backends, states: StateStore
) -> None:
    bucket = new_adapter_bucket(api, batching={"mode": "immediate"})
    ids = object_ids(world, bucket, *range(MAX_CHANGES + 5))
    rebuild(world, memory)
    assert collected(world, bucket) == ids
    assert stats(api, bucket)["events_accepted"] == len(ids)


def test_a_deleted_bucket_gets_no_state(world: World, api: Api, memory: Backends, states: StateStore) -> None:
    bucket = new_adapter_bucket(api)
    object_ids(world, bucket, 1)
    assert api.call("DELETE", f"/v1/buckets/{bucket}").status == 200
    rebuild(world, memory)
    assert states.find(partition(world, bucket)).revision == 0


def test_a_damaged_row_does_not_count(world: World, api: Api, memory: Backends, states: StateStore) -> None:
    bucket = new_adapter_bucket(api)
    object_ids(world, bucket, 1)
    key = keys.delivery(partition(world, bucket), "dlv_damaged")
    world.client.put_item(TableName=world.tables.catalog, Item={name: {"S": value} for name, value in key.items()})
    rebuild(world, memory)
    assert stats(api, bucket)["events_received"] == 1


def test_only_the_embedded_engine_records_which_deliveries_have_joined(
    world: World, api: Api, states: StateStore
) -> None:
    bucket = new_adapter_bucket(api)
    first, second = (deliver(world, bucket, event(number)).json["delivery_id"] for number in (1, 2))

    def recorded() -> dict[str, Any]:
        wanted = {id_: keys.joined_delivery(partition(world, bucket), id_) for id_ in (first, second)}
        return {id_: states.catalog.get(key) for id_, key in wanted.items()}

    world.pump()  # the functions of a stage
    assert recorded() == {first: None, second: None}
    embedded = replace(world.settings, engine="embedded", data_dir="unused")
    objects = Table(world.client, world.tables.objects)
    feed = build_feed(embedded, states.catalog, objects, LocalSqs, world.clock)
    for consumer in feed.consumers:
        for item in consumer.work(world.pump.catalog.history(), "local-2"):
            item.run()
    assert [row and row["attempt"] for row in recorded().values()] == [1, 1]


def continued(world: World, memory: Backends, states: StateStore, seconds: Callable[[], float]) -> LocalQueue:
    """Continues the windows as a start does, and returns the new queue."""
    sqs = LocalSqs(seconds)
    found = rows.keys_of(memory.account, world.tables.catalog, prefix=keys.deliveries_prefix())
    continue_windows(states, BatchQueue(lambda: sqs, LOCAL_BATCH_QUEUE), found, world.clock())
    return sqs.queue(LOCAL_BATCH_QUEUE)


def test_the_message_of_an_open_window_is_sent_with_the_delay_that_remains(
    world: World, api: Api, memory: Backends, states: StateStore, fold: Fold
) -> None:
    bucket = new_adapter_bucket(api, batching={"mode": "time_window", "window_seconds": 60})
    object_ids(world, bucket, 1)
    fold()
    world.clock.advance(20)
    queue = continued(world, memory, states, lambda: 0.0)
    assert queue.delay() == 40.0
    world.clock.advance(100)
    assert continued(world, memory, states, lambda: 0.0).delay() == 0.0


def test_the_message_of_a_closed_window_is_sent_at_once_and_none_for_a_window_without_an_end(
    world: World, api: Api, memory: Backends, states: StateStore, fold: Fold
) -> None:
    bucket = new_adapter_bucket(api, batching={"mode": "count", "max_batch_size": 2})
    object_ids(world, bucket, 1, 2, 3)
    fold()
    queue = continued(world, memory, states, lambda: 0.0)
    message = queue.receive()
    assert message is not None
    assert '"window"' in message.body
    queue.delete(message)
    assert queue.delay() is None
