"""Webhooks that the local server receives before it ends become batches after its next start."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import signal
import time
from contextlib import closing
from typing import Any

import pytest

from tests.local.server.conftest import Run
from tests.support.running import ServerProcess, wait_until
from tests.support.webhooks import ADAPTER, SCHEMA, SECRET, encoded, event

# Long enough for the end of a process on a slow machine.
LONG_WINDOW = {"mode": "time_window", "window_seconds": 10}


def new_bucket(server: ServerProcess, **batching: Any) -> str:
    """Creates a bucket whose objects come from webhooks, and returns its id."""
    adapter = {**ADAPTER, "batching": batching}
    body = {"bucket_name": "films", "bucket_schema": SCHEMA, "source_adapter": adapter}
    status, created = server.call("POST", "/v1/buckets", body)
    assert status == 200, created
    return str(created["bucket_id"])


def deliver(server: ServerProcess, bucket: str, number: int) -> str:
    """Sends a signed webhook, and returns the id of its object."""
    body, timestamp = encoded(event(number)), int(time.time())
    digest = hmac.new(SECRET.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Mixpeek-Signature": f"t={timestamp},v1={digest}"}
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        connection.request("POST", f"/v1/webhooks/generic_webhook/{bucket}", body, headers)
        response = connection.getresponse()
        found = json.loads(response.read())
    assert (response.status, found["status"]) == (200, "accepted"), found
    return str(found["object_id"])


def batches(server: ServerProcess, bucket: str) -> list[dict[str, Any]]:
    """Returns the batches of a bucket with the ids of their objects, which a list does not have."""
    path = f"/v1/buckets/{bucket}/batches"
    status, found = server.call("POST", f"{path}/list", {})
    assert status == 200, found
    return [server.call("GET", f"{path}/{each['batch_id']}")[1] for each in found["results"]]


def status_of(server: ServerProcess, bucket: str) -> dict[str, Any]:
    status, found = server.call("GET", f"/v1/buckets/{bucket}/source-adapter/status")
    assert status == 200, found
    return dict(found)


def ended(server: ServerProcess, number: signal.Signals) -> None:
    server.signal(number)
    server.wait_for_exit()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_window_that_was_open_at_the_end_of_the_process_becomes_a_batch(run: Run, end: signal.Signals) -> None:
    server = run("--no-autoreload").ready()
    bucket = new_bucket(server, **LONG_WINDOW)
    ids = [deliver(server, bucket, 1), deliver(server, bucket, 2)]
    wait_until(lambda: status_of(server, bucket)["open_batch_size"] == 2)
    window = status_of(server, bucket)["open_batch_id"]
    ended(server, end)
    again = run("--no-autoreload").ready()
    (batch,) = wait_until(lambda: batches(again, bucket), seconds=40)
    assert (batch["batch_id"], batch["object_ids"]) == (window, ids)
    wait_until(lambda: status_of(again, bucket)["stats"]["batches_submitted"] == 1)
    assert status_of(again, bucket)["open_batch_id"] is None


def test_each_delivery_before_a_kill_is_counted_once_and_joins_one_batch(run: Run) -> None:
    server = run("--no-autoreload").ready()
    bucket = new_bucket(server, mode="immediate")
    ids = [deliver(server, bucket, 1)]
    wait_until(lambda: len(batches(server, bucket)) == 1)
    # The records of these are delivered to the handlers only after a moment.
    ids += [deliver(server, bucket, number) for number in range(2, 8)]
    ended(server, signal.SIGKILL)
    again = run("--no-autoreload").ready()
    wait_until(lambda: status_of(again, bucket)["stats"]["batches_submitted"] == len(ids), seconds=20)
    assert sorted(each for batch in batches(again, bucket) for each in batch["object_ids"]) == sorted(ids)
    counted = status_of(again, bucket)["stats"]
    assert (counted["events_received"], counted["events_accepted"]) == (len(ids), len(ids))


def test_a_start_after_a_clean_end_counts_nothing_twice(run: Run) -> None:
    server = run("--no-autoreload").ready()
    bucket = new_bucket(server, mode="immediate")
    deliver(server, bucket, 1)
    deliver(server, bucket, 2)
    ended(server, signal.SIGINT)
    again = run("--no-autoreload").ready()
    wait_until(lambda: status_of(again, bucket)["stats"]["batches_submitted"] == 2, seconds=20)
    deliver(again, bucket, 3)
    wait_until(lambda: status_of(again, bucket)["stats"]["batches_submitted"] == 3, seconds=20)
    counted = status_of(again, bucket)["stats"]
    assert (counted["events_received"], counted["events_accepted"], len(batches(again, bucket))) == (3, 3, 3)
