"""The process is killed at any call to AWS, and what it did is repeated: by the client, by SQS, or by the task queue.

Afterwards there is exactly one object, or none if the file was never stored, and no file without a reference.

`make nightly` interrupts every call in every way. `make test` interrupts every second call in each way, beginning with
the first one or with the second one in turn, so that each call is interrupted in several ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pytest

from tests.deliveries.unreliable import killed_afterwards, killed_before
from tests.faults.consistency import check_consistency
from tests.faults.fault_kinds import FAULTS
from tests.support.faults import Fault, Faults
from tests.support.nightly import NIGHTLY, step
from tests.support.task_queue import ProcessKilled
from tests.uploads.scenes import OTHER_PNG, UPLOADS, Scene

KINDS: dict[str, Fault] = {"killed before": killed_before, "killed afterwards": killed_afterwards, **FAULTS}
MAX_CALLS = 60


def interrupted(scene: Scene, call: int, fault: Fault, act: Callable[[], Any]) -> bool:
    """Does something whose call with this number fails. Returns whether there was such a call."""
    faults = Faults(scene.world.client, scene.world.s3).on(call, fault)
    try:
        act()
    except ProcessKilled:
        pass
    finally:
        faults.remove()
    return faults.calls >= call


def numbers(kind: str, every: int = 2) -> Sequence[int]:
    """The numbers of the calls that are interrupted in this way."""
    distance = 1 if NIGHTLY else step(every)
    return range(1 + list(KINDS).index(kind) % distance, MAX_CALLS, distance)


def calls(scene: Scene, kind: str, act: Callable[[dict[str, Any]], Any], **declared: Any) -> Iterator[dict[str, Any]]:
    """Yields a new upload for each call of `act`, after `act` was interrupted at this call."""
    for call in numbers(kind):
        upload = scene.create(skip_duplicates=False, **declared)
        scene.put(upload)
        is_interrupted = interrupted(scene, call, KINDS[kind], lambda upload=upload: act(upload))  # type: ignore[misc]
        yield upload
        if not is_interrupted:
            assert call > 5
            return
    raise AssertionError("the test does not end")


def check(scene: Scene, upload: dict[str, Any]) -> None:
    """Checks that the upload is completed with one object, and deletes it."""
    done = scene.get(upload)
    assert done["status"] == "COMPLETED", done
    stored = scene.check_object()
    assert stored["object_id"] == done["object_id"]
    scene.api.call("DELETE", f"/v1/buckets/films/objects/{stored['object_id']}")
    scene.run_tasks()
    scene.world.pump()
    assert scene.keys() == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_arrival_is_delivered_again(slow_scene: Scene, kind: str) -> None:
    for upload in calls(slow_scene, kind, slow_scene.arrive):
        assert slow_scene.arrive(upload)
        check(slow_scene, upload)
    check_consistency(slow_scene.world)


@pytest.mark.parametrize("kind", KINDS)
def test_a_confirmation_is_repeated(slow_scene: Scene, kind: str) -> None:
    for upload in calls(slow_scene, kind, slow_scene.confirm):
        assert slow_scene.confirm(upload).status == 200
        if slow_scene.keys("u/") or len(slow_scene.keys("blobs/")) > 1:
            # The confirmation was killed after the upload was completed. The event of S3 removes what it has left.
            assert slow_scene.arrive(upload)
        check(slow_scene, upload)


@pytest.mark.parametrize("kind", ["killed before", "killed afterwards"])
def test_a_confirmation_is_followed_by_the_event(slow_scene: Scene, kind: str) -> None:
    for upload in calls(slow_scene, kind, slow_scene.confirm):
        assert slow_scene.arrive(upload)
        check(slow_scene, upload)


@pytest.mark.parametrize("kind", ["killed before", "killed afterwards"])
def test_a_second_file_comes_after_the_kill(slow_scene: Scene, kind: str) -> None:
    for upload in calls(slow_scene, kind, slow_scene.confirm):
        is_completed = slow_scene.get(upload)["status"] == "COMPLETED"
        slow_scene.put(upload, OTHER_PNG)
        assert slow_scene.arrive(upload)
        stored = slow_scene.objects()[0]
        if is_completed:
            check(slow_scene, upload)
        else:
            slow_scene.check_object(OTHER_PNG)
            slow_scene.api.call("DELETE", f"/v1/buckets/films/objects/{stored['object_id']}")
            slow_scene.world.pump()


@pytest.mark.parametrize("kind", ["killed before", "killed afterwards"])
def test_a_file_that_is_refused_after_the_kill_leaves_nothing(slow_scene: Scene, kind: str) -> None:
    for upload in calls(slow_scene, kind, slow_scene.arrive):
        if slow_scene.get(upload)["status"] == "PENDING":
            slow_scene.put(upload, b"")
            assert slow_scene.arrive(upload)
            assert slow_scene.get(upload)["status"] == "FAILED"
        else:
            assert slow_scene.arrive(upload)
        for stored in slow_scene.objects():
            slow_scene.api.call("DELETE", f"/v1/buckets/films/objects/{stored['object_id']}")
        slow_scene.world.pump()
        assert slow_scene.keys() == []


@pytest.mark.parametrize("kind", ["killed before", "killed afterwards"])
def test_a_cancellation_is_repeated(slow_scene: Scene, kind: str) -> None:
    for upload in calls(slow_scene, kind, slow_scene.cancel):
        assert slow_scene.cancel(upload).status == 204
        assert (slow_scene.objects(), slow_scene.keys()) == ([], [])


@pytest.mark.parametrize("kind", ["killed before", "killed afterwards"])
def test_an_upload_without_an_object_has_one_file(slow_scene: Scene, kind: str) -> None:
    expected: set[str] = set()
    for upload in calls(slow_scene, kind, slow_scene.arrive, create_object_on_confirm=False):
        assert slow_scene.arrive(upload)
        expected.add(slow_scene.get(upload)["s3_key"])
        assert set(slow_scene.keys()) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_creation_is_repeated(slow_scene: Scene, kind: str) -> None:
    for call in numbers(kind):
        is_interrupted = interrupted(slow_scene, call, KINDS[kind], lambda: slow_scene.create(file_hash="0" * 64))
        upload = slow_scene.create(skip_duplicates=False)
        slow_scene.put(upload)
        assert slow_scene.arrive(upload)
        check(slow_scene, upload)
        if not is_interrupted:
            break
    statuses = [each["status"] for each in slow_scene.api.post(f"{UPLOADS}/list").json["results"]]
    assert set(statuses) <= {"PENDING", "COMPLETED"}


@pytest.mark.parametrize("kind", ["killed before", "killed afterwards"])
def test_a_task_is_continued(slow_scene: Scene, kind: str) -> None:
    for call in numbers(kind, 3):
        upload = slow_scene.create(skip_duplicates=False)
        slow_scene.put(upload)
        confirmed = slow_scene.confirm(upload, {"auto_submit_batch": True}, **{"async": "true"}).json
        task_id = confirmed["task_id"]
        slow_scene.run.streams()
        (message,) = [each for each in slow_scene.run.queues.tasks.waiting if each.content["task_id"] == task_id]
        is_interrupted = interrupted(slow_scene, call, KINDS[kind], partial(slow_scene.run.deliver_task, message))
        slow_scene.run_tasks()
        task = slow_scene.api.get(f"/v1/tasks/{task_id}").json
        assert task["status"] == "COMPLETED", task
        done = slow_scene.get(upload)
        assert task["outputs"] == [
            {
                "upload_id": upload["upload_id"],
                "status": "COMPLETED",
                "object_id": done["object_id"],
                "batch_id": f"btch_{upload['upload_id'][4:]}",
            }
        ]
        assert slow_scene.keys("u/") == []
        assert len(slow_scene.keys("blobs/")) == 1
        (stored,) = slow_scene.objects()
        slow_scene.api.call("DELETE", f"/v1/buckets/films/objects/{stored['object_id']}")
        slow_scene.run_tasks()
        if not is_interrupted:
            assert call > 10
            return
