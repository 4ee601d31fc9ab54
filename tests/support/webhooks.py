"""Signed webhooks, as senders make them, and the response of the API to them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from tests.support.api import Api, ApiResponse
from tests.support.world import World

SECRET = "a-secret-of-the-test"
# A bucket whose objects come from webhooks of any sender.
SCHEMA: dict[str, Any] = {
    "properties": {
        "title": {"type": "string"},
        "rating": {"type": "integer"},
        "film_id": {"type": "string"},
        "video": {"type": "video"},
    }
}
ADAPTER: dict[str, Any] = {
    "adapter_type": "generic_webhook",
    "webhook_secret": SECRET,
    "field_mapping": {"data.title": "title", "data.rating": "rating", "data.film": "film_id"},
}


def new_adapter_bucket(api: Api, *, name: str = "films", unique_key: Any = None, **adapter: Any) -> str:
    """Creates a bucket with a source adapter, and returns its id."""
    body: dict[str, Any] = {"bucket_name": name, "bucket_schema": SCHEMA, "source_adapter": {**ADAPTER, **adapter}}
    if unique_key is not None:
        body["unique_key"] = unique_key
    created = api.post("/v1/buckets", body)
    assert created.status == 200, created.text
    return str(created.json["bucket_id"])


def encoded(payload: Any) -> bytes:
    """Returns the body of a payload; bytes stay as they are."""
    return payload if isinstance(payload, bytes) else json.dumps(payload).encode()


def signed(
    world: World, body: bytes, *, secret: str = SECRET, age: float = 0, header: str = "X-Mixpeek-Signature"
) -> dict[str, str]:
    """Returns the headers of a body that was signed `age` seconds ago, in the form `t=…,v1=…`."""
    timestamp = int(world.clock.now.timestamp() - age)
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", header: f"t={timestamp},v1={digest}"}


def deliver(
    world: World,
    bucket_id: str,
    payload: Any,
    *,
    adapter_type: str = "generic_webhook",
    headers: Mapping[str, str] | None = None,
    **signature: Any,
) -> ApiResponse:
    """Sends a signed webhook without an API key."""
    body = encoded(payload)
    given = headers if headers is not None else signed(world, body, **signature)
    return anonymous(world).post(f"/v1/webhooks/{adapter_type}/{bucket_id}", body, headers=given)


def anonymous(world: World) -> Api:
    """Returns a client without an API key."""
    return world.api(key="", namespace="")


def event(number: int = 1, **data: Any) -> dict[str, Any]:
    """Returns a payload of a generic sender about one film."""
    return {"type": "film.added", "id": f"evt-{number}", "data": {"title": f"Film {number}", **data}}
