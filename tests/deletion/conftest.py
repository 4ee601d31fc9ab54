from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.aws.dynamodb.expressions import equals
from chalicelib.keys import partition
from chalicelib.tasks.task import Task
from chalicelib.tasks.worker import Worker
from tests.support.api import Api
from tests.support.catalog import catalog
from tests.support.objects import blob_keys
from tests.support.task_queue import TaskHarness, new_task_harness
from tests.support.world import World


@dataclass
class Work:
    """Runs the tasks of a test with the workers of the service."""

    world: World
    harness: TaskHarness
    workers: Mapping[str, Worker]

    def send(self, task_id: str) -> None:
        """Puts the message of a task into the queue, as the outbox does."""
        self.harness.runner.queue.send(self.world.organization_id, task_id)

    def complete(self, task_id: str) -> Task:
        """Runs a task until its queue is empty, and returns it."""
        self.send(task_id)
        self.harness.pump()
        return self.world.services.tasks.get(self.world.organization_id, task_id)

    def do_slice(self, task: Task) -> None:
        """Runs one slice of a task in the given state. Its progress is not saved, as if the worker was killed."""
        self.workers[task.task_type].run(task)

    def rows(self) -> list[dict[str, Any]]:
        """Returns all rows of the objects table."""
        pages = self.world.client.get_paginator("scan").paginate(TableName=self.world.tables.objects)
        return [row for page in pages for row in page["Items"]]

    def catalog_keys(self, namespace_id: str) -> list[str]:
        """Returns the sort keys of all rows in the catalog partition of a namespace."""
        rows = catalog(self.world).query(equals("pk", partition(self.world.organization_id, namespace_id)))
        return [row["sk"] for row in rows]

    def check_bucket_is_removed(self, bucket_id: str, namespace_id: str) -> None:
        """Checks that no object, catalog row or blob of a bucket remains after all stream records are processed."""
        self.world.pump()
        assert [row for row in self.rows() if row["bucket_id"]["S"] == bucket_id] == []
        assert [key for key in blob_keys(self.world) if bucket_id in key] == []
        assert [sk for sk in self.catalog_keys(namespace_id) if bucket_id in sk] == []


def new_work(world: World) -> Work:
    """Returns the tasks of a test, with an empty queue."""
    workers = {name: make() for name, make in world.services.runner.workers.items()}
    return Work(world, new_task_harness(world, workers), workers)


@pytest.fixture
def work(world: World) -> Work:
    return new_work(world)


@pytest.fixture
def namespace_id(api: Api) -> str:
    return str(api.get("/v1/namespaces/films").json["namespace_id"])
