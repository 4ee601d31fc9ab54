"""Sending events to a bus, and failures."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError
from hypothesis import given
from hypothesis import strategies as st
from moto.events.utils import EventTemplateParser

from chalicelib.aws.clients import sqs_client
from chalicelib.aws.event_buses import MAX_CALL_BYTES, MAX_ENTRIES, calls, entry_bytes
from chalicelib.connections import connect_events
from chalicelib.core.clock import parse_timestamp
from chalicelib.events.bus import EventBus, EventsNotSent
from chalicelib.events.reading import events_in
from chalicelib.settings import SettingInvalid, read_settings
from chalicelib.stream_wiring import build_event_feed
from tests.batches.scenes import new_objects
from tests.events.buses import BUS, MemoryBus
from tests.events.records import object_row, record
from tests.support.batches import BatchWorld
from tests.support.catalog import catalog, partition_of
from tests.support.engine import backends_of
from tests.support.log import Log
from tests.support.object_rows import write_minimal_object
from tests.support.objects import create_object_bucket
from tests.support.world import World


def failing(bus: MemoryBus, error: int | Exception, *, at: int) -> None:
    """Makes the call with this number fail: with this number of entries that fail, or with an error."""

    def fail(entries: list[Any]) -> int | None:
        if bus.calls != at:
            return None
        if isinstance(error, Exception):
            raise error
        return error

    bus.before = fail


@pytest.mark.parametrize("error", [1, 10, ConnectTimeoutError(endpoint_url="https://events")])
def test_lambda_delivers_again_from_the_first_event_that_was_not_accepted(
    run: BatchWorld, bus: MemoryBus, error: int | Exception
) -> None:
    bucket = create_object_bucket(run.api)
    run.pump()
    bus.calls, sent = 0, len(bus.new())
    assert sent == 1
    ids = new_objects(run.api, bucket, 35)
    failing(bus, error, at=2)
    source = run.world.pump.objects
    records = source.new()
    (failure,) = source.deliver(records)["batchItemFailures"]
    assert failure == {"itemIdentifier": records[10]["dynamodb"]["SequenceNumber"]}
    assert bus.calls == 2, "after a failure nothing else is sent"
    assert len(bus.new()) == (10 if isinstance(error, Exception) else 20 - error)
    run.world.pump.catalog.drain()
    assert run.api.get(f"/v1/buckets/{bucket}").json["object_count"] == 35, "nothing else has failed"
    assert source.deliver(records[10:])["batchItemFailures"] == []
    created = [event["data"]["object_id"] for event in bus.details() if event["type"] == "object.created"]
    assert set(created) == set(ids)


def test_tasks_start_although_no_event_is_accepted(run: BatchWorld, bus: MemoryBus) -> None:
    bucket = create_object_bucket(run.api)
    run.pump()
    assert run.api.patch(f"/v1/buckets/{bucket}", {"description": "?"}).status == 200
    assert run.api.call("DELETE", f"/v1/buckets/{bucket}").status == 200
    failing(bus, 1, at=bus.calls + 1)
    source = run.world.pump.catalog
    records = source.new()
    assert source.deliver(records)["batchItemFailures"]
    assert run.queues.tasks.waiting


def test_a_damaged_row_does_not_stop_the_stream(run: BatchWorld, bus: MemoryBus, log: Log) -> None:
    bucket = create_object_bucket(run.api)
    run.pump()
    write_minimal_object(run.world, bucket)
    new_objects(run.api, bucket, 1)
    bus.new()
    run.pump()
    assert [event["type"] for event in bus.new()] == ["object.created"]
    assert [line["level"] for line in log.lines if line["message"] == "An event cannot be described"] == ["ERROR"]


def test_an_entry_has_type_time_and_the_event_as_its_detail() -> None:
    bus = MemoryBus()
    (found,) = events_in([record(None, object_row())])
    EventBus(lambda: bus, BUS).send([found.event])
    (entry,) = bus.entries
    assert (entry["Source"], entry["DetailType"]) == ("buckets-api", "object.created")
    assert entry["Time"] == parse_timestamp(found.event.time)
    assert json.loads(entry["Detail"])["id"] == found.event.id


def test_the_error_names_the_codes_of_the_bus() -> None:
    bus = MemoryBus()
    bus.before = lambda entries: 2
    events = [found.event for found in events_in([record(None, object_row()) for _ in range(3)])]
    with pytest.raises(EventsNotSent, match=r"^2 of 3 events were not accepted: ThrottlingException$"):
        EventBus(lambda: bus, BUS).send(events)


texts = st.text(max_size=3)


@given(st.lists(st.tuples(texts, st.integers(0, 70_000)), max_size=40))
def test_calls_keep_the_limits_and_the_order(details: list[tuple[str, int]]) -> None:
    entries = [{"Source": "s", "DetailType": "t", "Detail": text + "é" * length} for text, length in details]
    groups = list(calls(entries))
    assert [entry for group in groups for entry in group] == entries
    assert all(0 < len(group) <= MAX_ENTRIES for group in groups)
    assert all(sum(map(entry_bytes, group)) <= MAX_CALL_BYTES for group in groups)
    for group, following in itertools.pairwise(groups):
        is_full = len(group) == MAX_ENTRIES or sum(map(entry_bytes, [*group, following[0]])) > MAX_CALL_BYTES
        assert is_full, "no call could have had one entry more"


@pytest.mark.parametrize("name", ["default", "films", "aws.partner/example.com/films", "a" * 256])
def test_the_name_of_a_bus_is_accepted(name: str) -> None:
    assert read_settings({"BUCKETS_EVENT_BUS_NAME": name}).event_bus_name == name


@pytest.mark.parametrize(
    "name", ["films and more", "arn:aws:events:eu-central-1:123456789012:event-bus/films", "a" * 257]
)
def test_another_name_is_rejected(name: str) -> None:
    with pytest.raises(SettingInvalid, match="BUCKETS_EVENT_BUS_NAME"):
        read_settings({"BUCKETS_EVENT_BUS_NAME": name})


def test_without_a_bus_nothing_is_sent(world: World, bus: MemoryBus) -> None:
    assert build_event_feed(world.settings, lambda: bus) == []
    create_object_bucket(world.api())
    world.pump()
    assert bus.calls == 0


def test_a_rule_of_eventbridge_receives_the_events(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uses the EventBridge and the SQS of moto, with the client of the service."""
    # moto needs another package for input transformers. Without a transformer, a target receives the event itself.
    monkeypatch.setattr(EventTemplateParser, "parse", staticmethod(lambda *, event, **_: event))
    settings = replace(world.settings, event_bus_name=BUS)
    backends = backends_of(world.client)
    client: Any = connect_events(settings)()
    queues: Any = sqs_client(settings)
    for each in (client, queues):
        backends.attach(each)
    url = queues.create_queue(QueueName="films")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client.create_event_bus(Name=BUS)
    pattern = {"source": ["buckets-api"], "detail-type": [{"prefix": "object."}]}
    client.put_rule(Name="objects", EventBusName=BUS, EventPattern=json.dumps(pattern))
    client.put_targets(Rule="objects", EventBusName=BUS, Targets=[{"Id": "1", "Arn": arn}])
    (feed,) = build_event_feed(settings, lambda: client)
    changed = [record(None, object_row()), record(object_row(), None), record(None, bucket_of(world))]
    for item in feed.work(changed, "shard"):
        item.run()
    messages = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    received = [json.loads(each["Body"]) for each in messages]
    assert sorted(each["detail-type"] for each in received) == ["object.created", "object.deleted"]
    for each in received:
        assert (each["source"], each["detail"]["type"]) == ("buckets-api", each["detail-type"])
        assert each["detail"]["data"]["object_id"] == "obj_1"


def bucket_of(world: World) -> dict[str, Any]:
    bucket = create_object_bucket(world.api())
    row = catalog(world).get({"pk": partition_of(world), "sk": f"BKT#{bucket}"})
    assert row is not None
    return row
