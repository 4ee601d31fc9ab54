"""The policy of the function that copies files by URL grants exactly the permissions that the function uses."""

from __future__ import annotations

from chalicelib.mirroring import storing
from tests.mirroring.scenes import Host, Scene, hosting, new_scene, reply_with, url_blob
from tests.support.permissions import Permission, granted, logical_ids, permissions_used, renamed
from tests.support.task_queue import Message
from tests.support.world import World
from tests.uploads.scenes import PNG

# Actions of Lambda itself, which receives messages with the role of the function.
POLLING = {f"sqs:{name}" for name in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")}


class RecordingScene(Scene):
    """Records the permissions that the function uses."""

    used: set[Permission]

    def deliver(self, message: Message) -> bool:
        with permissions_used(self.world.client, self.world.s3) as used:
            result = super().deliver(message)
        self.used |= renamed(used, logical_ids(self.world))
        return result


def test_the_policy_grants_exactly_what_the_function_uses(world: World) -> None:
    with hosting() as host:
        made = new_scene(world, host)
        scene = RecordingScene(made.world, made.queue, made.host)
        scene.used = set()
        _copy_files(scene, host)
    assert scene.used == {each for each in granted("mirror-message") if each.action not in POLLING}
    assert set(scene.queue.calls) == {"send_message_batch", "change_message_visibility"}
    assert {each.action for each in granted("mirror-message", ("sqs:",))} - POLLING == {
        "sqs:SendMessage",
        "sqs:ChangeMessageVisibility",
    }


def _copy_files(scene: Scene, host: Host) -> None:
    """Copies files in all ways that differ in their calls to AWS."""
    host.reply(reply_with(b"", status=503), reply_with(PNG))
    first = scene.create()
    scene.streams()
    place = scene.queue.waiting[0].content
    left = f"blobs/{place['bucket_id']}/{place['object_id']}/{place['mirror_id']}_left"
    scene.world.s3.put_object(Bucket=scene.world.settings.blob_bucket, Key=left, Body=b"of a killed worker")
    scene.finish()
    scene.check_stored(first)
    assert len(scene.keys()) == 1
    host.reply(reply_with(PNG + bytes(storing.PART_BYTES)))
    scene.create()
    refused = scene.create(url_blob(checksum="0" * 64))
    scene.finish()
    assert len(scene.keys()) == 2
    assert scene.get(refused)["blobs"][0]["properties"]["mirror"]["status"] == "FAILED"
