"""An object whose files are still copied is processed in a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from chalicelib.batches.running import MAX_REPEATS
from chalicelib.objects.stored_object import StoredObject
from chalicelib.processing.processor import BatchContext
from chalicelib.processing.stored_files import check_exists
from tests.mirroring.scenes import Host, copy_files, hosting, reply_with, url_blob
from tests.support.batches import BatchWorld, new_batch_world
from tests.support.objects import SCHEMA
from tests.support.world import World
from tests.uploads.scenes import OTHER_PNG, PNG, sha256

OBJECTS = "/v1/buckets/reels/objects"
SCORED = {"properties": {**SCHEMA["properties"], "score": {"type": "integer"}}}


@pytest.fixture
def host() -> Iterator[Host]:
    with hosting() as made:
        yield made


class Processing:
    """A batch with one object, during whose processing something happens."""

    def __init__(self, world: World) -> None:
        self.meanwhile: Callable[[dict[str, Any]], object] = lambda made: None
        self.run: BatchWorld = new_batch_world(world, self._hook)
        self.api = self.run.api
        self.api.post("/v1/buckets", {"bucket_name": "reels", "bucket_schema": SCORED})
        self.made: dict[str, Any] = {}

    def _hook(self, stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        self.meanwhile(self.made)
        return {"score": 7}

    def process(self, *blobs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns the object and the batch after processing."""
        self.made = self.api.post(OBJECTS, {"title": "M", "blobs": list(blobs)}).json
        return self.process_made()

    def process_made(self) -> tuple[dict[str, Any], dict[str, Any]]:
        batch = self.api.post("/v1/buckets/reels/batches", {"object_ids": [self.made["object_id"]]}).json["batch_id"]
        assert self.api.post(f"/v1/buckets/reels/batches/{batch}/submit").status == 200
        self.run.pump()
        stored = self.api.get(f"{OBJECTS}/{self.made['object_id']}").json
        return stored, self.api.get(f"/v1/buckets/reels/batches/{batch}").json


