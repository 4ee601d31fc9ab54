"""Creates batches in every state through the API, without a queue: their messages are handled here."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from chalicelib.batches.batch import IN_PROGRESS, Batch, next_revision
from chalicelib.batches.queue import chunk_message
from chalicelib.core.clock import format_timestamp
from tests.support.api import Api

MISSING_OBJECT = f"obj_{7:026}"
_numbers = count(1_000)


def batch_path(bucket_id: str, batch_id: str = "") -> str:
    """Returns the path of the batches of a bucket, or of one of them."""
    return f"/v1/buckets/{bucket_id}/batches" + (f"/{batch_id}" if batch_id else "")


def draft(api: Api, bucket_id: str, *object_ids: str, **body: Any) -> str:
    """Creates a draft with these objects, which need not exist, and returns its id."""
    given = {"object_ids": list(object_ids)} if object_ids else {}
    reply = api.post(batch_path(bucket_id), {**given, **body}, query={"skip_validation": "true"})
    assert reply.status == 200, reply.text
    return str(reply.json["batch_id"])


def submitted(api: Api, bucket_id: str, *object_ids: str, **body: Any) -> str:
    """Creates and submits a batch, and returns its id."""
    batch_id = draft(api, bucket_id, *object_ids)
    reply = api.post(f"{batch_path(bucket_id, batch_id)}/submit", body)
    assert reply.status == 200, reply.text
    return batch_id


def started(api: Api, bucket_id: str, *object_ids: str, **body: Any) -> str:
    """Creates and submits a batch, starts its run, and returns its id."""
    batch_id = submitted(api, bucket_id, *object_ids, **body)
    start(api, batch_id)
    return batch_id


def canceled(api: Api, bucket_id: str, *object_ids: str) -> str:
    """Creates, submits and cancels a batch, and returns its id."""
    batch_id = submitted(api, bucket_id, *object_ids)
    assert api.post(f"{batch_path(bucket_id, batch_id)}/cancel").status == 200
    return batch_id


def failed(api: Api, bucket_id: str, *object_ids: str, **body: Any) -> str:
    """Runs a batch to its end in which one object does not exist, so that it can be retried. Returns its id."""
    missing = f"obj_{next(_numbers):026}"  # another one each time, so that no other batch contains it
    batch_id = started(api, bucket_id, *object_ids, missing, **body)
    process(api, batch_id)
    return batch_id


def start(api: Api, batch_id: str) -> None:
    """Starts the run of a submitted batch, as its task does, without a manifest."""
    batches = api.services().batches.batches
    batch = _find(api, batch_id)
    now = format_timestamp(batches.clock())
    batches.store.replace(batch, next_revision(batch, now, status=IN_PROGRESS, started_at=now))


def process(api: Api, batch_id: str) -> None:
    """Processes all chunks of a batch whose run has started, with the hook of the settings."""
    runner = api.services().batch_messages.runner()
    batch = _find(api, batch_id)
    for number in range(batch.chunk_count):
        runner.run(chunk_message(batch, number), lambda: False)


def _find(api: Api, batch_id: str) -> Batch:
    services = api.services()
    organization = services.access.authenticate(f"Bearer {api.key}").organization_id
    place = services.batches.reader.locate(organization, batch_id)
    return services.batches.batches.get(place, batch_id)


# By the end of the path of an operation on a batch: creates a batch on which the operation can be executed.
READY: dict[str, Callable[..., str]] = {
    "retry": failed,
    "resubmit": failed,
    "cancel": started,
    "failed-documents": failed,
}


def ready(api: Api, path: str, bucket_id: str, *object_ids: str) -> str:
    """Returns the id of a new batch with these objects on which the operation with this path can be executed."""
    make: Callable[..., str] = READY.get(path.rpartition("/")[2], draft)
    return make(api, bucket_id, *object_ids)
