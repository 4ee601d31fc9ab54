"""The notification of the end of a batch."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from typing import Any

import pytest

from tests.batches.scenes import Scene, new_scene
from tests.support.batches import BatchWorld

URL = "https://example.com/done"
DAY = 86_400


@pytest.fixture
def scene(run: BatchWorld) -> Scene:
    return new_scene(run, 2)


def signature(secret: str, request: dict[str, Any]) -> str:
    """Returns the signature of a request as Standard Webhooks describes it."""
    headers = request["headers"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request["body"]
    digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def test_the_notification_is_signed_and_describes_the_end(scene: Scene) -> None:
    task = scene.done("submit", {"webhook_url": URL})
    assert scene.get()["webhook"]["status"] == "waiting"
    scene.run.pump()
    (request,) = scene.run.receiver.requests
    assert (request["method"], request["url"]) == ("POST", URL)
    assert request["headers"]["webhook-signature"] == signature(task["additional_data"]["webhook_secret"], request)
    body, batch = json.loads(request["body"]), scene.get()
    assert (body["id"], body["type"]) == (request["headers"]["webhook-id"], "batch.completed")
    assert (body["batch_id"], body["status"], body["failure_reason"]) == (scene.batch_id, "COMPLETED", None)
    assert (body["documents_written"], body["completed_at"]) == (2, batch["completed_at"])
    assert (body["progress"]["processed"], body["progress"]["total"]) == (2, 2)
    assert (batch["webhook"]["status"], batch["webhook"]["attempts"]) == ("delivered", 1)


def test_a_notification_that_is_not_accepted_is_repeated_with_its_id(scene: Scene) -> None:
    scene.run.receiver.statuses = [503, 302, 404]
    batch = scene.finish(webhook_url=URL)
    requests = scene.run.receiver.requests
    assert len({each["headers"]["webhook-id"] for each in requests}) == 1
    assert len({each["body"] for each in requests}) == 1
    times = [int(each["headers"]["webhook-timestamp"]) for each in requests]
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert [wait // 5 * 5 for wait in waits] == [5, 30, 120]
    assert (batch["webhook"]["status"], batch["webhook"]["attempts"]) == ("delivered", 4)
    assert batch["webhook"]["last_error"] is None


def test_the_attempts_end_after_a_day(scene: Scene) -> None:
    scene.run.receiver.statuses = [500] * 100
    scene.done("submit", {"webhook_url": URL})
    while not scene.run.receiver.requests:
        scene.run.step()
    pending = scene.get()["webhook"]
    assert (pending["status"], pending["attempts"]) == ("pending", 1)
    assert pending["next_attempt_at"]
    assert "500" in pending["last_error"]
    scene.run.pump()
    times = [int(each["headers"]["webhook-timestamp"]) for each in scene.run.receiver.requests]
    assert DAY - 3 * 3600 < times[-1] - times[0] <= DAY
    assert 10 < len(times) < 20
    failed = scene.get()
    assert (failed["status"], failed["webhook"]["status"]) == ("COMPLETED", "failed")
    assert (failed["webhook"]["attempts"], failed["webhook"]["next_attempt_at"]) == (len(times), None)
    assert not scene.run.queues.batches.waiting
    assert not scene.run.queues.batches.dead


def test_each_run_is_notified_with_its_own_id(scene: Scene) -> None:
    scene.finish(webhook_url=URL)
    scene.done("resubmit")
    scene.done("cancel")
    scene.run.pump()
    first, second = (json.loads(each["body"]) for each in scene.run.receiver.requests)
    assert first["id"] != second["id"]
    assert (second["type"], second["status"], second["documents_written"]) == ("batch.canceled", "CANCELED", 0)
    assert second["progress"] is None


def test_without_a_url_nothing_is_sent(scene: Scene) -> None:
    batch = scene.finish()
    assert (batch["webhook"], batch["webhook_url"], scene.run.receiver.requests) == (None, None, [])