class Again(Processing):
    """An object with stored copies, whose URLs are then fetched again. `seen` are the files that the hook got."""

    def __init__(self, world: World, host: Host, *names: str) -> None:
        super().__init__(world)
        self.seen: list[list[str | None]] = []
        blobs = [url_blob(f"http://films.example.com/{name}.png") for name in names or ("a",)]
        self.made = self.api.post(OBJECTS, {"title": "M", "blobs": blobs}).json
        copy_files(self.api, self.made, host)
        assert self.api.put(f"{OBJECTS}/{self.made['object_id']}", {"blobs": blobs}).status == 200
        self.run.pump()

    def _hook(self, stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        self.seen.append([blob.sha256 for blob in stored.blobs])
        super()._hook(stored, context)
        return {"score": len(self.seen)}


def status_of(stored: dict[str, Any], position: int = 0) -> str:
    return str(stored["blobs"][position]["properties"]["mirror"]["status"])


def test_a_copy_during_the_processing_does_not_change_the_outcome(world: World, host: Host) -> None:
    scene = Processing(world)
    scene.meanwhile = lambda made: copy_files(scene.api, made, host)
    stored, batch = scene.process(url_blob(), url_blob("http://films.example.com/2.png"))
    assert (batch["status"], stored["status"], stored["score"]) == ("COMPLETED", "COMPLETED", 7)
    assert (status_of(stored), status_of(stored, 1)) == ("COMPLETED", "COMPLETED")
    assert stored["blobs"][0]["details"]["size_bytes"] == len(PNG)


@pytest.mark.parametrize("status", [404, 503])
def test_a_failed_copy_during_the_processing_does_not_either(world: World, host: Host, status: int) -> None:
    host.reply(reply_with(b"", status=status))
    scene = Processing(world)
    scene.meanwhile = lambda made: copy_files(scene.api, made, host)
    stored, batch = scene.process(url_blob())
    assert (batch["status"], stored["status"], stored["error"], stored["score"]) == ("COMPLETED", "COMPLETED", None, 7)
    assert status_of(stored) == ("FAILED" if status == 404 else "PENDING")


@pytest.mark.parametrize(
    "change", [{"title": "N"}, {"blobs": [url_blob()]}, {"blobs": [url_blob("http://films.example.com/other.png")]}]
)
def test_a_change_of_a_client_beside_the_copy_is_still_one(world: World, host: Host, change: dict[str, Any]) -> None:
    scene = Processing(world)

    def meanwhile(made: dict[str, Any]) -> None:
        copy_files(scene.api, made, host)
        scene.api.put(f"{OBJECTS}/{made['object_id']}", change)

    scene.meanwhile = meanwhile
    stored, _ = scene.process(url_blob())
    assert (stored["status"], "score" in stored) == ("PENDING", False)


def test_a_copy_of_a_file_after_the_processing_keeps_the_status(world: World, host: Host) -> None:
    scene = Processing(world)
    stored, _ = scene.process(url_blob())
    assert (stored["status"], status_of(stored)) == ("COMPLETED", "PENDING")
    copy_files(scene.api, stored, host)
    stored = scene.api.get(f"{OBJECTS}/{stored['object_id']}").json
    assert (stored["status"], status_of(stored), stored["score"]) == ("COMPLETED", "COMPLETED", 7)


def test_a_file_that_is_replaced_during_the_processing_is_processed_again(world: World, host: Host) -> None:
    scene = Again(world, host)
    host.reply(reply_with(OTHER_PNG))
    scene.meanwhile = lambda made: copy_files(scene.api, made, host)
    stored, batch = scene.process_made()
    assert scene.seen == [[sha256(PNG)], [sha256(OTHER_PNG)]]
    assert (batch["status"], stored["status"], stored["score"]) == ("COMPLETED", "COMPLETED", 2)
    assert stored["blobs"][0]["details"]["hash"] == f"sha256:{sha256(OTHER_PNG)}"


def test_a_hook_that_misses_the_replaced_file_gets_the_new_one(world: World, host: Host) -> None:
    class Reading(Again):
        def _hook(self, stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
            fields = super()._hook(stored, context)
            for blob in stored.blobs:
                check_exists(self.api.services().objects.blobs, blob)
            return fields

    scene = Reading(world, host)
    host.reply(reply_with(OTHER_PNG))

    def replace_the_file(made: dict[str, Any]) -> None:
        copy_files(scene.api, made, host)
        scene.run.world.pump()

    scene.meanwhile = replace_the_file
    stored, batch = scene.process_made()
    assert (batch["status"], stored["status"], stored["error"]) == ("COMPLETED", "COMPLETED", None)
    assert stored["score"] == 2


def test_a_file_that_stays_is_not_processed_again(world: World, host: Host) -> None:
    scene = Again(world, host)
    scene.meanwhile = lambda made: copy_files(scene.api, made, host)
    stored, batch = scene.process_made()
    assert (batch["status"], stored["status"], stored["score"], status_of(stored)) == (
        "COMPLETED",
        "COMPLETED",
        1,
        "COMPLETED",
    )


@pytest.mark.parametrize("more", [0, 1])
def test_an_object_is_processed_again_only_a_few_times(world: World, host: Host, more: int) -> None:
    scene = Again(world, host, *(str(number) for number in range(MAX_REPEATS + more)))
    host.reply(reply_with(OTHER_PNG))
    scene.meanwhile = lambda made: copy_files(scene.api, made, host, count=1)
    stored, batch = scene.process_made()
    assert len(scene.seen) == MAX_REPEATS + 1
    assert stored["status"] == ("PENDING" if more else "COMPLETED")
    assert ("score" in stored) is not bool(more)
    assert batch["status"] == "COMPLETED"
