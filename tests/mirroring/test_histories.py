"""Clients change and delete an object while its files are copied, and messages come late, twice and out of order.

Each history ends with exactly the files that the object refers to, with the content of its URLs, and exact statistics.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.deliveries.unreliable import killed_afterwards, killed_before
from tests.faults.consistency import check_consistency
from tests.mirroring.scenes import OBJECTS, URL, Scene, reply_with, url_blob
from tests.support.faults import Faults
from tests.support.task_queue import ProcessKilled
from tests.uploads.scenes import OTHER_PNG, PNG

OTHER_URL = "http://other.example.com/b.png"
CONTENTS = {URL: PNG, OTHER_URL: OTHER_PNG}

# What a client does to the object, or what happens to the messages.
CLIENT: dict[str, Callable[[Scene, Any], object]] = {
    "same": lambda scene, made: put(scene, made, url_blob()),
    "forced": lambda scene, made: put(scene, made, url_blob(force_remirror=True)),
    "other": lambda scene, made: put(scene, made, url_blob(OTHER_URL)),
    "kept url": lambda scene, made: put(scene, made, url_blob(canonicalize_source=False)),
    "title": lambda scene, made: scene.api.patch(f"{OBJECTS}/{made['object_id']}", {"title": "N"}),
    "delete": lambda scene, made: scene.delete(made),
}


def put(scene: Scene, made: dict[str, Any], blob: dict[str, Any]) -> None:
    scene.api.put(f"{OBJECTS}/{made['object_id']}", {"blobs": [blob]})


def answering(scene: Scene, meanwhile: Callable[[], object]) -> Callable[[socket.socket], None]:
    """Returns a reply with the file of the requested host. Something happens while it is fetched."""

    def reply(accepted: socket.socket) -> None:
        request = scene.host.receiver.requests[-1]
        with suppress(ProcessKilled):  # the call that is the last one may be that of the client
            meanwhile()
        accepted.sendall(reply_with(OTHER_PNG if b"Host: other" in request else PNG))

    return reply


def check(scene: Scene, made: dict[str, Any]) -> None:
    """Checks the end of a history, and deletes the object."""
    scene.host.reply(answering(scene, lambda: None))
    scene.finish()
    found = scene.api.get(f"{OBJECTS}/{made['object_id']}")
    if found.status == 200:
        (blob,) = found.json["blobs"]
        mirror = blob["properties"].get("mirror")
        if mirror is None:
            assert (blob["properties"]["url"], scene.keys()) == (URL, [])
        else:
            scene.check_stored(made, CONTENTS[mirror["source_url"]])
            assert len(scene.keys()) == 1
        assert scene.statistics() == (1, blob["details"]["size_bytes"] or 0)
    scene.delete(made)
    scene.finish()
    assert (scene.keys(), scene.queue.dead, scene.queue.waiting, scene.statistics()) == ([], [], [], (0, 0))


@pytest.mark.parametrize("first", CLIENT)
@pytest.mark.parametrize("again", [None, *CLIENT])
def test_a_client_acts_while_the_file_is_fetched(scene: Scene, first: str, again: str | None) -> None:
    made = scene.create()
    scene.streams()
    actions = [first, *([again] if again else [])]

    def meanwhile() -> None:
        if actions:
            CLIENT[actions.pop(0)](scene, made)

    scene.host.reply(answering(scene, meanwhile))
    (message,) = scene.queue.waiting
    assert scene.deliver(message)
    check(scene, made)


STEPS = st.lists(
    st.sampled_from([*CLIENT, "deliver", "deliver", "duplicate", "streams", "records again", "kill", "kill after"]),
    max_size=9,
)


@settings(max_examples=25)
@given(steps=STEPS, meanwhile=st.sampled_from([None, *CLIENT]), calls=st.integers(1, 9))
def test_any_history(scene: Scene, steps: list[str], meanwhile: str | None, calls: int) -> None:
    made = scene.create()
    scene.streams()
    pending = [meanwhile] if meanwhile else []
    scene.host.reply(answering(scene, lambda: CLIENT[pending.pop()](scene, made) if pending else None))
    for step in steps:
        if step in CLIENT:
            CLIENT[step](scene, made)
        else:
            _deliver(scene, step, calls)
    check(scene, made)
    check_consistency(scene.world)


def _deliver(scene: Scene, step: str, call: int) -> None:
    if step == "records again":
        records = scene.world.pump.objects.history()
        assert scene.world.pump.objects.deliver(records[-3:])["batchItemFailures"] == []
    scene.streams()
    for message in scene.queue.waiting[:1] if step in ("deliver", "duplicate", "kill", "kill after") else []:
        faults = Faults(scene.world.client, scene.world.s3)
        if step.startswith("kill"):
            faults.on(call, killed_before if step == "kill" else killed_afterwards)
        with suppress(ProcessKilled):
            scene.deliver(message)
            if step == "duplicate":
                scene.deliver(message)
        faults.remove()


@pytest.mark.parametrize("count", [2, 3])
def test_messages_that_are_delivered_at_the_same_time_store_one_file(scene: Scene, count: int) -> None:
    made = scene.create()
    scene.streams()
    (message,) = scene.queue.waiting
    nested = [count - 1]

    def meanwhile() -> None:
        # The outer delivery has asked for the file, and gets it after the inner one has ended.
        if nested[0]:
            nested[0] -= 1
            scene.deliver(message)

    with_threads(scene, meanwhile)
    assert scene.deliver(message)
    check(scene, made)


def with_threads(scene: Scene, meanwhile: Callable[[], object]) -> None:
    """Makes each fetch do something first, in the thread of the worker."""
    worker = scene.messages.worker
    client = worker.client()
    scene.host.reply(answering(scene, lambda: None))

    class Interrupting:
        def stream(self, *given: Any, **more: Any) -> Any:
            meanwhile()
            return client.stream(*given, **more)

    scene.worker(client=Interrupting)


def test_files_of_one_object_are_copied_at_the_same_time(scene: Scene) -> None:
    made = scene.create(url_blob(), url_blob(OTHER_URL))
    scene.streams()
    first, second = list(scene.queue.waiting)
    done: list[bool] = []

    def meanwhile() -> None:
        if not done:
            done.append(True)
            assert scene.deliver(second)

    with_threads(scene, meanwhile)
    assert scene.deliver(first)
    scene.check_stored(made)
    scene.check_stored(made, OTHER_PNG, position=1)
    assert (len(scene.keys()), scene.statistics()) == (2, (1, len(PNG) + len(OTHER_PNG)))
