"""`admin blobs orphans`: the files of uploads that no object refers to any more, and objects that begin to use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.aws.usage import track_usage
from chalicelib.blobs.store import BlobStore
from chalicelib.objects.shared_files import SharedFiles
from chalicelib.objects.unreferenced import UnreferencedFiles
from tests.deliveries.unreliable import meanwhile
from tests.faults.consistency import check_consistency
from tests.support.faults import Faults
from tests.uploads.aging import age, run
from tests.uploads.scenes import PNG, Scene
from tests.uploads.sharing import (
    OBJECTS,
    catalog_rows,
    check_drained,
    check_no_reference_without_bytes,
    completed,
    delete,
    share,
    shared,
)


@pytest.fixture(autouse=True)
def in_the_past(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    age(scene, monkeypatch)


def unreleased(scene: Scene, *, makes_object: bool, uses: int = 0) -> dict[str, Any]:
    """Returns an upload whose objects were deleted, and whose file remains: the records of the stream were lost."""
    upload = completed(scene, create_object_on_confirm=makes_object)
    made = [upload["object_id"]] if makes_object else []
    for object_id in [*made, *[shared(scene, upload) for _ in range(uses)]]:
        assert delete(scene, object_id).status == 204
    pump_without_files(scene)
    assert scene.content(upload["s3_key"]) == PNG
    return upload


def pump_without_files(scene: Scene) -> None:
    """Delivers all records, of which none reaches the code that removes files."""
    with patch.object(UnreferencedFiles, "remove", lambda self, records: None):
        scene.world.pump()


def listed(scene: Scene, *arguments: str) -> list[str]:
    return [row["key"] for row in run(scene, *arguments)]


@pytest.mark.parametrize("has_other", [True, False])
@pytest.mark.parametrize(("makes_object", "uses"), [(True, 0), (True, 2), (False, 1), (False, 2)])
def test_a_file_whose_last_record_was_lost_is_listed_and_released(
    scene: Scene, makes_object: bool, uses: int, has_other: bool
) -> None:
    if has_other:
        assert scene.api.post(OBJECTS, {"title": "other"}).status == 200
    upload = unreleased(scene, makes_object=makes_object, uses=uses)
    assert listed(scene) == [upload["s3_key"]]
    assert scene.keys() == [upload["s3_key"]]
    assert listed(scene, "--remove") == [upload["s3_key"]]
    check_drained(scene, upload)
    assert run(scene) == []
    check_consistency(scene.world)


def test_a_file_that_was_never_used_is_kept(scene: Scene) -> None:
    upload, used = completed(scene), unreleased(scene, makes_object=False, uses=1)
    assert listed(scene, "--remove") == [used["s3_key"]]
    assert scene.keys() == [upload["s3_key"]]
    assert share(scene, upload).status == 200


@pytest.mark.parametrize("makes_object", [True, False])
def test_a_file_that_an_object_uses_is_not_listed(scene: Scene, makes_object: bool) -> None:
    upload = completed(scene, create_object_on_confirm=makes_object)
    made = [shared(scene, upload) for _ in range(3)]
    for object_id in sorted(made)[:2]:
        delete(scene, object_id)
    if makes_object:
        delete(scene, upload["object_id"])
    pump_without_files(scene)
    assert run(scene, "--remove") == []
    check_no_reference_without_bytes(scene)


@pytest.mark.parametrize("makes_object", [True, False])
def test_the_file_is_used_just_before_it_would_be_removed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, makes_object: bool
) -> None:
    """The bucket has no object when the command reads it, and one when the command removes the file."""
    upload = unreleased(scene, makes_object=makes_object, uses=1)
    needed, statuses = SharedFiles.needed, []

    def use_afterwards(self: SharedFiles, *arguments: Any) -> set[str]:
        found = needed(self, *arguments)
        statuses.append(share(scene, upload).status)
        return found

    monkeypatch.setattr(SharedFiles, "needed", use_afterwards)
    assert run(scene, "--remove") == []
    assert 200 in statuses
    check_no_reference_without_bytes(scene)


@pytest.mark.parametrize("makes_object", [True, False])
def test_the_file_is_used_at_any_call_of_the_command(scene: Scene, makes_object: bool) -> None:
    for call in range(1, 40):
        upload = unreleased(scene, makes_object=makes_object, uses=1)
        statuses: list[int] = []

        def use(upload: dict[str, Any] = upload, statuses: list[int] = statuses) -> None:
            statuses.append(share(scene, upload).status)

        is_reached = during(scene, call, use, lambda: run(scene, "--remove"))
        check_no_reference_without_bytes(scene)
        assert set(statuses) <= {200, 400}
        for stored in scene.objects():
            delete(scene, stored["object_id"])
        scene.world.pump()
        check_drained(scene, upload)
        if not is_reached:
            assert call > 8
            return
    raise AssertionError("the test does not end")


def test_a_file_that_was_marked_but_not_deleted_is_listed(scene: Scene) -> None:
    upload = unreleased(scene, makes_object=True)
    with patch.object(BlobStore, "remove", lambda self, keys: list(keys)):
        run(scene, "--remove")
    assert share(scene, upload).status == 400
    assert listed(scene, "--remove") == [upload["s3_key"]]
    check_drained(scene, upload)


def test_many_files_that_were_never_used_cost_few_reads(scene: Scene) -> None:
    for number in range(30):
        completed(scene, PNG + bytes([number]))
    with track_usage() as usage:
        assert run(scene) == []
    assert usage.round_trips < 25
    assert catalog_rows(scene, "USE#") == []


def during(scene: Scene, call: int, act: Callable[[], object], run_command: Callable[[], object]) -> bool:
    """Does something at a call of a command. Returns whether there was such a call."""
    faults = Faults(scene.world.client, scene.world.s3).on(call, meanwhile(act))
    try:
        run_command()
    finally:
        faults.remove()
    return faults.calls >= call
