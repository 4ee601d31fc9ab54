"""The last reference to a shared file is removed while another object begins to use it, or a process is killed.

Something happens at each call to AWS of something else, in both roles. There is never a reference without its file.
After all records were delivered, there is no file without a reference.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from chalicelib.core.errors import Unavailable
from tests.deliveries.unreliable import killed_afterwards, killed_before, meanwhile, then_killed
from tests.support.faults import Fault, Faults, applied_then_closed, internal_error
from tests.support.task_queue import ProcessKilled
from tests.uploads.scenes import OTHER_PNG, Scene
from tests.uploads.sharing import (
    check_drained,
    check_no_reference_without_bytes,
    completed,
    delete,
    photo_of,
    put,
    share,
    shared,
)

KINDS: dict[str, Fault] = {
    "killed before": killed_before,
    "killed afterwards": killed_afterwards,
    "refused": internal_error,
    "lost": applied_then_closed(),
}
MAX_CALLS = 30
OTHER = {"property": "photo", "type": "image", "data": {"base64": b64encode(OTHER_PNG).decode()}}


@dataclass
class Stage:
    """A file that one object refers to, and which is about to lose this object."""

    scene: Scene
    upload: dict[str, Any]
    last: str
    first_record: int
    statuses: list[int] = field(default_factory=list)

    def delete(self) -> None:
        delete(self.scene, self.last)

    def replace(self) -> None:
        assert put(self.scene, self.last, OTHER).status == 200

    def use(self) -> None:
        self.statuses.append(share(self.scene, self.upload).status)

    def use_again(self) -> None:
        """The object itself begins to refer to the file again."""
        self.statuses.append(put(self.scene, self.last, photo_of(self.upload)).status)

    def collect(self) -> None:
        """Handles all records of this stage, as Lambda does after a failure: all of them again."""
        self.scene.world.services.objects.remove_unreferenced(self.records())

    def records(self) -> list[dict[str, Any]]:
        return self.scene.world.pump.objects.history()[self.first_record :]


def stages(scene: Scene, *, makes_object: bool = False) -> Iterator[Stage]:
    """Yields one new stage after another."""
    for _ in range(MAX_CALLS):
        first_record = len(scene.world.pump.objects.history())
        upload = completed(scene, create_object_on_confirm=makes_object)
        yield Stage(scene, upload, upload["object_id"] or shared(scene, upload), first_record)
    raise AssertionError("the test does not end")


def during(scene: Scene, call: int, fault: Fault, act: Callable[[], object]) -> bool:
    """Does something whose call with this number has a fault. Returns whether there was such a call."""
    faults = Faults(scene.world.client, scene.world.s3).on(call, fault)
    try:
        act()
    except (ProcessKilled, Unavailable):
        pass
    finally:
        faults.remove()
    return faults.calls >= call


def finish(stage: Stage) -> None:
    """Handles all records, checks the file, and deletes all objects."""
    check_no_reference_without_bytes(stage.scene)
    stage.collect()
    check_drained(stage.scene, stage.upload)
    for stored in stage.scene.objects():
        delete(stage.scene, stored["object_id"])
    stage.collect()
    assert stage.scene.keys() == []


@pytest.mark.parametrize(
    ("leave", "enter", "makes_object"),
    [
        ("delete", "use", True),
        ("delete", "use", False),
        ("replace", "use_again", True),
        ("replace", "use_again", False),
    ],
)
def test_an_object_begins_to_use_the_file_during_its_removal(
    slow_scene: Scene, leave: str, enter: str, makes_object: bool
) -> None:
    for call, stage in enumerate(stages(slow_scene, makes_object=makes_object), 1):
        getattr(stage, leave)()
        is_reached = during(slow_scene, call, meanwhile(getattr(stage, enter)), stage.collect)
        finish(stage)
        assert set(stage.statuses) <= {200, 400, 404}, stage.statuses
        if not is_reached:
            assert call > 5
            return


@pytest.mark.parametrize("enter", ["use", "use_again"])
def test_the_file_is_removed_while_an_object_begins_to_use_it(slow_scene: Scene, enter: str) -> None:
    for call, stage in enumerate(stages(slow_scene), 1):
        stage.replace()
        is_reached = during(slow_scene, call, meanwhile(stage.collect), getattr(stage, enter))
        finish(stage)
        assert set(stage.statuses) <= {200, 400}, stage.statuses
        if not is_reached:
            assert call > 3
            return


@pytest.mark.parametrize("kind", KINDS)
def test_a_removal_that_fails_is_repeated(slow_scene: Scene, kind: str) -> None:
    for call, stage in enumerate(stages(slow_scene), 1):
        stage.delete()

        is_reached = during(slow_scene, call, KINDS[kind], stage.collect)
        finish(stage)
        if not is_reached:
            assert call > 5
            return


def test_an_object_begins_to_use_the_file_after_a_removal_was_killed(slow_scene: Scene) -> None:
    for call, stage in enumerate(stages(slow_scene), 1):
        stage.replace()
        is_reached = during(slow_scene, call, then_killed(stage.use_again), stage.collect)
        finish(stage)
        if not is_reached:
            return


@pytest.mark.parametrize("kind", KINDS)
def test_a_use_that_fails_is_repeated(slow_scene: Scene, kind: str) -> None:
    for call, stage in enumerate(stages(slow_scene), 1):
        is_reached = during(slow_scene, call, KINDS[kind], stage.use)
        stage.use()
        assert stage.statuses[-1] == 200
        stage.delete()
        finish(stage)
        if not is_reached:
            assert call > 3
            return


def test_an_upload_of_the_same_content_is_completed_during_the_removal(slow_scene: Scene) -> None:
    for call, stage in enumerate(stages(slow_scene, makes_object=True), 1):
        copy = slow_scene.create()
        slow_scene.put(copy)

        before: list[str] = []

        def remove(stage: Stage = stage, copy: dict[str, Any] = copy, before: list[str] = before) -> None:
            before.append(slow_scene.get(copy)["status"])
            stage.delete()
            stage.collect()

        is_reached = during(slow_scene, call, meanwhile(remove), partial(slow_scene.confirm, copy))
        if not is_reached:
            return
        assert slow_scene.arrive(copy)
        done = slow_scene.get(copy)
        # A copy that was completed before the removal refers to the file, and its message says that it was removed.
        is_duplicate = before == ["COMPLETED"]
        assert (done["status"], done["is_duplicate"]) == ("COMPLETED", is_duplicate)
        assert (done["message"] or "").startswith("The file was removed") == is_duplicate
        assert [each["object_id"] for each in slow_scene.objects()] == ([] if is_duplicate else [done["object_id"]])
        slow_scene.check_files()
        for stored in slow_scene.objects():
            delete(slow_scene, stored["object_id"])
        stage.collect()


def test_two_objects_exchange_their_files_during_the_removal(slow_scene: Scene) -> None:
    for call, stage in enumerate(stages(slow_scene), 1):
        uploads = [stage.upload, completed(slow_scene, OTHER_PNG)]
        made = [stage.last, shared(slow_scene, uploads[1])]

        def exchange(uploads: list[Any] = uploads, made: list[str] = made) -> None:
            for object_id, upload in zip(made, reversed(uploads), strict=True):
                put(slow_scene, object_id, photo_of(upload))

        is_reached = during(slow_scene, call, meanwhile(stage.collect), exchange)
        stage.collect()
        slow_scene.check_files()
        finish(stage)
        if not is_reached:
            return


def test_an_object_begins_to_use_the_file_while_a_batch_is_submitted(slow_scene: Scene) -> None:
    for call, stage in enumerate(stages(slow_scene, makes_object=True), 1):
        replies: list[Any] = []

        def submit(stage: Stage = stage, replies: list[Any] = replies) -> None:
            replies.append(slow_scene.confirm(stage.upload, {"auto_submit_batch": True}))

        is_reached = during(slow_scene, call, meanwhile(stage.use), submit)
        assert [reply.status for reply in replies] == [200], replies[0].text
        assert replies[0].json["batch_id"] is not None
        assert set(stage.statuses) <= {200}
        if not is_reached:
            assert call > 5
            return
