"""A file that cannot be copied: attempts with increasing delays, the reason on the object, and a later success."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.aws.queue_events import UnreadableMessage
from chalicelib.mirroring.queue import MirrorMessage, read
from chalicelib.objects import processing
from chalicelib.objects.processing import ProcessingResult
from chalicelib.outbound.errors import RequestTimedOut
from tests.mirroring.scenes import URL, Scene, reply_with, url_blob
from tests.support.faults import Faults, unavailable
from tests.support.objects import SCHEMA
from tests.support.task_queue import FakeContext
from tests.uploads.scenes import PNG

UNAVAILABLE = reply_with(b"", status=503)
MISSING = reply_with(b"", status=404)
TEXT = {"property": "review", "type": "text", "data": "http://films.example.com/review.txt"}


def mirror(stored: dict[str, Any], position: int = 0) -> dict[str, Any]:
    return dict(stored["blobs"][position]["properties"]["mirror"])


def deliver_next(scene: Scene, *, streams: bool = True) -> bool:
    if streams:
        scene.streams()
    (message,) = scene.queue.waiting
    scene.world.clock.advance(max(0.0, message.due - scene.world.clock.now.timestamp()))
    return scene.deliver(message)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_temporary_failure_is_on_the_object_and_tried_again(scene: Scene, status: int) -> None:
    scene.host.reply(reply_with(b"", status=status), reply_with(PNG))
    made = scene.create()
    assert not deliver_next(scene)
    stored = scene.get(made)
    assert stored["status"] == "PENDING"
    found = mirror(stored)
    assert (found["status"], found["attempts"]) == ("PENDING", 1)
    assert found["error"] == {"code": "status", "message": f"The host responded with the status {status}."}
    assert found["next_attempt_at"] > stored["updated_at"]
    assert deliver_next(scene)
    assert mirror(scene.get(made)) == {"status": "COMPLETED", "source_url": URL, "attempts": 1}
    scene.check_stored(made)


@pytest.mark.parametrize("status", [301, 304, 400, 401, 403, 404, 410, 451])
def test_a_permanent_failure_ends_at_once(scene: Scene, status: int) -> None:
    scene.host.reply(reply_with(b"", status=status))
    made = scene.create()
    assert deliver_next(scene)
    assert (mirror(scene.get(made))["status"], scene.get(made)["status"]) == ("FAILED", "FAILED")


def test_a_host_that_does_not_respond_gets_two_requests(scene: Scene) -> None:
    made = scene.create()

    class Silent:
        def stream(self, *_: Any, **__: Any) -> Any:
            raise RequestTimedOut

    scene.worker(client=Silent)
    assert not deliver_next(scene)
    assert deliver_next(scene)
    found = mirror(scene.get(made))
    assert (found["status"], found["attempts"], found["error"]["code"]) == ("FAILED", 2, "timed_out")


def test_repeated_messages_use_one_attempt(scene: Scene) -> None:
    made = scene.create()
    scene.streams()
    (first,) = scene.queue.waiting
    repeated = [scene.queue.add(first.body, 0) for _ in range(4)]
    client = scene.messages.worker.client()

    class Nested:
        """Delivers the other messages while the request of the first one has not been made."""

        def stream(self, *args: Any, **options: Any) -> Any:
            if repeated:
                scene.deliver(repeated.pop())
            return client.stream(*args, **options)

    scene.host.reply(UNAVAILABLE)
    scene.worker(client=Nested)
    assert not scene.deliver(first)
    assert (scene.host.requests, mirror(scene.get(made))["attempts"]) == (5, 1)
    scene.host.reply(reply_with(PNG))
    scene.finish()
    scene.check_stored(made)


def test_a_message_that_comes_too_early_waits(scene: Scene) -> None:
    scene.host.reply(UNAVAILABLE, reply_with(PNG))
    scene.create()
    deliver_next(scene)
    (message,) = scene.queue.waiting
    assert not scene.deliver(message)
    assert scene.host.requests == 1
    assert 25 < message.due - scene.world.clock.now.timestamp() <= 31


@pytest.mark.parametrize("part", ["tables", "files"])
def test_an_outage_of_the_own_storage_is_no_attempt_of_the_wish(scene: Scene, part: str) -> None:
    made = scene.create()
    scene.streams()
    faults = Faults(scene.world.s3 if part == "files" else scene.world.client).always(unavailable)
    began = scene.world.clock.now
    deliveries = 0
    while scene.world.clock.now - began < timedelta(hours=12):
        deliver_next(scene, streams=False)
        deliveries += 1
    faults.remove()
    assert 40 < deliveries < 80
    assert mirror(scene.get(made)) == {"status": "PENDING", "source_url": URL, "attempts": 0}
    scene.finish()
    scene.check_stored(made)
    assert (len(scene.keys()), scene.queue.dead) == (1, [])


def test_a_message_becomes_a_dead_letter_after_a_day_without_storage(scene: Scene) -> None:
    scene.create()
    scene.streams()
    faults = Faults(scene.world.client).always(unavailable)
    began = scene.world.clock.now
    while scene.queue.waiting:
        deliver_next(scene, streams=False)
        scene.queue.move_dead_letters()
    faults.remove()
    assert len(scene.queue.dead) == 1
    assert scene.world.clock.now - began > timedelta(days=1)


def test_a_worker_that_raises_an_error_gives_up_after_hours(scene: Scene) -> None:
    made = scene.create()

    def broken() -> Any:
        raise RuntimeError

    scene.worker(client=broken)
    began = scene.world.clock.now
    scene.finish()
    assert mirror(scene.get(made))["error"]["code"] == "interrupted"
    assert scene.world.clock.now - began > timedelta(hours=3)


def test_a_message_whose_end_cannot_be_recorded_becomes_a_dead_letter(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.create()

    def broken(*_: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr("chalicelib.mirroring.worker.after_failure", broken)
    scene.host.reply(MISSING)
    scene.finish()
    assert (len(scene.queue.dead), scene.queue.waiting) == (1, [])


@pytest.mark.parametrize("state", ["locked", "ARCHIVED", "SUSPENDED"])
@pytest.mark.parametrize("when", ["before", "during"])
def test_the_file_waits_while_the_bucket_is_read_only(scene: Scene, state: str, when: str) -> None:
    made = scene.create()
    row = scene.world.services.objects.store.find_any(made["bucket_id"], made["object_id"])
    assert row is not None
    buckets = scene.world.services.buckets

    def change(is_writable: bool) -> None:
        if state == "locked":
            buckets.set_lock(row.partition, row.bucket_id, locked=not is_writable)
        else:
            buckets.set_status(row.partition, row.bucket_id, "ACTIVE" if is_writable else state)

    client = scene.messages.worker.client()

    class Locking:
        def stream(self, *args: Any, **options: Any) -> Any:
            change(is_writable=False)
            return client.stream(*args, **options)

    if when == "before":
        change(is_writable=False)
    else:
        scene.worker(client=Locking)
    scene.streams()
    for _ in range(30):
        deliver_next(scene, streams=False)
    assert scene.world.services.objects.store.find_any(made["bucket_id"], made["object_id"]) == row
    assert (scene.host.requests, scene.keys()) == (0 if when == "before" else 1, [])
    scene.worker(client=lambda: client)
    change(is_writable=True)
    scene.finish()
    scene.check_stored(made)
    assert len(scene.keys()) == 1


def test_a_wrong_checksum_stores_nothing(scene: Scene) -> None:
    made = scene.create(url_blob(checksum="0" * 64))
    faults = Faults(scene.world.s3)
    scene.finish()
    faults.remove()
    assert mirror(scene.get(made))["error"]["code"] == "checksum_mismatch"
    assert (faults.calls, scene.keys()) == (0, [])


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        ("call-me.at/evil.example.com+555-1234", "another type"),
        ('application/pdf; charset="call me"', "application/pdf"),
        ("Text/HTML; charset=utf-8", "text/html"),
    ],
)
def test_a_declared_type_is_named_only_if_it_is_a_known_one(scene: Scene, declared: str, shown: str) -> None:
    scene.host.reply(reply_with(b"\x00\x01\x02\x03" * 20, f"Content-Type: {declared}"))
    made = scene.create()
    scene.finish()
    assert mirror(scene.get(made))["error"] == {
        "code": "content_type_mismatch",
        "message": f"The content is declared as {shown}, and a field of type image takes image/*.",
    }


def test_the_object_names_the_first_field_that_failed_and_waits_again_when_it_is_replaced(scene: Scene) -> None:
    scene.host.reply(MISSING)
    made = scene.create(url_blob(), TEXT)
    scene.finish()
    stored = scene.get(made)
    assert stored["error"].startswith("The file of 'poster' could not be copied from its URL: ")
    scene.host.reply(reply_with(PNG))
    changed = scene.put(made, url_blob())
    assert (changed["status"], changed["error"].partition("'review'")[1]) == ("FAILED", "'review'")
    scene.finish()
    scene.check_stored(made, position=1)  # a replaced file moves to the end
    scene.host.reply(reply_with(b"Great."))
    changed = scene.put(made, TEXT)
    assert (changed["status"], changed["error"]) == ("PENDING", None)
    scene.finish()
    scene.check_stored(made, b"Great.", position=1)
    assert scene.get(made)["status"] == "PENDING"


def test_an_upsert_of_other_fields_keeps_the_failure(scene: Scene) -> None:
    keyed = {"unique_key": {"fields": ["film_id"], "default_policy": "upsert"}}
    scene.api.post("/v1/buckets", {"bucket_name": "films", "bucket_schema": SCHEMA, **keyed})

    def upsert(**fields: Any) -> dict[str, Any]:
        return dict(scene.api.post("/v1/buckets/films/objects", {"film_id": "tt1", **fields}).json)

    scene.host.reply(MISSING)
    upsert(blobs=[url_blob(), TEXT])
    scene.finish()
    changed = upsert(title="N")
    assert (changed["status"], changed["title"]) == ("FAILED", "N")
    assert changed["error"].startswith("The file of 'poster' could not be copied from its URL: ")
    changed = upsert(blobs=[url_blob(canonicalize_source=False)])
    assert changed["error"].startswith("The file of 'review' could not be copied from its URL: ")
    changed = upsert(blobs=[TEXT])
    assert (changed["status"], changed["error"]) == ("PENDING", None)


def test_an_object_that_was_processed_keeps_its_status(scene: Scene) -> None:
    made = scene.create()
    objects = scene.world.services.objects
    row = objects.store.find_any(made["bucket_id"], made["object_id"])
    assert row is not None
    bucket = objects.buckets.get(row.partition, row.bucket_id)
    assert objects.record_processing(row, processing.completed(row, {}, bucket), bucket) is ProcessingResult.STORED
    scene.host.reply(MISSING)
    scene.messages.handle({"Records": [message_of(scene, made)]}, FakeContext(900))
    stored = scene.get(made)
    assert (stored["status"], stored["error"], mirror(stored)["status"]) == ("COMPLETED", None, "FAILED")


def message_of(scene: Scene, made: dict[str, Any], **other: Any) -> dict[str, Any]:
    """Returns a message about the first file of an object."""
    row = scene.world.services.objects.store.find_any(made["bucket_id"], made["object_id"])
    assert row is not None
    wish = row.blobs[0].mirror
    assert wish is not None
    names = {"partition": row.partition, "bucket_id": row.bucket_id, "object_id": row.object_id}
    body = {**names, "blob_id": row.blobs[0].blob_id, "mirror_id": wish.mirror_id, **other}
    return {"messageId": "m1", "receiptHandle": "m1", "body": json.dumps(body)}


@pytest.mark.parametrize("name", ["partition", "bucket_id", "object_id", "blob_id", "mirror_id"])
def test_a_message_that_names_anything_else_does_nothing(scene: Scene, name: str) -> None:
    made = scene.create()
    handled = scene.messages.handle({"Records": [message_of(scene, made, **{name: "other"})]}, FakeContext(900))
    assert handled == {"batchItemFailures": []}
    assert (scene.host.requests, mirror(scene.get(made))["status"]) == (0, "PENDING")


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", "null", '{"partition": "a"}', json.dumps({"mirror_id": 5}), "\x00", "{" * 1000]
)
def test_a_message_that_cannot_be_read_is_delivered_again_until_it_is_a_dead_letter(scene: Scene, body: str) -> None:
    with pytest.raises(UnreadableMessage):
        read({"body": body})
    scene.queue.add(body, 0)
    scene.finish()
    assert len(scene.queue.dead) == 1


def test_a_message_is_read_as_it_was_sent(scene: Scene) -> None:
    scene.create()
    scene.streams()
    (message,) = scene.queue.waiting
    assert read({"body": message.body}) == MirrorMessage(**message.content)


def test_a_worker_without_time_leaves_the_file_to_the_next(scene: Scene) -> None:
    made = scene.create()
    scene.streams()
    (message,) = scene.queue.waiting
    response = scene.messages.handle({"Records": [scene.queue.receive(message)]}, FakeContext(1))
    assert len(response["batchItemFailures"]) == 1
    assert mirror(scene.get(made)) == {"status": "PENDING", "source_url": URL, "attempts": 0}
    scene.finish()
    scene.check_stored(made)
    assert len(scene.keys()) == 1


def test_records_that_are_repeated_or_damaged_do_no_harm(scene: Scene) -> None:
    made = scene.create()
    pump = scene.world.pump
    records = pump.objects.history()
    damaged = json.loads(json.dumps(records[-1]))
    damaged["dynamodb"]["NewImage"]["document"]["S"] = '{"blobs": [{"mirror": {"status": "PENDING"}}]}'
    assert pump.objects.deliver([damaged])["batchItemFailures"] == []
    for _ in range(3):
        scene.streams()
        assert pump.objects.deliver(records)["batchItemFailures"] == []
    assert len(scene.queue.waiting) == 4
    scene.finish()
    scene.check_stored(made)
    assert (scene.host.requests, len(scene.keys())) == (1, 1)
