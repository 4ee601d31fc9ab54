"""The streams' functions as Lambda calls them: hand-made events, and what is answered to each."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.session import Session

import app
from chalicelib.services import Services
from chalicelib.stats.handlers import ShardUnnamed
from chalicelib.wiring import build
from tests.stats.conftest import Shown, new_bucket
from tests.support.api import Api
from tests.support.engine import backends_of
from tests.support.faults import Faults, throttled
from tests.support.pump import Record, services_of_app
from tests.support.rows import write_object
from tests.support.seeding import traffic
from tests.support.world import World


def written(world: World, bucket: str, sizes: range) -> list[Record]:
    """The records of new objects, none of them delivered."""
    for size in sizes:
        write_object(world, bucket, f"obj_{size}", size)
    return world.pump.objects.new()


def numbered(records: list[Record], first: int) -> list[Record]:
    """The same records, as a shard of its own would number them."""
    return [
        {**record, "dynamodb": {**record["dynamodb"], "SequenceNumber": str(first + place)}}
        for place, record in enumerate(records)
    ]


def damaged(record: Record) -> Record:
    """The record without the size of the object."""
    image = {name: value for name, value in record["dynamodb"]["NewImage"].items() if name != "size_bytes"}
    return {**record, "dynamodb": {**record["dynamodb"], "NewImage": image}}


def test_shards_number_their_records_independently(world: World, bucket: str, shown: Shown) -> None:
    records = written(world, bucket, range(1, 7))
    deliver = world.pump.objects.deliver
    # As numbers 9 comes before 10, as texts after it; and each shard begins where it likes.
    for _ in range(2):
        assert deliver(numbered(records[:3], 8), shard="a")["batchItemFailures"] == []
        assert deliver(numbered(records[3:], 2**80), shard="b")["batchItemFailures"] == []
    assert shown(bucket)["object_count"] == 6


def test_the_last_call_of_a_window_has_no_records_and_its_state_comes_back(world: World) -> None:
    answer = world.pump.objects.deliver([], isFinalInvokeForWindow=True, state={"kept": 1})
    assert answer == {"batchItemFailures": [], "state": {"kept": 1}}
    assert world.pump.catalog.deliver([], state={})["state"] == {}


@pytest.mark.parametrize("missing", [None, ""])
def test_an_event_that_does_not_name_its_shard_is_refused_loudly_and_counts_nothing(
    world: World, bucket: str, shown: Shown, missing: str | None
) -> None:
    records = written(world, bucket, range(2))
    with pytest.raises(ShardUnnamed, match="BUCKETS_SINGLE_STREAM_SHARD"):
        world.pump.objects.deliver(records, shardId=missing)
    assert shown(bucket)["object_count"] == 0


def test_an_emulator_with_one_shard_need_not_name_it(world: World, bucket: str, shown: Shown) -> None:
    settings = replace(world.settings, single_stream_shard=True)
    services = build(settings, world.client, no_client, clock=world.clock)
    records = written(world, bucket, range(2))
    with services_of_app(lambda: services):
        for _ in range(2):
            app.on_objects_change({"Records": records}, None)
    assert shown(bucket)["object_count"] == 2


def test_an_unreadable_record_is_kept_marked_and_passed_by(world: World, api: Api, bucket: str, shown: Shown) -> None:
    other = new_bucket(api, "stills")
    records = [*written(world, bucket, range(1, 4)), *written(world, other, range(1, 3))]
    records[1] = damaged(records[1])
    queue, services = with_a_queue(world)
    with services_of_app(lambda: services):
        event = {"Records": records, "shardId": "shard-7"}
        assert app.on_objects_change(event, None) == {"batchItemFailures": []}
    (message,) = queue.receive_message(QueueUrl=services.feed.dead_letters.url, MaxNumberOfMessages=10)["Messages"]
    kept = json.loads(message["Body"])
    assert kept["shard"] == "shard-7"
    assert kept["sequence"] == records[1]["dynamodb"]["SequenceNumber"]
    assert kept["bucket_id"] == bucket
    assert "document" not in message["Body"]
    assert shown(bucket)["object_count"] == 2
    assert shown(other)["object_count"] == 2
    ns = records[0]["dynamodb"]["NewImage"]["ns"]["S"]
    assert "recount_due" in [difference.name for difference in quick(services).verify(ns, bucket)]
    assert quick(services).verify(ns, other) == []


def test_a_dead_letter_that_cannot_be_kept_is_delivered_again(world: World, bucket: str) -> None:
    records = written(world, bucket, range(3))
    records[1] = damaged(records[1])
    settings = replace(world.settings, dead_letter_queue_url="https://sqs/gone")

    def broken() -> Any:
        raise OSError("no connection")

    services = build(settings, world.client, no_client, broken, clock=world.clock)
    with services_of_app(lambda: services):
        answer = app.on_objects_change({"Records": records, "shardId": "shard-7"}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": records[0]["dynamodb"]["SequenceNumber"]}]}


@pytest.mark.parametrize(
    "spoil",
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
def test_nothing_that_an_image_may_hold_stops_the_fold(
    world: World, bucket: str, shown: Shown, spoil: dict[str, Any]
) -> None:
    records = written(world, bucket, range(2))
    image = {**records[0]["dynamodb"]["NewImage"], **spoil}
    records[0] = {**records[0], "dynamodb": {**records[0]["dynamodb"], "NewImage": image}}
    assert world.pump.objects.deliver(records)["batchItemFailures"] == []
    assert shown(bucket)["object_count"] == 1


def test_what_cannot_be_written_is_told_from_its_first_record_and_others_do_not_wait(
    world: World, api: Api, bucket: str, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = new_bucket(api, "stills")
    first, second = written(world, other, range(1)), written(world, bucket, range(3))
    third = written(world, other, range(1, 3))
    fold = type(world.services.stats).fold

    def troubled(self: Any, ns: str, bucket_id: str | None, changes: Any, **more: Any) -> None:
        if bucket_id == bucket:
            raise TimeoutError("DynamoDB does not answer")
        fold(self, ns, bucket_id, changes, **more)

    with monkeypatch.context() as patch:
        patch.setattr(type(world.services.stats), "fold", troubled)
        answer = world.pump.objects.deliver([*first, *second, *third])
    assert answer["batchItemFailures"] == [{"itemIdentifier": second[0]["dynamodb"]["SequenceNumber"]}]
    assert shown(other)["object_count"] == 3
    assert world.pump.objects.deliver([*second, *third])["batchItemFailures"] == []
    assert (shown(bucket)["object_count"], shown(other)["object_count"]) == (3, 3)


def test_a_storage_that_is_throttled_is_reported_from_the_first_record_and_nothing_is_lost(
    world: World, api: Api, bucket: str, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.aws.retry.FIRST_WAIT_SECONDS", 100.0)
    other = new_bucket(api, "stills")
    records = [*written(world, bucket, range(3)), *written(world, other, range(2))]
    faults = Faults(world.client).always(throttled)
    answer = world.pump.objects.deliver(records)
    faults.remove()
    assert answer["batchItemFailures"] == [{"itemIdentifier": records[0]["dynamodb"]["SequenceNumber"]}]
    world.pump.objects.deliver(records)
    assert (shown(bucket)["object_count"], shown(other)["object_count"]) == (3, 2)


def test_a_thousand_records_of_three_buckets_cost_one_write_each_and_one_for_their_namespace(
    world: World, api: Api, bucket: str
) -> None:
    buckets = [bucket, new_bucket(api, "stills"), new_bucket(api, "reels")]
    (template,) = written(world, bucket, range(1))
    every = numbered([of(template, buckets[number % 3], number) for number in range(1003)], 10**30)
    first, records = every[:3], every[3:]
    with traffic(world) as seen:  # a tally is begun together with a look at its bucket
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


def test_a_change_of_nothing_that_counts_costs_no_call(world: World, bucket: str) -> None:
    write_object(world, bucket, "obj_1", 5)
    world.pump()
    write_object(world, bucket, "obj_1", 5, updated_at="2026-02-02T00:00:00.000Z")
    records = world.pump.objects.new()
    assert records
    with traffic(world) as seen:
        world.pump.objects.deliver(records)
    assert seen.calls == []


def test_the_catalogs_other_rows_and_its_own_writes_cost_no_call(world: World, api: Api, bucket: str) -> None:
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


def of(record: Record, bucket_id: str, number: int) -> Record:
    """The record of another new object, of another bucket."""
    row = {"bucket_id": {"S": bucket_id}, "object_id": {"S": f"obj_{number}"}}
    change = {**record["dynamodb"], "Keys": row, "NewImage": {**record["dynamodb"]["NewImage"], **row}}
    return {**record, "dynamodb": change}


def no_client() -> Any:
    raise AssertionError("nothing is to be called here")


def quick(services: Services) -> Any:
    """The services' statistics, which do not wait before they look again."""
    stats = services.stats
    return replace(stats, tallies=replace(stats.tallies, pause=lambda seconds: None))


def with_a_queue(world: World) -> tuple[Any, Services]:
    """A queue of the engine, and services that know it."""
    queue: Any = Session().create_client("sqs", "us-east-1")
    backends_of(world.client).attach(queue)
    url = queue.create_queue(QueueName=world.tables.catalog)["QueueUrl"]
    settings = replace(world.settings, dead_letter_queue_url=url)
    return queue, build(settings, world.client, no_client, lambda: queue, clock=world.clock)
