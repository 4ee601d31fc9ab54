"""A bucket with objects and a batch of them, created through the API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ReadTimeoutError

from tests.support.api import Api, ApiResponse
from tests.support.batches import BatchWorld
from tests.support.client_events import handling
from tests.support.objects import create_object_bucket


@dataclass
class Scene:
    """A bucket with objects, and a batch of all of them. `path` is that of the batch."""

    run: BatchWorld
    bucket: str
    ids: list[str]
    path: str

    @property
    def batch_id(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def api(self) -> Api:
        return self.run.api

    def get(self, detail: str = "", **query: Any) -> Any:
        """Returns the batch, or a detail such as `/audit`."""
        response = self.api.get(f"{self.path}{detail}", query=query)
        assert response.status == 200, response.text
        return response.json

    def post(self, action: str, body: Any = None, **query: Any) -> ApiResponse:
        return self.api.post(f"{self.path}/{action}", body, query=query)

    def done(self, action: str, body: Any = None, **query: Any) -> Any:
        """Sends a request that must succeed, and returns the response."""
        response = self.post(action, body, **query)
        assert response.status == 200, response.text
        return response.json

    def finish(self, **submission: Any) -> Any:
        """Submits the batch, runs it to its end, and returns it."""
        self.done("submit", submission)
        self.run.pump()
        return self.get()

    def start(self) -> None:
        """Submits the batch and starts its run. The messages of its chunks are in the queue."""
        task_id = self.done("submit")["task_id"]
        self.run.streams()
        while not any(each.content["batch_id"] == self.batch_id for each in self.run.queues.batches.waiting):
            tasks = self.run.queues.tasks.waiting
            self.run.deliver_task(next(each for each in tasks if each.content["task_id"] == task_id))

    def object(self, number: int) -> ApiResponse:
        return self.api.get(f"/v1/buckets/{self.bucket}/objects/{self.ids[number]}")

    def report(self) -> list[dict[str, Any]]:
        """Returns the lines of the report."""
        settings, s3 = self.run.world.settings, self.run.world.s3
        content = s3.get_object(Bucket=settings.blob_bucket, Key=self.get()["report_key"])["Body"].read()
        return [json.loads(line) for line in content.splitlines()]

    def rows(self) -> list[str]:
        """Returns the sort keys of all rows about the batches of the bucket."""
        return [sk for pk, sk in catalog_keys(self.run) if pk.startswith("BATCHES#") and self.bucket in pk]

    def active(self) -> int:
        """Returns how many batches the bucket counts as active, after a comparison with the rows of these batches."""
        table = self.run.world.tables.catalog
        rows = self.run.world.client.scan(TableName=table, ConsistentRead=True)["Items"]
        own = [row for row in rows if row["pk"]["S"].startswith("BATCHES#") and self.bucket in row["pk"]["S"]]
        counted = [int(row["active"]["N"]) for row in own if row["sk"]["S"] == "#ACTIVITY" and "active" in row]
        marks = [row["batch_id"]["S"] for row in own if row["sk"]["S"].startswith("ACTIVE#")]
        running = [row["batch_id"]["S"] for row in own if row.get("status", {}).get("S") in ("PENDING", "IN_PROGRESS")]
        assert sorted(marks) == sorted(running)
        assert sum(counted) == len(running)
        return len(running)


def catalog_keys(run: BatchWorld) -> list[tuple[str, str]]:
    rows = run.world.client.scan(TableName=run.world.tables.catalog, ConsistentRead=True)["Items"]
    return [(row["pk"]["S"], row["sk"]["S"]) for row in rows]


def new_objects(api: Api, bucket: str, count: int) -> list[str]:
    """Creates objects whose `take` counts from 0, and returns their ids."""
    rows = [{"title": "Reel", "take": number} for number in range(count)]
    response = api.post(f"/v1/buckets/{bucket}/objects/batch", {"objects": rows})
    assert response.status == 200, response.text
    return [each["object_id"] for each in response.json["succeeded"]]


def new_scene(run: BatchWorld, count: int = 3, name: str = "reels", **body: Any) -> Scene:
    bucket = create_object_bucket(run.api, name)
    ids = new_objects(run.api, bucket, count) if count else []
    return add_batch(run, bucket, ids, **body)


def add_batch(run: BatchWorld, bucket: str, ids: list[str], **body: Any) -> Scene:
    """Creates a batch of these objects of the bucket."""
    response = run.api.post(f"/v1/buckets/{bucket}/batches", {**({"object_ids": ids} if ids else {}), **body})
    assert response.status == 200, response.text
    return Scene(run, bucket, ids, f"/v1/buckets/{bucket}/batches/{response.json['batch_id']}")


def take(stored: Any) -> int:
    """Returns the number of an object that `new_objects` created."""
    return int(stored.values["take"])


@contextmanager
def before_next(client: BaseClient, operation: str, act: Callable[[], object], *, at: int = 1) -> Iterator[None]:
    """Calls `act` before the next call of this operation, or before the one with the number `at`, reaches AWS."""
    numbers = iter(range(1, 1000))

    def run(**_: Any) -> None:
        if next(numbers) == at:
            act()

    event = f"before-call.{client.meta.service_model.service_name}.{operation}"
    with handling(client, event, run):
        yield


@contextmanager
def response_lost(client: BaseClient, operation: str, *, is_applied: bool) -> Iterator[list[str]]:
    """Makes the next call of this operation time out, after it was executed or without that. Yields the lost calls."""
    lost: list[str] = []

    def time_out(**_: Any) -> None:
        if not lost:
            lost.append(operation)
            raise ReadTimeoutError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com")

    moment = "after-call" if is_applied else "before-call"
    event = f"{moment}.{client.meta.service_model.service_name}.{operation}"
    with handling(client, event, time_out):
        yield lost
