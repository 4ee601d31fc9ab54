"""Events of a deployed stage, which a rule of an EventBridge bus sends to a queue."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from mixpeek.models.create_object_request import CreateObjectRequest

from tests.contract.conftest import new_sdk
from tests.deployed.emulator import Emulator, eventually
from tests.deployed.stage import StageOnEmulator

SCHEMA = {"properties": {"number": {"type": "integer"}}}
BUS = "films"


@dataclass
class Receiver:
    """A queue that receives the events of the bus which match a pattern."""

    emulator: Emulator
    url: str
    events: dict[str, dict[str, Any]] = field(default_factory=dict)

    def types(self) -> list[str]:
        """Returns the sorted types of all events so far. An event that is received twice counts once."""
        received = self.emulator.client("sqs").receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        for message in received.get("Messages", ()):
            event = json.loads(message["Body"])
            assert event["source"] == "buckets-api"
            assert event["detail"]["type"] == event["detail-type"]
            self.events[event["detail"]["id"]] = event["detail"]
            self.emulator.client("sqs").delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return sorted(event["type"] for event in self.events.values())


@pytest.fixture
def receiver(emulator: Emulator) -> Iterator[Receiver]:
    events, queues = emulator.client("events"), emulator.client("sqs")
    bus = events.create_event_bus(Name=BUS)["EventBusArn"]
    url = queues.create_queue(QueueName="of-events")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="changes", EventBusName=BUS, EventPattern=json.dumps({"source": ["buckets-api"]}))
    events.put_targets(Rule="changes", EventBusName=BUS, Targets=[{"Id": "queue", "Arn": arn}])
    assert bus.endswith(f":event-bus/{BUS}")
    yield Receiver(emulator, url)
    events.remove_targets(Rule="changes", EventBusName=BUS, Ids=["queue"])
    events.delete_rule(Name="changes", EventBusName=BUS)
    events.delete_event_bus(Name=BUS)
    queues.delete_queue(QueueUrl=url)


def test_a_rule_receives_the_events_of_a_stage(new_stage: Callable[[str], StageOnEmulator], receiver: Receiver) -> None:
    stage = new_stage("eventful")
    result = stage.deploy(f"EventBusName={BUS}")
    assert result.exit_code == 0, result.progress
    sdk = new_sdk(stage.address, result.exports["MIXPEEK_API_KEY"], "default")
    bucket = sdk.client.buckets.create(name="reels", bucket_schema=SCHEMA).bucket_id
    made = sdk.objects.create_object_buckets(bucket, CreateObjectRequest.from_dict({"number": 1}))
    eventually(lambda: receiver.types() == ["bucket.created", "object.created"])
    sdk.client.buckets.delete(bucket)
    eventually(lambda: receiver.types() == ["bucket.created", "bucket.deleted", "object.created", "object.deleted"])
    of_object = [event for event in receiver.events.values() if event["type"].startswith("object.")]
    assert {event["data"]["object_id"] for event in of_object} == {made.object_id}
    assert {event["data"]["bucket_id"] for event in receiver.events.values()} == {bucket}
