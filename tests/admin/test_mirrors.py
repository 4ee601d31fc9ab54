"""`mirrors resend` sends the messages of files by URL that are still to be copied."""

from __future__ import annotations

from click.testing import CliRunner

from chalicelib.admin.__main__ import admin
from chalicelib.mirroring.queue import MirrorQueue
from tests.mirroring.conftest import host, scene
from tests.mirroring.scenes import Scene, reply_with, url_blob

__all__ = ["host", "scene"]


def run(made: Scene, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(admin, ["mirrors", "resend", *arguments], obj=lambda **_: made.world.services)
    return result.exit_code, result.output


def test_files_whose_messages_were_lost_are_copied(scene: Scene) -> None:
    scene.host.reply(reply_with(b"", status=404))
    failed = scene.create()
    scene.finish()
    scene.create(url_blob(canonicalize_source=False))
    lost = [scene.create(url_blob(), url_blob("http://films.example.com/b.png")) for _ in range(6)]
    scene.streams()
    scene.queue.waiting.clear()
    assert run(scene, "--all") == (0, "12 messages sent, for files of 8 objects\n")
    scene.host.reply(reply_with(b"\x89PNG\r\n\x1a\n"))
    scene.finish()
    for made in lost:
        states = {blob["properties"]["mirror"]["status"] for blob in scene.get(made)["blobs"]}
        assert states == {"COMPLETED"}
    assert scene.get(failed)["status"] == "FAILED"
    assert run(scene, "--all") == (0, "0 messages sent, for files of 8 objects\n")


def test_the_command_needs_a_bucket_and_a_queue(scene: Scene) -> None:
    assert run(scene)[0] == 2
    object.__setattr__(scene.messages, "queue", MirrorQueue(lambda: scene.queue, ""))
    assert run(scene, "--all")[0] == 2
