"""Webhooks through the deployed gateway and functions: to an object, to a batch, replay, and rotation."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.deployed.emulator import eventually
from tests.deployed.stage import StageOnEmulator

SECRET = "a-secret-of-the-deployed-test"
SCHEMA: dict[str, Any] = {"properties": {"title": {"type": "string"}, "rating": {"type": "integer"}}}
ADAPTER: dict[str, Any] = {
    "adapter_type": "generic_webhook",
    "webhook_secret": SECRET,
    "field_mapping": {"data.title": "title", "data.rating": "rating"},
    "batching": {"mode": "count", "max_batch_size": 2},
}


class Client:
    """A client of the deployed stage, with an API key."""

    def __init__(self, stage: StageOnEmulator, key: str) -> None:
        self.stage = stage
        self.headers = {
            "Authorization": f"Bearer {key}",
            "X-Namespace": "default",
            "Content-Type": "application/json",
        }

    def webhook_url(self, bucket: dict[str, Any]) -> str:
        """Returns the webhook URL of a bucket. The emulator does not tell the API its own domain name."""
        path: str = bucket["source_adapter"]["webhook_url"]
        return f"{self.stage.address}{path}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        raw = None if body is None else json.dumps(body).encode()
        status, response = send(method, f"{self.stage.address}{path}", raw, self.headers)
        assert status == 200, response
        return response


def send(method: str, url: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, Any]:
    """Sends a request, and returns the status and the body of the response."""
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def deliver(url: str, payload: Any, *, secret: str = SECRET) -> tuple[int, Any]:
    """Sends a signed webhook without an API key."""
    body = json.dumps(payload, ensure_ascii=False).encode()
    timestamp = int(time.time())
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Mixpeek-Signature": f"t={timestamp},v1={digest}"}
    return send("POST", url, body, headers)


def event(number: int, **data: Any) -> dict[str, Any]:
    """A payload with characters that an encoding on the way could change."""
    return {"type": "film.added", "id": f"evt-{number}", "data": {"title": f"Fílm {number} 🎬", **data}}


@pytest.fixture
def client(stage: StageOnEmulator, api_key: str) -> Client:
    return Client(stage, api_key)


@pytest.fixture
def bucket(client: Client) -> dict[str, Any]:
    body = {"bucket_name": f"films {time.time_ns()}", "bucket_schema": SCHEMA, "source_adapter": ADAPTER}
    return dict(client.call("POST", "/v1/buckets", body))


def test_deliveries_become_objects_and_a_batch(client: Client, bucket: dict[str, Any]) -> None:
    url, path = client.webhook_url(bucket), f"/v1/buckets/{bucket['bucket_id']}"
    status, first = deliver(url, event(1))
    assert (status, first["status"]) == (200, "accepted"), first
    stored = client.call("GET", f"{path}/objects/{first['object_id']}")
    assert stored["title"] == "Fílm 1 🎬"
    assert deliver(url, event(1))[1]["status"] == "duplicate"
    assert deliver(url, event(2))[1]["status"] == "accepted"

    def is_processed() -> bool:
        batches = client.call("POST", f"{path}/batches/list", {})["results"]
        return [batch["status"] for batch in batches] == ["COMPLETED"]

    eventually(is_processed)

    def is_counted() -> bool:
        stats = client.call("GET", f"{path}/source-adapter/status")["stats"]
        return bool(stats["events_received"] == 3 and stats["batches_submitted"] == 1)

    eventually(is_counted)


def test_a_parked_delivery_is_replayed(client: Client, bucket: dict[str, Any]) -> None:
    url, path = client.webhook_url(bucket), f"/v1/buckets/{bucket['bucket_id']}"
    assert deliver(url, event(1, rating="many"))[1]["status"] == "parked"
    adapter = {**ADAPTER, "webhook_secret": "redacted", "field_mapping": {"data.title": "title"}}
    forecast = client.call("POST", f"{path}/source-adapter/test", {"source_adapter": adapter})
    assert forecast["counts"]["created"] == 1
    client.call("PATCH", path, {"source_adapter": adapter})
    (replayed,) = client.call("POST", f"{path}/source-adapter/replay", {"state": "PARKED"})["results"]
    assert (replayed["state"], replayed["object_id"]) == ("APPLIED", forecast["results"][0]["object_id"])


def test_a_secret_is_rotated(client: Client, bucket: dict[str, Any]) -> None:
    url, path = client.webhook_url(bucket), f"/v1/buckets/{bucket['bucket_id']}"
    new = client.call("POST", f"{path}/source-adapter/rotate-secret", {"grace_seconds": 600})["webhook_secret"]
    for secret in (SECRET, new):
        assert deliver(url, event(1), secret=secret)[0] == 200
    client.call("POST", f"{path}/source-adapter/rotate-secret", {"grace_seconds": 0})
    status, refused = deliver(url, event(1), secret=new)
    assert (status, refused["error"]["code"]) == (401, "signature_refused")
