"""An event with many objects that refer to their files no longer: calls to AWS, failures and conflicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.aws.dynamodb.optimistic_lock import MAX_PAUSE_SECONDS
from chalicelib.aws.usage import Usage, track_usage
from chalicelib.blobs.sharing import SharedFile
from chalicelib.core.errors import Unavailable
from chalicelib.stats import handlers
from tests.support.objects import text
from tests.uploads.scenes import PNG, Scene
from tests.uploads.sharing import OBJECTS, catalog_rows, check_drained, completed, delete, share, shared

NUMBER = 20


def deleted(scene: Scene, object_ids: Iterable[str]) -> list[Any]:
    """Deletes objects. Returns the records of the stream."""
    scene.world.pump()
    first = len(scene.world.pump.objects.history())
    for object_id in object_ids:
        assert delete(scene, object_id).status == 204
    return scene.world.pump.objects.history()[first:]


def removed(scene: Scene, records: list[Any]) -> Usage:
    with track_usage() as usage:
        scene.world.services.objects.remove_unreferenced(records)
    return usage


def different(scene: Scene, number: int = NUMBER) -> list[dict[str, Any]]:
    """Returns uploads with an object and a file of their own."""
    return [completed(scene, PNG + bytes([each]), create_object_on_confirm=True) for each in range(number)]


def test_files_of_different_uploads_cost_three_calls_each(scene: Scene) -> None:
    records = deleted(scene, [upload["object_id"] for upload in different(scene)])
    assert removed(scene, records).round_trips <= 3 * NUMBER + 5
    assert scene.keys() == []


def test_files_of_requests_are_removed_together(scene: Scene) -> None:
    blob = {**text(), "property": "script"}
    made = [scene.api.post(OBJECTS, {"blobs": [blob], "title": str(each)}).json["object_id"] for each in range(NUMBER)]
    assert len(scene.keys()) == NUMBER
    assert removed(scene, deleted(scene, made)).round_trips <= 3
    assert scene.keys() == []


@pytest.mark.parametrize("is_last", [True, False])
def test_objects_that_share_a_file_cost_few_calls(scene: Scene, is_last: bool) -> None:
    upload = completed(scene)
    made = sorted(shared(scene, upload) for _ in range(NUMBER + 1))
    kept = [] if is_last else made[-1:]
    records = deleted(scene, [each for each in made if each not in kept])
    assert removed(scene, records).round_trips <= 10
    assert [row["object_id"] for row in catalog_rows(scene, "USE#")] == kept
    check_drained(scene, upload)
    assert removed(scene, records).round_trips <= 6, "a repetition"
    check_drained(scene, upload)


def test_one_record_removes_the_uses_of_all_objects_with_few_calls(scene: Scene) -> None:
    upload = completed(scene)
    records = deleted(scene, [shared(scene, upload) for _ in range(NUMBER)])
    assert removed(scene, records[:1]).round_trips <= 12
    check_drained(scene, upload)


def test_a_file_that_cannot_be_released_does_not_keep_the_others(scene: Scene) -> None:
    uploads = different(scene, 3)
    records = deleted(scene, [upload["object_id"] for upload in uploads])
    release = SharedFile.release

    def release_others(self: SharedFile, *arguments: Any) -> bool:
        if self.upload_id == uploads[0]["upload_id"]:
            raise Unavailable()
        return release(self, *arguments)

    with patch.object(SharedFile, "release", release_others), pytest.raises(Unavailable):
        scene.world.services.objects.remove_unreferenced(records)
    assert scene.keys() == [uploads[0]["s3_key"]]
    removed(scene, records)
    assert scene.keys() == []


def test_conflicts_are_followed_by_longer_and_longer_pauses(scene: Scene) -> None:
    upload = completed(scene)
    records = deleted(scene, [shared(scene, upload)])
    pauses: list[float] = []
    mark = SharedFile._mark_removed

    def use_before(self: SharedFile, *arguments: Any) -> None:
        if len(pauses) < 12:
            delete(scene, share(scene, upload).json["object_id"])
        mark(self, *arguments)

    objects = replace(scene.world.services.objects, pause=pauses.append)
    with patch.object(SharedFile, "_mark_removed", use_before):
        objects.remove_unreferenced(records)
    assert len(pauses) == 12
    assert 0 < sum(pauses[6:]) <= 6 * MAX_PAUSE_SECONDS
    check_drained(scene, upload)


def test_an_event_is_delivered_again_from_the_part_that_failed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "GARBAGE_RECORDS", 2)
    uploads = different(scene, 5)
    records = deleted(scene, [upload["object_id"] for upload in uploads])
    failing = uploads[2]["upload_id"]
    release = SharedFile.release

    def release_others(self: SharedFile, *arguments: Any) -> bool:
        if self.upload_id == failing:
            raise Unavailable()
        return release(self, *arguments)

    with patch.object(SharedFile, "release", release_others):
        (failure,) = scene.world.pump.objects.deliver(records)["batchItemFailures"]
    assert failure["itemIdentifier"] == records[2]["dynamodb"]["SequenceNumber"]
    assert scene.keys() == [uploads[2]["s3_key"]]
    assert scene.world.pump.objects.deliver(records[2:])["batchItemFailures"] == []
    assert scene.keys() == []
