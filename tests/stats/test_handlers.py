"""The stream handlers, called with the events of Lambda, and their responses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.session import Session

import app
from chalicelib.services import Services
from chalicelib.stats.handlers import ShardNotNamed
from chalicelib.wiring import build
from tests.stats.conftest import Shown, new_bucket
from tests.support.api import Api
from tests.support.engine import backends_of
from tests.support.faults import Faults, throttled
from tests.support.object_rows import write_object
from tests.support.pump import Record, services_of_app
from tests.support.seeding import traffic
from tests.support.world import World


def written(world: World, bucket: str, sizes: range) -> list[Record]:
    """Writes objects of these sizes and returns their stream records, none of which is delivered."""
    for size in sizes:
        write_object(world, bucket, f"obj_{size}", size)
    return world.pump.objects.new()


def numbered(records: list[Record], first: int) -> list[Record]:
    """The same records with sequence numbers from `first`."""
    return [
        {**record, "dynamodb": {**record["dynamodb"], "SequenceNumber": str(first + index)}}
        for index, record in enumerate(records)
    ]


def damaged(record: Record) -> Record:
    """The record without the size of the object in its image."""
    image = {name: value for name, value in record["dynamodb"]["NewImage"].items() if name != "size_bytes"}
    return {**record, "dynamodb": {**record["dynamodb"], "NewImage": image}}


def test_shards_number_their_records_independently(world: World, bucket: str, shown: Shown) -> None:
    records = written(world, bucket, range(1, 7))
    deliver = world.pump.objects.deliver
    # As numbers 9 comes before 10, but not as strings. The numbers of two shards are unrelated.
    for _ in range(2):
        assert deliver(numbered(records[:3], 8), shard="a")["batchItemFailures"] == []
        assert deliver(numbered(records[3:], 2**80), shard="b")["batchItemFailures"] == []
    assert shown(bucket)["object_count"] == 6


def test_the_last_event_of_a_window_has_no_records_and_its_state_is_returned(world: World) -> None:
    response = world.pump.objects.deliver([], isFinalInvokeForWindow=True, state={"count": 1})
    assert response == {"batchItemFailures": [], "state": {"count": 1}}
    assert world.pump.catalog.deliver([], state={})["state"] == {}


@pytest.mark.parametrize("missing", [None, ""])
def test_an_event_without_a_shard_id_raises_an_error_and_counts_nothing(
    world: World, bucket: str, shown: Shown, missing: str | None
) -> None:
    records = written(world, bucket, range(2))
    with pytest.raises(ShardNotNamed, match="BUCKETS_SINGLE_STREAM_SHARD"):
        world.pump.objects.deliver(records, shardId=missing)
    assert shown(bucket)["object_count"] == 0


def test_an_emulator_with_one_shard_may_omit_the_shard_id(world: World, bucket: str, shown: Shown) -> None:
    settings = replace(world.settings, single_stream_shard=True)
    services = build(settings, world.client, no_client, clock=world.clock)
    records = written(world, bucket, range(2))
    with services_of_app(lambda: services):
        for _ in range(2):
            app.on_objects_change({"Records": records}, None)
    assert shown(bucket)["object_count"] == 2


def test_an_unreadable_record_is_sent_to_the_dead_letter_queue_and_skipped(
    world: World, api: Api, bucket: str, shown: Shown
) -> None:
    other = new_bucket(api, "stills")
    records = [*written(world, bucket, range(1, 4)), *written(world, other, range(1, 3))]
    records[1] = damaged(records[1])
    queue, services = services_with_queue(world)
    with services_of_app(lambda: services):
        event = {"Records": records, "shardId": "shard-7"}
        assert app.on_objects_change(event, None) == {"batchItemFailures": []}
    (message,) = queue.receive_message(QueueUrl=services.feed.dead_letters.url, MaxNumberOfMessages=10)["Messages"]
    letter = json.loads(message["Body"])
    assert letter["shard"] == "shard-7"
    assert letter["sequence"] == records[1]["dynamodb"]["SequenceNumber"]
    assert letter["bucket_id"] == bucket
    assert "document" not in message["Body"]
    assert shown(bucket)["object_count"] == 2
    assert shown(other)["object_count"] == 2
    ns = records[0]["dynamodb"]["NewImage"]["ns"]["S"]
    assert "recount_due" in [difference.name for difference in without_pauses(services).verify(ns, bucket)]
    assert without_pauses(services).verify(ns, other) == []


def test_an_unreadable_record_that_cannot_be_queued_is_delivered_again(world: World, bucket: str) -> None:
    records = written(world, bucket, range(3))
    records[1] = damaged(records[1])
    settings = replace(world.settings, dead_letter_queue_url="https://sqs/unreachable")

    def fail() -> Any:
        raise OSError("no connection")

    services = build(settings, world.client, no_client, fail, clock=world.clock)
    with services_of_app(lambda: services):
        response = app.on_objects_change({"Records": records, "shardId": "shard-7"}, None)
    assert response == {"batchItemFailures": [{"itemIdentifier": records[0]["dynamodb"]["SequenceNumber"]}]}


@pytest.mark.parametrize(
    "invalid",
    [
        {"size_bytes": {"N": "-1"}},
        {"size_bytes": {"N": "1.5"}},
        {"size_bytes": {"BOOL": True}},
        {"size_bytes": {"S": "1"}},
        {"size_bytes": {}},
        {"size_bytes": None},
        {"status": {"NULL": True}},
        {"created_at": {"N": "1"}},
        {"epoch": {"S": "0"}},
        {"epoch": {"X": "0"}},
        {"ns": {"S": ""}},
    ],
    ids=str,
)
def test_an_invalid_image_does_not_stop_the_fold(
    world: World, bucket: str, shown: Shown, invalid: dict[str, Any]
) -> None:
    records = written(world, bucket, range(2))
    image = {**records[0]["dynamodb"]["NewImage"], **invalid}
    records[0] = {**records[0], "dynamodb": {**records[0]["dynamodb"], "NewImage": image}}
    assert world.pump.objects.deliver(records)["batchItemFailures"] == []
    assert shown(bucket)["object_count"] == 1


def test_a_failure_is_reported_from_its_first_record_and_other_buckets_are_updated(
    world: World, api: Api, bucket: str, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = new_bucket(api, "stills")
    first, second = written(world, other, range(1)), written(world, bucket, range(3))
    third = written(world, other, range(1, 3))
    fold = type(world.services.stats).fold

    def failing_fold(self: Any, ns: str, bucket_id: str | None, changes: Any, **options: Any) -> None:
        if bucket_id == bucket:
            raise TimeoutError("DynamoDB does not respond")
        fold(self, ns, bucket_id, changes, **options)

    with monkeypatch.context() as patch:
        patch.setattr(type(world.services.stats), "fold", failing_fold)
        response = world.pump.objects.deliver([*first, *second, *third])
    assert response["batchItemFailures"] == [{"itemIdentifier": second[0]["dynamodb"]["SequenceNumber"]}]
    assert shown(other)["object_count"] == 3
    assert world.pump.objects.deliver([*second, *third])["batchItemFailures"] == []
    assert (shown(bucket)["object_count"], shown(other)["object_count"]) == (3, 3)


def test_throttling_is_reported_from_the_first_record_and_loses_nothing(
    world: World, api: Api, bucket: str, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.aws.retry.INITIAL_WAIT_SECONDS", 100.0)
    other = new_bucket(api, "stills")
    records = [*written(world, bucket, range(3)), *written(world, other, range(2))]
    faults = Faults(world.client).always(throttled)
    response = world.pump.objects.deliver(records)
    faults.remove()
    assert response["batchItemFailures"] == [{"itemIdentifier": records[0]["dynamodb"]["SequenceNumber"]}]
    world.pump.objects.deliver(records)
    assert (shown(bucket)["object_count"], shown(other)["object_count"]) == (3, 2)


def test_a_thousand_records_of_three_buckets_cost_one_write_per_bucket_and_one_for_the_namespace(
    world: World, api: Api, bucket: str
) -> None:
    buckets = [bucket, new_bucket(api, "stills"), new_bucket(api, "reels")]
    (template,) = written(world, bucket, range(1))
    all_records = numbered([for_object(template, buckets[number % 3], number) for number in range(1003)], 10**30)
    first, records = all_records[:3], all_records[3:]
    with traffic(world) as seen:  # the first write of a tally also checks its bucket
        world.pump.objects.deliver(first)
        world.pump.catalog.deliver(world.pump.catalog.new())
    assert seen.calls.count("TransactWriteItems") == 4
    with traffic(world) as seen:
        world.pump.objects.deliver(records)
    assert seen.calls.count("UpdateItem") == 3
    assert set(seen.calls) == {"GetItem", "UpdateItem"}
    with traffic(world) as seen:
        world.pump.catalog.deliver(world.pump.catalog.new())
    assert seen.calls.count("UpdateItem") == 1
    with traffic(world) as seen:
        world.pump.objects.deliver(records)
    assert "UpdateItem" not in seen.calls
    assert api.get("/v1/namespaces/films").json["object_count"] == 1003


def test_a_change_without_effect_on_statistics_makes_no_call(world: World, bucket: str) -> None:
    write_object(world, bucket, "obj_1", 5)
    world.pump()
    write_object(world, bucket, "obj_1", 5, updated_at="2026-02-02T00:00:00.000Z")
    records = world.pump.objects.new()
    assert records
    with traffic(world) as seen:
        world.pump.objects.deliver(records)
    assert seen.calls == []


def test_other_catalog_rows_and_namespace_tallies_make_no_call(world: World, api: Api, bucket: str) -> None:
    write_object(world, bucket, "obj_1", 5)
    world.pump()
    api.patch(f"/v1/buckets/{bucket}", {"description": "New"})
    records = [r for r in world.pump.catalog.history() if not r["dynamodb"]["Keys"]["sk"]["S"].endswith("#TALLY")]
    own = [r for r in world.pump.catalog.history() if r["dynamodb"]["Keys"]["sk"]["S"] == "#TALLY"]
    assert records
    assert own
    with traffic(world) as seen:
        world.pump.catalog.deliver([*records, *own])
    assert seen.calls == []


def for_object(record: Record, bucket_id: str, number: int) -> Record:
    """The record with the keys of another object."""
    row = {"bucket_id": {"S": bucket_id}, "object_id": {"S": f"obj_{number}"}}
    change = {**record["dynamodb"], "Keys": row, "NewImage": {**record["dynamodb"]["NewImage"], **row}}
    return {**record, "dynamodb": change}


def no_client() -> Any:
    raise AssertionError("this client must not be used")


def without_pauses(services: Services) -> Any:
    """The statistics of these services, which compare again without waiting."""
    stats = services.stats
    return replace(stats, tallies=replace(stats.tallies, pause=lambda seconds: None))


def services_with_queue(world: World) -> tuple[Any, Services]:
    """An SQS client with a new queue, and services that use it as their dead-letter queue."""
    queue: Any = Session().create_client("sqs", "us-east-1")
    backends_of(world.client).attach(queue)
    url = queue.create_queue(QueueName=world.tables.catalog)["QueueUrl"]
    settings = replace(world.settings, dead_letter_queue_url=url)
    return queue, build(settings, world.client, no_client, lambda: queue, clock=world.clock)
