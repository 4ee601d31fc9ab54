"""The operations about webhooks on the cost page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bench.scenario import WEBHOOK, WEBHOOK_BUCKET, webhook_event

if TYPE_CHECKING:
    from bench.workload import Row, World

ADAPTER = "/v1/buckets/{bucket_identifier}/source-adapter"
# So many deliveries become one batch.
WINDOW = 20


def webhooks(world: World, runs: int) -> Iterator[Row]:
    """Measures webhooks of about two kilobytes, and what follows from them."""
    batching = {"mode": "count", "max_batch_size": WINDOW}
    adapter = {**WEBHOOK_BUCKET["source_adapter"], "batching": batching}
    bucket_id = world.call("POST", "/v1/buckets", body={**WEBHOOK_BUCKET, "source_adapter": adapter})["bucket_id"]
    ids = {"adapter_type": "generic_webhook", "bucket_id": bucket_id}
    bucket = {"bucket_identifier": bucket_id}

    def deliver(kind: str, number: int) -> str:
        response = world.app(webhook_event(ids, {**WEBHOOK, "id": f"{kind}-{number}"}), None)
        assert response["statusCode"] == 200, response
        return str(json.loads(response["body"])["status"])

    def refuse(_: int) -> None:
        response = world.app(webhook_event(ids, WEBHOOK, secret="another secret"), None)
        assert response["statusCode"] == 401, response

    deliver("first", 0)
    yield world.measured("receive a webhook that becomes an object", lambda n: deliver("new", n), runs)
    yield world.measured("receive the same webhook again", lambda _: deliver("first", 0), runs)
    yield world.measured("refuse a webhook with a bad signature", refuse, runs)
    world.sources.drain()
    for number in range(WINDOW):
        deliver("window", number)
    yield world.in_background(f"count {WINDOW} deliveries, and add them to a window", world.sources.drain)
    yield world.measured("get the status of a source adapter", lambda _: _call(world, "GET", "/status", bucket), runs)
    chosen: dict[str, Any] = {"limit": WINDOW}
    yield world.measured(
        f"list {WINDOW} deliveries", lambda _: _call(world, "POST", "/deliveries/list", bucket, chosen), runs
    )
    yield world.measured(
        f"test an adapter on {WINDOW} deliveries", lambda _: _call(world, "POST", "/test", bucket, chosen), runs
    )
    yield world.measured(f"replay {WINDOW} deliveries", lambda _: _call(world, "POST", "/replay", bucket, chosen), runs)


def _call(world: World, method: str, path: str, variables: dict[str, str], body: Any = None) -> None:
    world.call(method, ADAPTER + path, variables, body)
