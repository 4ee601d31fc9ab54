"""The ETag and the size that a confirmation names, and the size up to which a request reads a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.blobs.service import Blobs
from chalicelib.core.deadline import time_limit
from chalicelib.core.errors import Unavailable
from chalicelib.uploads import confirming
from chalicelib.uploads.staging import read_file
from tests.support.catalog import partition_of
from tests.uploads.scenes import OTHER_PNG, PNG, Scene

LARGE = PNG + b"more" * 1000
Named = Callable[[str], dict[str, Any]]
NAMED: list[Named] = [lambda etag: {"etag": etag}, lambda _: {"file_size_bytes": len(PNG)}]


def before_the_first_read(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> None:
    """Acts once, after a version of the file was found and before it is read."""
    real, waiting = Blobs.read_version, [act]

    def read_version(*arguments: Any) -> bytes:
        if waiting:
            waiting.pop()()
        return real(*arguments)

    monkeypatch.setattr(Blobs, "read_version", read_version)


@pytest.mark.parametrize("named", NAMED)
def test_a_file_that_replaces_the_named_one_is_not_promoted(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, named: Named
) -> None:
    upload = scene.create()
    etag = scene.put(upload)
    before_the_first_read(monkeypatch, lambda: scene.put(upload, LARGE))
    refused = scene.confirm(upload, named(etag))
    assert (refused.status, refused.error["code"] in ("etag_mismatch", "size_mismatch")) == (400, True)
    assert (scene.get(upload)["status"], scene.objects(), scene.keys()) == ("PENDING", [], [upload["s3_key"]])


@pytest.mark.parametrize("named", NAMED)
def test_a_task_promotes_only_the_named_file(scene: Scene, named: Named) -> None:
    upload = scene.create()
    task_id = scene.confirm(upload, named(scene.put(upload)), **{"async": "true"}).json["task_id"]
    scene.put(upload, LARGE)
    scene.run_tasks()
    task = scene.api.get(f"/v1/tasks/{task_id}").json
    assert (task["status"], "The stored file has another" in task["error"]) == ("FAILED", True)
    assert (task["outputs"][0]["status"], scene.get(upload)["status"]) == ("PENDING", "PENDING")
    assert (scene.objects(), scene.keys()) == ([], [upload["s3_key"]])
    assert scene.confirm(upload).json["status"] == "COMPLETED"
    scene.check_object(LARGE)


def test_a_task_says_that_another_file_was_promoted_before(scene: Scene) -> None:
    upload = scene.create()
    task_id = scene.confirm(upload, {"etag": scene.put(upload)}, **{"async": "true"}).json["task_id"]
    scene.put(upload, OTHER_PNG)
    assert scene.arrive(upload)
    scene.run_tasks()
    task = scene.api.get(f"/v1/tasks/{task_id}").json
    assert (task["status"], task["error"]) == ("FAILED", "The stored file has another ETag")
    assert scene.get(upload)["status"] == "COMPLETED"


@pytest.mark.parametrize("named", NAMED)
def test_a_completed_upload_has_the_named_file(scene: Scene, named: Named) -> None:
    upload = scene.create()
    etag = scene.put(upload, LARGE)
    assert scene.arrive(upload)
    refused = scene.confirm(upload, {"etag": "0123"} if "etag" in named(etag) else named(etag))
    assert (refused.status, refused.error["details"]["id"]) == (400, upload["upload_id"])
    assert scene.confirm(upload, {"etag": etag, "file_size_bytes": len(LARGE)}).status == 200


def test_a_large_file_that_replaces_a_small_one_is_left_to_a_task(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirming, "TASK_BYTES", len(LARGE))
    upload = scene.create()
    scene.put(upload)
    before_the_first_read(monkeypatch, lambda: scene.put(upload, LARGE))
    assert scene.confirm(upload).json["status"] == "PROCESSING"
    scene.run_tasks()
    scene.check_object(LARGE)


def test_no_part_of_a_file_is_read_after_the_time_limit_of_a_request(scene: Scene) -> None:
    made = scene.create()
    scene.put(made)
    files, store = scene.world.services.blobs, scene.world.services.uploads.store
    upload = store.locate(made["upload_id"])
    assert upload is not None
    assert upload.partition == partition_of(scene.world)
    found = files.version(upload.staging_key)
    with time_limit(0.0), pytest.raises(Unavailable):
        read_file(scene.world.services.objects.blobs, upload, found)
