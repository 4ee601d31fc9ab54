"""The policy of the task function grants what a refresh of a source adapter uses."""

from __future__ import annotations

from tests.support.batches import BatchWorld, new_batch_world
from tests.support.objects import POSTER, create_keyed_bucket, create_object_bucket, created
from tests.support.permissions import Permission, granted, logical_ids, permissions_used, renamed
from tests.support.task_queue import Message
from tests.support.world import World, adapter_with_sources


class RecordingWorld(BatchWorld):
    """Records the permissions that the task function uses."""

    used: set[Permission]

    def deliver_task(self, message: Message) -> bool:
        with permissions_used(self.world.client, self.world.s3) as used:
            done = super().deliver_task(message)
        self.used |= renamed(used, logical_ids(self.world))
        return done


def test_the_policy_grants_what_a_refresh_uses(world: World) -> None:
    made = new_batch_world(world)
    run = RecordingWorld(made.world, made.queues, made.processor, made.receiver)
    run.used = set()
    source = create_object_bucket(run.api, "source")
    for take in range(2):
        created(run.api, source, {"title": "M", "take": take, "film_id": "f1", "blobs": [POSTER]})
    plain = create_object_bucket(run.api, "plain", **adapter_with_sources(source))
    keyed = create_keyed_bucket(run.api, "film_id", policy="upsert", name="keyed")
    assert run.api.patch(f"/v1/buckets/{keyed}", adapter_with_sources(source)).status == 200
    for bucket in (plain, keyed, plain):
        assert run.api.post(f"/v1/buckets/{bucket}/source-adapter/refresh").status == 200
        run.pump()
    assert run.used <= granted("task")
    for action in ("GetObject", "PutObject"):
        assert Permission(f"s3:{action}", "BlobBucket/blobs/*") in run.used
    for action in ("GetItem", "PutItem"):
        assert Permission(f"dynamodb:{action}", "ObjectsTable") in run.used
