"""The policies of the functions that check uploaded files grant exactly the permissions that the functions use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from chalicelib.uploads import confirming
from tests.support.batches import BatchWorld, new_batch_world
from tests.support.permissions import Permission, granted, logical_ids, permissions_used, renamed
from tests.support.task_queue import Message
from tests.uploads.scenes import OTHER_PNG, PNG, Scene, sha256

# Actions of Lambda itself, which receives messages with the role of the function.
POLLING = {f"sqs:{name}" for name in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")}


class RecordingScene(Scene):
    """Records the permissions that each function uses, by the name of its policy."""

    used: dict[str, set[Permission]]

    def arrive(self, *uploads: Any) -> bool:
        return bool(self.recorded("blob-arrival", lambda: super(RecordingScene, self).arrive(*uploads)))

    def recorded(self, name: str, act: Callable[[], Any]) -> Any:
        with permissions_used(self.world.client, self.world.s3) as used:
            result = act()
        self.used[name] |= renamed(used, logical_ids(self.world))
        return result


class RecordingWorld(BatchWorld):
    """A world whose tasks the scene records."""

    scene: RecordingScene

    def deliver_task(self, message: Message) -> bool:
        return bool(self.scene.recorded("task", lambda: super(RecordingWorld, self).deliver_task(message)))


@pytest.fixture
def scene(world: Any) -> RecordingScene:
    made = new_batch_world(world)
    run = RecordingWorld(made.world, made.queues, made.processor, made.receiver)
    run.scene = RecordingScene(run)
    run.scene.used = defaultdict(set)
    return run.scene


def let_files_arrive(scene: RecordingScene) -> None:
    """Lets files arrive in all ways that differ in their calls to AWS."""
    first = scene.create()
    scene.put(first)
    assert scene.arrive(first)
    scene.put(first, OTHER_PNG)
    assert scene.arrive(first)  # of an upload that has ended
    assert scene.arrive(first)  # whose file is not there any more
    copy = scene.create()
    scene.put(copy)
    assert scene.arrive(copy)  # a duplicate
    wrong = scene.create(file_hash=sha256(PNG))
    scene.put(wrong, OTHER_PNG)
    assert scene.arrive(wrong)
    without = scene.create(create_object_on_confirm=False, skip_duplicates=False)
    scene.put(without)
    assert scene.arrive(without)
    assert scene.arrive({"s3_key": "u/upl_0000000000000000/f"})


def let_keyed_files_arrive(scene: RecordingScene) -> None:
    """Lets two files arrive for the same unique key, one after another, and one for a key that may not change."""
    for policy in ("upsert", "insert"):
        name = f"keyed-{policy}"
        schema = {"properties": {"film_id": {"type": "string"}, "photo": {"type": "image"}}}
        unique_key = {"fields": ["film_id"], "default_policy": policy}
        body = {"bucket_name": name, "bucket_schema": schema, "unique_key": unique_key}
        assert scene.api.post("/v1/buckets", body).status == 200
        declared = {"filename": "a.png", "content_type": "image/png", "object_metadata": {"film_id": "tt1"}}
        created = [scene.api.post(f"/v1/buckets/{name}/uploads", declared).json for _ in range(2)]
        for upload, content in zip(created, (PNG, OTHER_PNG), strict=True):
            scene.put(upload, content)
            assert scene.arrive(upload)


def allowed(policy: str) -> set[Permission]:
    return {each for each in granted(policy, ("dynamodb:", "s3:", "sqs:")) if each.action not in POLLING}


def test_the_policy_grants_exactly_what_the_function_for_arrivals_uses(scene: RecordingScene) -> None:
    scene.new_bucket()
    let_files_arrive(scene)
    let_keyed_files_arrive(scene)
    assert scene.used["blob-arrival"] == allowed("blob-arrival")


def test_requests_and_tasks_may_confirm_uploads(scene: RecordingScene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.new_bucket()

    def use() -> None:
        for content in (PNG, OTHER_PNG):
            upload = scene.create()
            assert scene.confirm(upload).status == 400
            scene.put(upload, content)
            assert scene.confirm(upload).status == 200
            assert scene.api.get(f"/v1/buckets/films/uploads/{upload['upload_id']}").status == 200
        canceled = scene.create()
        scene.put(canceled)
        assert scene.cancel(canceled).status == 204

    scene.recorded("api", use)
    monkeypatch.setattr(confirming, "TASK_BYTES", 1)
    for content in (PNG, PNG + b"1", OTHER_PNG + b"2"):
        upload = scene.create()
        scene.put(upload, content)
        assert scene.recorded("api", partial(scene.confirm, upload)).json["status"] == "PROCESSING"
    scene.run_tasks()
    assert scene.api.call("DELETE", "/v1/buckets/films", query={"force_foreclose": "true"}).status == 200
    scene.run_tasks()
    for policy in ("api", "task"):
        assert scene.used[policy] - granted(policy) == set(), policy
        assert Permission("s3:ListBucket", "BlobBucket") in scene.used[policy]
        for action in ("GetObject", "DeleteObject"):
            assert Permission(f"s3:{action}", "BlobBucket/u/*") in scene.used[policy]
    assert Permission("s3:PutObject", "BlobBucket/u/*") in scene.used["api"], (
        "the URL has the permissions of its signer"
    )
