"""What the local server has after a kill, and how soon its statistics are exact."""

from __future__ import annotations

import http.client
import signal
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from tests.local.server.conftest import Run
from tests.support.running import TIMEOUT_SECONDS, wait_until


def test_buckets_whose_create_succeeded_before_a_kill_exist_after_it(run: Run) -> None:
    server = run().ready()
    acknowledged: list[list[str]] = [[], [], []]

    def write(number: int) -> None:
        try:
            while len(acknowledged[number]) < 500:
                name = f"bucket-{number}-{len(acknowledged[number])}"
                server.create(name)
                acknowledged[number].append(name)
        except (OSError, http.client.HTTPException):
            return  # the server was killed

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    wait_until(lambda: all(len(names) >= 10 for names in acknowledged))
    server.signal(signal.SIGKILL)
    for writer in writers:
        writer.join(TIMEOUT_SECONDS)
    server.wait_for_exit()

    again = run().ready()
    lost = [name for names in acknowledged for name in names if not again.has(name)]
    assert lost == []
    status, totals = again.call("GET", "/v1/namespaces/default")
    # One more for each writer whose bucket was created but not acknowledged.
    assert status == 200
    assert 0 <= totals["bucket_count"] - sum(map(len, acknowledged)) <= 3


def test_statistics_are_exact_two_seconds_after_the_last_write(run: Run) -> None:
    server = run("--no-autoreload").ready()
    server.create("posters")
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda number: server.add("posters", f"title {number}"), range(200)))
    wait_until(lambda: server.counts("posters") == (200, 200), seconds=2.0)
    server.signal(signal.SIGTERM)
    assert server.wait_for_exit() == 0
    again = run("--no-autoreload").ready()
    assert again.counts("posters") == (200, 200)
    again.add("posters", "one more")
    wait_until(lambda: again.counts("posters") == (201, 201))


def test_statistics_are_exact_at_the_first_read_after_a_kill(run: Run) -> None:
    server = run("--no-autoreload").ready()
    server.create("posters")
    acknowledged: list[int] = []

    def write(writer: int) -> None:
        try:
            for number in range(500):
                server.add("posters", f"title {writer}-{number}")
                acknowledged.append(number)
        except (OSError, http.client.HTTPException):
            return  # the server was killed

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    wait_until(lambda: server.counts("posters")[0] >= 40)
    server.signal(signal.SIGKILL)
    for writer in writers:
        writer.join(TIMEOUT_SECONDS)
    server.wait_for_exit()

    again = run("--no-autoreload").ready()
    stored = again.objects("posters")
    assert stored >= len(acknowledged)
    assert again.counts("posters") == (stored, stored)
    again.add("posters", "one more")
    wait_until(lambda: again.counts("posters") == (stored + 1, stored + 1))


def test_a_deletion_continues_at_once_after_a_kill(run: Run) -> None:
    server = run("--no-autoreload").ready()
    server.create("posters")
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda number: server.add("posters", f"title {number}"), range(300)))
    status, task = server.call("DELETE", "/v1/buckets/posters")
    assert status == 200, task
    path = f"/v1/tasks/{task['task_id']}"
    wait_until(lambda: server.call("GET", path)[1]["status"] != "PENDING")
    server.signal(signal.SIGKILL)
    server.wait_for_exit()
    again = run("--no-autoreload").ready()
    wait_until(lambda: again.call("GET", path)[1]["status"] == "COMPLETED", seconds=30.0)


def test_a_file_survives_a_kill_and_its_download_url_works(run: Run) -> None:
    schema = {"properties": {"review": {"type": "text"}}}
    server = run("--no-autoreload").ready()
    assert server.call("POST", "/v1/buckets", {"bucket_name": "films", "bucket_schema": schema})[0] == 200
    blob = {"property": "review", "type": "text", "data": "Größe: 5 €"}
    status, created = server.call("POST", "/v1/buckets/films/objects", {"blobs": [blob]})
    assert status == 200, created
    server.signal(signal.SIGKILL)
    server.wait_for_exit()

    again = run("--no-autoreload").ready()
    path = f"/v1/buckets/films/objects/{created['object_id']}?return_presigned_urls=true"
    (shown,) = again.call("GET", path)[1]["blobs"]
    assert shown["presigned_url"].startswith(f"http://127.0.0.1:{again.port + 1}/")
    with closing(urllib.request.urlopen(shown["presigned_url"])) as response:
        assert response.read().decode() == "Größe: 5 €"
