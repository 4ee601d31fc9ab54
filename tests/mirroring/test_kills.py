"""The worker is killed at any call to AWS, or the call fails, and SQS delivers the message again.

`make nightly` interrupts every call in every way. `make test` interrupts some calls in each way, and every call in one.
Afterwards the object has its file, there is exactly one file, and the statistics are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.mirroring.storing import PART_BYTES
from tests.deliveries.unreliable import killed_afterwards, killed_before
from tests.faults.consistency import check_consistency
from tests.faults.fault_kinds import FAULTS
from tests.mirroring.scenes import Scene, reply_with, url_blob
from tests.support.faults import Fault, Faults
from tests.support.nightly import NIGHTLY
from tests.support.task_queue import ProcessKilled
from tests.uploads.scenes import OTHER_PNG, PNG

KINDS: dict[str, Fault] = {"killed before": killed_before, "killed afterwards": killed_afterwards, **FAULTS}
MAX_CALLS = 40
LARGE = PNG + bytes(PART_BYTES)


def interrupted(scene: Scene, call: int, fault: Fault) -> bool:
    """Delivers the waiting message, whose call with this number fails. Returns whether there was such a call."""
    (message,) = scene.queue.waiting
    faults = Faults(scene.world.client, scene.world.s3).on(call, fault)
    try:
        scene.deliver(message)
    except ProcessKilled:
        pass
    finally:
        faults.remove()
    return faults.calls >= call


def calls_for(kind: str) -> range:
    """The numbers of the calls that are interrupted in this way, in ascending order.

    In `make test`, each kind has its own numbers: every second call for the two kinds of kills, and every n-th for the
    n other kinds.
    """
    kinds = [each for each in KINDS if (each in FAULTS) is (kind in FAULTS)]
    return range(1, MAX_CALLS) if NIGHTLY else range(1 + kinds.index(kind), MAX_CALLS, len(kinds))


def each_call(scene: Scene, kind: str, prepare: Callable[[], Any], check: Callable[[Any], None]) -> None:
    """Interrupts the worker at each of its calls, lets it finish, and checks the object that `prepare` returns."""
    for call in calls_for(kind):
        made = prepare()
        scene.streams()
        is_interrupted = interrupted(scene, call, KINDS[kind])
        scene.finish()
        check(made)
        assert scene.queue.dead == []
        scene.delete(made)
        scene.finish()
        assert scene.keys() == []
        if not is_interrupted:
            assert call > 5
            check_consistency(scene.world)
            return
    raise AssertionError("the test does not end")


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_file(scene: Scene, kind: str) -> None:
    def check(made: Any) -> None:
        scene.check_stored(made)
        assert (len(scene.keys()), scene.statistics()) == (1, (1, len(PNG)))

    each_call(scene, kind, scene.create, check)


@pytest.mark.parametrize("kind", ["killed before", "killed afterwards"])
def test_a_large_file(scene: Scene, kind: str) -> None:
    scene.host.reply(reply_with(LARGE))

    def check(made: Any) -> None:
        scene.check_stored(made, LARGE)
        assert (len(scene.keys()), scene.statistics()) == (1, (1, len(LARGE)))
        # The lifecycle rule of the bucket removes the parts of a worker that was killed.
        assert len(scene.unfinished()) <= 1
        for upload in scene.unfinished():
            place = {"Bucket": scene.world.settings.blob_bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
            scene.world.s3.abort_multipart_upload(**place)

    each_call(scene, kind, scene.create, check)


@pytest.mark.parametrize("kind", ["killed before", "killed afterwards"])
def test_a_file_that_replaces_a_copy(scene: Scene, kind: str) -> None:
    def prepare() -> Any:
        scene.host.reply(reply_with(PNG))
        made = scene.create()
        scene.finish()
        scene.host.reply(reply_with(OTHER_PNG))
        scene.put(made, url_blob())
        return made

    def check(made: Any) -> None:
        scene.check_stored(made, OTHER_PNG)
        assert (len(scene.keys()), scene.statistics()) == (1, (1, len(OTHER_PNG)))

    each_call(scene, kind, prepare, check)


@pytest.mark.parametrize("kind", ["killed before", "killed afterwards"])
def test_a_file_that_is_refused(scene: Scene, kind: str) -> None:
    scene.host.reply(reply_with(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"))

    def check(made: Any) -> None:
        stored = scene.get(made)
        assert (stored["status"], stored["blobs"][0]["properties"]["mirror"]["status"]) == ("FAILED", "FAILED")
        assert (scene.keys(), scene.statistics()) == ([], (1, 0))

    for call in calls_for(kind):
        made = scene.create()
        scene.streams()
        is_interrupted = interrupted(scene, call, KINDS[kind])
        scene.finish()
        check(made)
        scene.delete(made)
        if not is_interrupted:
            return
    raise AssertionError("the test does not end")


def test_a_worker_that_never_survives_the_file_gives_up(scene: Scene) -> None:
    made = scene.create()
    scene.streams()
    deliveries = 0
    while scene.queue.waiting and deliveries < 100:
        message = min(scene.queue.waiting, key=lambda each: each.due)
        scene.world.clock.advance(max(0.0, message.due - scene.world.clock.now.timestamp()))
        put_object = Faults(scene.world.s3).always(killed_before)
        try:
            scene.deliver(message)
        except ProcessKilled:
            pass
        finally:
            put_object.remove()
        deliveries += 1
        scene.queue.move_dead_letters()
    stored = scene.get(made)
    assert stored["blobs"][0]["properties"]["mirror"]["error"]["code"] == "interrupted"
    assert stored["status"] == "FAILED"
    assert (scene.queue.dead, scene.keys()) == ([], [])
    assert 20 < deliveries < 40
