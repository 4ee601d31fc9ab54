from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.world import World, bucket_body

Shown = Callable[[str], dict[str, Any]]


@pytest.fixture
def bucket(api: Api) -> str:
    """The id of an empty bucket."""
    return new_bucket(api, "posters")


def new_bucket(api: Api, name: str) -> str:
    reply = api.post("/v1/buckets", bucket_body(name))
    assert reply.status == 200, reply.text
    return str(reply.json["bucket_id"])


@pytest.fixture
def shown(world: World, api: Api) -> Shown:
    """Returns the statistics in the API's response for a bucket."""

    def show(bucket_id: str) -> dict[str, Any]:
        body = api.get(f"/v1/buckets/{bucket_id}").json
        names = ("object_count", "total_size_bytes", "failed_object_count", "last_upload_at", "stats_updated_at")
        storage = body["storage_stats"]
        assert storage["total_size_bytes"] == body["total_size_bytes"]
        return {name: body[name] for name in names} | {
            "max": storage["max_size_bytes"],
            "min": storage["min_size_bytes"],
            "avg": storage["avg_size_bytes"],
        }

    return show
