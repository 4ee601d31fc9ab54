"""A hook in a real process of its own that ends, or never returns, while messages are delivered several times."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.processing.python_hook.client import PythonHook
from tests.support.batches import BatchWorld, new_batch_world
from tests.support.objects import create_object_bucket
from tests.support.world import World

COUNT = 100
DELIVERIES = 5


@pytest.fixture(params=["exits", "never_returns"])
def run(world: World, request: pytest.FixtureRequest) -> Iterator[BatchWorld]:
    seconds = 20.0 if request.param == "exits" else 0.5
    hook = PythonHook(f"tests.batches.hooks:{request.param}", world.services.objects.blobs, seconds)
    yield new_batch_world(world, processor=hook)
    hook.close()


def test_a_hook_that_dies_or_hangs_fails_only_its_object(run: BatchWorld) -> None:
    api = run.api
    bucket = create_object_bucket(api)
    rows = [{"number": number} for number in range(1, COUNT + 1)]
    ids = [
        each["object_id"]
        for each in api.post(f"/v1/buckets/{bucket}/objects/batch", {"objects": rows}).json["succeeded"]
    ]
    batch = api.post(f"/v1/buckets/{bucket}/batches", {"object_ids": ids}).json
    path = f"/v1/buckets/{bucket}/batches/{batch['batch_id']}"
    api.post(f"{path}/submit")
    run.pump(rng=random.Random(1), repeats=DELIVERIES)
    found = api.get(path).json
    assert found["status"] == "COMPLETED_WITH_ERRORS"
    assert (found["progress"]["processed"], found["error_summary"]) == (COUNT, {"resource": 1})
    assert [each["object_id"] for each in found["failed_objects"]] == [ids[36]]
    audit: dict[str, Any] = api.get(f"{path}/audit").json
    assert audit["all_balanced"]
    statuses = Counter(api.get(f"/v1/buckets/{bucket}/objects/{id_}").json["status"] for id_ in ids)
    assert statuses == {"COMPLETED": COUNT - 1, "FAILED": 1}
