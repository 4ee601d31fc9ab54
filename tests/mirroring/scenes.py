"""Hosts on this machine, and a client whose objects refer to files on them by URL.

A scene has an application with a queue in memory. `deliver` passes stream records and messages on, one message at a
time; `finish` does it until nothing remains, and advances the clock to when the next attempt is due.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.mirroring.messages import MirrorMessages
from chalicelib.mirroring.queue import MirrorMessage
from chalicelib.wiring import build
from tests.outbound.network import Network, Receiver, Reply, serving
from tests.support.api import Api, ApiResponse
from tests.support.objects import SCHEMA
from tests.support.task_queue import FakeContext, MemoryQueue, Message, ProcessKilled
from tests.support.world import World
from tests.uploads.scenes import PNG, sha256

MIRROR_QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/mirrors"
URL = "http://films.example.com/still.png"
OBJECTS = "/v1/buckets/reels/objects"
HEAD = b"HTTP/1.1 200 OK\r\n"
MAX_DELIVERIES = 300


def reply_with(content: bytes, *headers: str, status: int = 200) -> bytes:
    """Returns a response with this body."""
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(content)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content


def url_blob(url: Any = URL, **more: Any) -> dict[str, Any]:
    return {"property": "poster", "type": "image", "data": url, **more}


@dataclass
class Queue(MemoryQueue):
    """The queue of files by URL, in memory."""

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> Any:
        assert QueueUrl == self.url
        self.record_call("send_message_batch")
        assert 0 < len(Entries) <= 10
        for entry in Entries:
            self.add(entry["MessageBody"], entry.get("DelaySeconds", 0))
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}


@dataclass
class Host:
    """A server that every name leads to. It gives the next of `replies`, and the last one again and again."""

    network: Network
    receiver: Receiver
    replies: list[Reply]

    @property
    def requests(self) -> int:
        return len(self.receiver.requests)

    def reply(self, *replies: Reply) -> None:
        """Sets the next replies."""
        self.replies[:] = replies


@contextmanager
def hosting(*replies: Reply) -> Iterator[Host]:
    """Runs a host until the block ends."""
    remaining = list(replies) or [reply_with(PNG, "Content-Type: image/png")]

    def answer(accepted: socket.socket) -> None:
        reply = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        if callable(reply):
            reply(accepted)
        else:
            accepted.sendall(reply)

    with serving(itertools.repeat(answer)) as receiver:
        yield Host(Network(receiver), receiver, remaining)


@dataclass
class Scene:
    """The bucket `reels`, and a host that every name leads to."""

    world: World
    queue: Queue
    host: Host

    @property
    def api(self) -> Api:
        return self.world.api()

    @property
    def messages(self) -> MirrorMessages:
        return self.world.services.mirror_messages

    def worker(self, **limits: Any) -> None:
        """Gives the worker other limits."""
        parts = self.world.services.mirror_messages
        changed = replace(parts, worker=replace(parts.worker, **limits))
        services = replace(self.world.services, mirror_message_handler=lambda: changed)
        self.world = replace(self.world, services=services)

    def new_bucket(self, **more: Any) -> str:
        made = self.api.post("/v1/buckets", {"bucket_name": "reels", "bucket_schema": SCHEMA, **more})
        assert made.status == 200, made.text
        return str(made.json["bucket_id"])

    def create(self, *blobs: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        made = self.post(*blobs, **more)
        assert made.status == 200, made.text
        return dict(made.json)

    def post(self, *blobs: Mapping[str, Any], **more: Any) -> ApiResponse:
        return self.api.post(OBJECTS, {"title": "M", "blobs": list(blobs or [url_blob()]), **more})

    def get(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        found = self.api.get(f"{OBJECTS}/{stored['object_id']}")
        assert found.status == 200, found.text
        return dict(found.json)

    def put(self, stored: Mapping[str, Any], *blobs: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        changed = self.api.put(f"{OBJECTS}/{stored['object_id']}", {"blobs": list(blobs), **more})
        assert changed.status == 200, changed.text
        return dict(changed.json)

    def delete(self, stored: Mapping[str, Any]) -> None:
        self.api.call("DELETE", f"{OBJECTS}/{stored['object_id']}")

    def deliver(self, message: Message) -> bool:
        """Delivers a message once. Returns whether it was handled successfully."""
        record = self.queue.receive(message)
        response = self.messages.handle({"Records": [record]}, FakeContext(900))
        if not response["batchItemFailures"]:
            self.queue.delete(message)
        return not response["batchItemFailures"]

    def streams(self) -> None:
        self.world.pump()

    def finish(self) -> int:
        """Delivers everything until nothing remains. Returns the number of deliveries. A kill ends a delivery."""
        for count in range(MAX_DELIVERIES):
            self.streams()
            self.queue.move_dead_letters()
            if not self.queue.waiting:
                return count
            message = min(self.queue.waiting, key=lambda each: each.due)
            self.world.clock.advance(max(0.0, message.due - self.world.clock.now.timestamp()))
            with suppress(ProcessKilled):
                self.deliver(message)
        raise AssertionError("messages remain")

    def keys(self) -> list[str]:
        """Returns the keys of the files in S3."""
        found = self.world.s3.list_objects_v2(Bucket=self.world.settings.blob_bucket)
        return [each["Key"] for each in found.get("Contents", ())]

    def content(self, url: str) -> bytes:
        key = url.removeprefix(f"s3://{self.world.settings.blob_bucket}/")
        return self.world.s3.get_object(Bucket=self.world.settings.blob_bucket, Key=key)["Body"].read()

    def unfinished(self) -> list[Any]:
        """Returns the multipart uploads that were neither completed nor aborted."""
        found = self.world.s3.list_multipart_uploads(Bucket=self.world.settings.blob_bucket)
        return list(found.get("Uploads", ()))

    def check_stored(self, stored: Mapping[str, Any], content: bytes = PNG, *, position: int = 0) -> dict[str, Any]:
        """Checks that the file of an object was copied, and returns its blob."""
        blob = dict(self.get(stored)["blobs"][position])
        assert blob["properties"]["mirror"]["status"] == "COMPLETED", blob
        assert self.content(blob["properties"]["url"]) == content
        assert blob["details"]["size_bytes"] == len(content)
        assert blob["details"]["hash"] == f"sha256:{sha256(content)}"
        return blob

    def statistics(self) -> tuple[int, int]:
        """Returns the number of objects, and their bytes, of the bucket."""
        self.streams()
        bucket = self.api.get("/v1/buckets/reels").json
        return bucket["object_count"], bucket["total_size_bytes"]


def new_scene(world: World, host: Host, **options: Any) -> Scene:
    """Returns a scene with the bucket `reels`, whose files are fetched from this host."""

    def seconds() -> float:
        return world.clock.now.timestamp()

    queue = Queue(seconds, url=MIRROR_QUEUE)
    settings = replace(world.settings, mirror_queue_url=MIRROR_QUEUE)
    client = host.network.client(**options)
    services = build(settings, world.client, lambda: world.s3, lambda: queue, clock=world.clock, http=lambda: client)
    scene = Scene(replace(world, services=services, settings=settings), queue, host)
    scene.new_bucket()
    return scene


def copy_files(api: Api, stored: Mapping[str, Any], host: Host, *, count: int | None = None) -> int:
    """Copies the files of an object from this host, without streams and queues, or only the first `count`.

    Returns how many were copied.
    """
    services = api.services()
    row = services.objects.store.find_any(stored["bucket_id"], stored["object_id"])
    assert row is not None
    worker = replace(services.mirror_messages.worker, client=host.network.client)
    wishes = [blob for blob in row.blobs if blob.mirror is not None and blob.mirror.status == "PENDING"][:count]
    for blob in wishes:
        assert blob.mirror is not None
        message = MirrorMessage(row.partition, row.bucket_id, row.object_id, blob.blob_id, blob.mirror.mirror_id)
        worker.run(message, starts=1, is_time_up=lambda: False)
    return len(wishes)
