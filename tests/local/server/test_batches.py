"""Batches of the local server, with a hook in a process of its own."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.local.server.conftest import Run
from tests.support.running import ServerProcess, wait_until

COUNT = 12
SLOW_HOOK = """
import time

def process(item):
    time.sleep(0.1)
    return {"title": "processed"}
"""


@pytest.fixture
def hooks(tmp_path: Path) -> str:
    """The folder of a slow hook, `slow_hook:process`."""
    (tmp_path / "slow_hook.py").write_text(SLOW_HOOK)
    return str(tmp_path)


def submitted(server: ServerProcess) -> str:
    """Creates objects in a new bucket, and returns the path of a batch that processes them."""
    server.create("reels")
    rows = {"objects": [{"title": f"Reel {number}"} for number in range(COUNT)]}
    status, made = server.call("POST", "/v1/buckets/reels/objects/batch", rows)
    assert status == 200, made
    ids = [each["object_id"] for each in made["succeeded"]]
    status, batch = server.call("POST", "/v1/buckets/reels/batches", {"object_ids": ids, "auto_submit": True})
    assert status == 200, batch
    return f"/v1/buckets/reels/batches/{batch['batch_id']}"


def test_a_batch_continues_at_once_after_a_kill_and_blames_no_object(run: Run, hooks: str) -> None:
    settings = {"BUCKETS_PROCESSOR": "slow_hook:process", "PYTHONPATH": hooks}
    server = run("--no-autoreload", **settings).ready()
    path = submitted(server)

    def batch(of: ServerProcess) -> Any:
        return of.call("GET", path)[1]

    wait_until(lambda: (batch(server)["progress"] or {}).get("processed"))
    server.signal(signal.SIGKILL)
    server.wait_for_exit()
    again = run("--no-autoreload", **settings).ready()
    wait_until(lambda: batch(again)["report_key"], seconds=20)
    found = batch(again)
    assert (found["status"], found["progress"]["processed"]) == ("COMPLETED", COUNT)
    assert again.call("GET", f"{path}/audit")[1]["all_balanced"]


def test_a_hook_that_cannot_be_loaded_ends_the_start_with_a_message(run: Run) -> None:
    server = run("--no-autoreload", BUCKETS_PROCESSOR="no_such_package:process")
    assert server.wait_for_exit() == 1
    assert "BUCKETS_PROCESSOR" in server.output_text()
    assert "no_such_package" in server.output_text()
    assert "Traceback" not in server.output_text()
