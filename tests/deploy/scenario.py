"""A stage in which everything happens that its queries and its dashboard show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chalicelib.aws.retry import OutcomeUnknown
from chalicelib.batches.running import ChunkRunner
from chalicelib.buckets.service import Buckets
from chalicelib.deletion.workers import BucketDeletion
from chalicelib.deliveries.routes import WEBHOOK
from chalicelib.stats.service import Statistics
from chalicelib.tasks.execution import MAX_TASK_ATTEMPTS
from tests.support.api import Api, ApiResponse
from tests.support.batches import BatchWorld, new_batch_world
from tests.support.pump import Record
from tests.support.stage_log import StageLog, failing
from tests.support.webhooks import ADAPTER, SCHEMA, SECRET, anonymous, encoded, event, signed
from tests.support.world import World

BUCKETS, BUCKET = "/v1/buckets", "/v1/buckets/{bucket_identifier}"
OBJECTS = BUCKET + "/objects"
BATCHES = BUCKET + "/batches"
MISSING_BUCKET = "bkt_0000000000000000"
BROKEN = RuntimeError("broken")
OTHER = "not-the-secret-of-the-adapter"


@dataclass
class Scenario:
    """The stage with its logs, and the ids that its queries show."""

    stage: StageLog
    run: BatchWorld
    bucket: str = ""
    failed_task: str = ""

    @property
    def world(self) -> World:
        return self.run.world

    def send(
        self, method: str, route: str, body: object = None, *, bucket: str = "", batch: str = "", api: Api | None = None
    ) -> ApiResponse:
        """Sends a request with the first key, or through another client."""
        path = {"bucket_identifier": bucket, "batch_id": batch}
        return self.stage.send(self.world, api or self.run.api, method, route, body, path=path)

    def sent(self, method: str, route: str, body: object = None, *, bucket: str = "", batch: str = "") -> Any:
        """Sends a request, which must succeed, and returns the body of the response."""
        reply = self.send(method, route, body, bucket=bucket, batch=batch)
        assert reply.status == 200, reply.text
        return reply.json


def play(stage: StageLog, world: World) -> Scenario:
    """Plays the scenario, and returns it."""
    scenario = Scenario(stage, new_batch_world(world))
    _requests(scenario)
    _webhooks(scenario)
    _stream_records(scenario)
    _batch(scenario)
    _failed_task(scenario)
    return scenario


def _requests(scenario: Scenario) -> None:
    new = {"bucket_name": "films", "bucket_schema": SCHEMA, "source_adapter": ADAPTER}
    scenario.bucket = scenario.sent("POST", BUCKETS, new)["bucket_id"]
    for number in range(3):
        scenario.sent("POST", OBJECTS, {"title": f"Film {number}"}, bucket="films")
    world = scenario.world
    reader = scenario.run.api.using(key=world.key_for(world.organization_id, "read"))
    for _ in range(4):
        assert scenario.send("GET", BUCKETS, api=reader).status == 200
    assert scenario.send("GET", BUCKET, bucket=MISSING_BUCKET).status == 404
    assert scenario.send("POST", BUCKETS, new).status == 409
    assert scenario.send("DELETE", BUCKETS).status == 405
    for error, status in ((BROKEN, 500), (OutcomeUnknown(), 503), (BROKEN, 500)):
        with failing(Buckets, "get", error):
            assert scenario.send("GET", BUCKET, bucket="films").status == status


def _webhooks(scenario: Scenario) -> None:
    """Sends two events, one of them twice, and then two that are signed with another secret."""
    world, path = scenario.world, {"adapter_type": "generic_webhook", "bucket_id": scenario.bucket}
    for number, secret, status in (
        (1, SECRET, 200),
        (2, SECRET, 200),
        (2, SECRET, 200),
        (3, OTHER, 401),
        (4, OTHER, 401),
    ):
        body = encoded(event(number))
        headers = signed(world, body, secret=secret)
        reply = scenario.stage.send(world, anonymous(world), "POST", WEBHOOK, body, path=path, headers=headers)
        assert reply.status == status, reply.text


def _stream_records(scenario: Scenario) -> None:
    """Delivers the records of the objects table: one that cannot be read, then all, which fails at first."""
    objects = scenario.world.pump.objects
    records = objects.new()
    with scenario.stage.function("OnObjectsChange"):
        assert objects.deliver([_unreadable(records[0])])["batchItemFailures"] == []
        with failing(Statistics, "fold", BROKEN):
            assert len(objects.deliver(records)["batchItemFailures"]) == 1
        assert objects.deliver(records)["batchItemFailures"] == []


def _unreadable(record: Record) -> Record:
    image = {name: value for name, value in record["dynamodb"]["NewImage"].items() if name != "size_bytes"}
    return {**record, "dynamodb": {**record["dynamodb"], "NewImage": image}}


def _batch(scenario: Scenario) -> None:
    ids = [
        scenario.sent("POST", OBJECTS, {"title": f"Film {number}"}, bucket="films")["object_id"] for number in (7, 8)
    ]
    batch = scenario.sent("POST", BATCHES, {"object_ids": ids}, bucket="films")["batch_id"]
    scenario.sent("POST", BATCHES + "/{batch_id}/submit", {}, bucket="films", batch=batch)
    with failing(ChunkRunner, "run", BROKEN):
        scenario.stage.drain(scenario.run)
    found = scenario.sent("GET", BATCHES + "/{batch_id}", bucket="films", batch=batch)
    assert found["status"] == "COMPLETED", found


def _failed_task(scenario: Scenario) -> None:
    scenario.sent("POST", BUCKETS, {"bucket_name": "old", "bucket_schema": SCHEMA})
    scenario.failed_task = scenario.sent("DELETE", BUCKET, bucket="old")["task_id"]
    with failing(BucketDeletion, "run", *[BROKEN] * MAX_TASK_ATTEMPTS):
        scenario.stage.drain(scenario.run)
    (dead,) = scenario.run.queues.tasks.dead
    assert dead.content["task_id"] == scenario.failed_task
