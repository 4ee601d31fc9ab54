"""Files, events, confirmations, cancellations and deletions, in any order and at the same time, with kills.

A step may happen during any call to AWS that another step makes, and a step may be killed at any call. Whatever
happens, each upload ends at most once, what its object has is one file that was stored with its URL, and no file
remains without a reference.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.aws.dynamodb.attribute_values import decode
from tests.deliveries.unreliable import killed_afterwards, killed_before, meanwhile
from tests.support.batches import BatchWorld, new_batch_world
from tests.support.catalog import partition_of
from tests.support.faults import Faults
from tests.support.racing import run_concurrently
from tests.support.slow_time import SlowTime
from tests.support.task_queue import ProcessKilled
from tests.support.world import World
from tests.uploads.scenes import Scene, sha256

# The first two uploads have the same key, if the bucket has one. The last one makes no object.
UPLOADS = 3
BUCKETS: dict[str, dict[str, Any]] = {
    "without a key": {},
    "upsert": {"unique_key": {"fields": ["film_id"], "default_policy": "upsert"}},
    "insert": {"unique_key": {"fields": ["film_id"], "default_policy": "insert"}},
}
ENDED = ("COMPLETED", "FAILED", "CANCELED")
_numbers = count()


@dataclass
class History:
    """A bucket with uploads, and what was stored with their URLs."""

    run: BatchWorld
    kind: str
    stored: dict[int, list[bytes]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.scene = Scene(self.run, f"history {next(_numbers)}")
        self.bucket_id = self.scene.new_bucket(**BUCKETS[self.kind])
        self.uploads = [self._create(number) for number in range(UPLOADS)]

    def _create(self, number: int) -> dict[str, Any]:
        key = {"film_id": "m"} if self.kind != "without a key" else {}
        declared = {"object_metadata": {"title": f"Film {number}", **key}, "skip_duplicates": number % 2 == 0}
        if number == UPLOADS - 1:
            declared = {"create_object_on_confirm": False, "blob_property": None, "object_metadata": None}
        return self.scene.create(**declared)

    def put(self, number: int, content: int = 0) -> None:
        data = b"\x89PNG\r\n\x1a\n" + b"take %d" % content
        self.stored[number].append(data)
        self.scene.put(self.uploads[number], data)

    def arrive(self, number: int) -> None:
        self.scene.arrive(self.uploads[number])

    def confirm(self, number: int, **query: Any) -> None:
        confirmed = self.scene.confirm(self.uploads[number], **query)
        assert confirmed.status in (200, 400, 409), confirmed.text

    def cancel(self, number: int) -> None:
        assert self.scene.cancel(self.uploads[number]).status in (204, 400)

    def delete(self, number: int) -> None:
        for stored in self.scene.objects()[number : number + 1]:
            path = f"/v1/buckets/{self.scene.bucket}/objects/{stored['object_id']}"
            assert self.scene.api.call("DELETE", path).status in (204, 404)

    def streams(self, number: int) -> None:
        self.run.streams()

    def tasks(self, number: int) -> None:
        self.run.pump()

    def finish(self) -> None:
        """S3 reports each file late, twice and in any order, and the service does what remains to be done."""
        self.run.pump()
        late = [upload for upload in self.uploads for _ in range(2)]
        random.Random(len(self.stored)).shuffle(late)
        for upload in late:
            self.scene.arrive(upload)
        self.run.pump()


Act = Callable[[History, int], object]
ACTS: dict[str, Act] = {
    "put": History.put,
    "put another file": lambda history, number: history.put(number, 1),
    "arrive": History.arrive,
    "confirm": History.confirm,
    "confirm in a task": lambda history, number: history.confirm(number, **{"async": "true"}),
    "cancel": History.cancel,
    "delete": History.delete,
    "streams": History.streams,
    "tasks": History.tasks,
}
# What a client, S3 or another worker may do while a step runs.
MEANWHILE = [name for name in ACTS if name not in ("streams", "tasks")]
MAIN = ["put", "arrive", "confirm"]


def changes(history: History) -> dict[str, list[Any]]:
    """The rows of each upload, in the order in which they were written."""
    found: dict[str, list[Any]] = defaultdict(list)
    for record in history.run.world.pump.catalog.history():
        image = record["dynamodb"].get("NewImage")
        row = decode(image) if image is not None else {}
        if row.get("bucket_id") == history.bucket_id and "staging_key" in row:
            found[row["upload_id"]].append(row)
    return found


def object_rows(history: History) -> list[Any]:
    """The rows of the objects of the bucket, in the order in which they were written."""
    images = [record["dynamodb"].get("NewImage") for record in history.run.world.pump.objects.history()]
    rows = [decode(image) for image in images if image is not None]
    return [row for row in rows if row["bucket_id"] == history.bucket_id]


def check(history: History) -> None:
    """Checks the end of a history."""
    history.finish()
    ends = {upload_id: check_states(rows) for upload_id, rows in changes(history).items()}
    check_contents(history, ends)
    check_objects(history, ends)
    check_files(history, ends)
    assert history.run.world.services.stats.verify(partition_of(history.run.world), history.bucket_id) == []


def check_states(rows: list[Any]) -> Any:
    """Checks that an upload ended at most once, and never changed its result. Returns its last row."""
    ended = [row for row in rows if row["status"] in ENDED]
    results = {(row["status"], row.get("object_id"), row.get("file_key"), row.get("sha256")) for row in ended}
    assert len(results) <= 1, results
    assert [row["status"] in ENDED for row in rows] == [False] * (len(rows) - len(ended)) + [True] * len(ended)
    return rows[-1]


def check_contents(history: History, ends: dict[str, Any]) -> None:
    """Checks that the file of each completed upload was stored with its URL."""
    for number, upload in enumerate(history.uploads):
        row = ends[upload["upload_id"]]
        if row["status"] == "COMPLETED":
            assert row["sha256"] in {sha256(data) for data in history.stored[number]}


def check_objects(history: History, ends: dict[str, Any]) -> None:
    """Checks that each completed upload wrote one object once, with its file, unless it refers to another upload."""
    written = Counter(row["document"].split('"key":"')[1].split('"')[0] for row in object_rows(history))
    own = {
        row["file_key"]
        for row in ends.values()
        if row["status"] == "COMPLETED" and row["creates_object"] and row.get("duplicate_of") is None
    }
    assert written == Counter(own)
    for stored in history.scene.objects():
        (key,) = [blob["properties"]["url"].partition("/blobs/")[2] for blob in stored["blobs"]]
        data = history.scene.content(f"blobs/{key}")
        assert stored["blobs"][0]["details"]["hash"] == f"sha256:{sha256(data)}"


def check_files(history: History, ends: dict[str, Any]) -> None:
    """Checks that there is a file for each reference, and no other file."""
    kept = {row["file_key"] for row in ends.values() if row["status"] == "COMPLETED" and not row["creates_object"]}
    assert set(history.scene.keys(f"blobs/{history.bucket_id}/")) == history.scene.referenced() | kept
    staged = [key for upload in history.uploads for key in history.scene.keys(f"u/{upload['upload_id']}/")]
    assert staged == []


NUMBERS = st.integers(0, UPLOADS - 1)
CALLS = st.integers(1, 14)
KILLS = {"killed before": killed_before, "killed afterwards": killed_afterwards}
# A step, and what happens at a call to AWS of the step.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([*MAIN, *ACTS]), NUMBERS, st.none()),
        st.tuples(
            st.sampled_from(["arrive", "confirm"]), NUMBERS, st.tuples(st.sampled_from(list(KILLS)), NUMBERS, CALLS)
        ),
        st.tuples(st.sampled_from(list(ACTS)), NUMBERS, st.tuples(st.sampled_from(MEANWHILE), NUMBERS, CALLS)),
    ),
    min_size=4,
    max_size=12,
)


@pytest.fixture
def run(time: SlowTime, world: World) -> BatchWorld:
    """A service that sleeps in no real time."""
    return new_batch_world(world)


def interrupted(history: History, name: str, number: int, interruption: Any) -> None:
    """Does a step, during which something happens."""
    what, argument, call = interruption
    faults = Faults(history.run.world.client, history.run.world.s3)
    faults.on(call, KILLS.get(what) or meanwhile(partial(ACTS[what], history, argument)))
    try:
        ACTS[name](history, number)
    except ProcessKilled:
        pass
    finally:
        faults.remove()


@settings(max_examples=max(20, settings().max_examples // 5))
@given(st.sampled_from(list(BUCKETS)), STEPS)
def test_any_history_makes_one_object_of_one_file(run: BatchWorld, kind: str, steps: Any) -> None:
    history = History(run, kind)
    for number in range(UPLOADS):
        history.put(number)
    for name, number, interruption in steps:
        if interruption is None:
            ACTS[name](history, number)
        else:
            interrupted(history, name, number, interruption)
    check(history)


@pytest.mark.parametrize("kind", BUCKETS)
def test_eight_threads_store_confirm_cancel_and_delete_at_the_same_time(run: BatchWorld, kind: str) -> None:
    history = History(run, kind)
    for number in range(UPLOADS):
        history.put(number)

    def act(thread: int) -> None:
        names = ("confirm", "arrive", "put another file", "confirm", "arrive", "arrive", "delete", "cancel")
        for number in range(UPLOADS):
            ACTS[names[thread]](history, (number + thread) % UPLOADS)

    run_concurrently([partial(act, thread) for thread in range(8)])
    check(history)
