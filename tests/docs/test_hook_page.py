"""The hook of the guide works exactly as it is printed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mypy_boto3_s3 import S3Client

from chalicelib.blobs.blob import Blob
from chalicelib.blobs.service import Blobs
from chalicelib.blobs.store import BlobStore
from chalicelib.core.ids import Ids
from chalicelib.objects.stored_object import StoredObject
from chalicelib.processing.processor import BatchContext, ProcessingFailed
from chalicelib.processing.python_hook.client import PythonHook
from tests.docs.markdown import DOCS, blocks
from tests.support.batches import new_batch_world
from tests.support.world import World

PAGE = DOCS / "how-to" / "process-new-objects.md"
CONTEXT = BatchContext("ns_1", "bkt_1", "btch_1", {})
SYNOPSIS = Blob("blob_1", "synopsis", "text", "s3://bucket/k", key="k", size_bytes=21)


@pytest.fixture
def hook(tmp_path: Path, s3: S3Client, blob_bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[PythonHook]:
    """The hook of the first block, in the folder `vendor` of an empty project."""
    first = blocks(PAGE)[0]
    subprocess.run(["bash", "-euc", first.text], cwd=tmp_path, check=True)
    monkeypatch.syspath_prepend(str(tmp_path / "vendor"))
    store = BlobStore(lambda: s3, blob_bucket)
    store.put("k", b"A city in the future.", mime_type="text/plain", filename=None, storage_class=None)
    hook = PythonHook("film_hook:process", Blobs(store, Ids(lambda: datetime.now(UTC))), 20)
    yield hook
    hook.close()


def film(*blobs: Blob) -> StoredObject:
    now = "2026-01-01T00:00:00.000Z"
    return StoredObject("org_1.ns_1", "bkt_1", "obj_1", {}, blobs, now, now, schema_version=1, epoch=0)


def test_the_hook_counts_the_words_of_a_stored_text(hook: PythonHook) -> None:
    assert hook.process(film(SYNOPSIS), CONTEXT) == {"word_count": 5}


def test_the_hook_rejects_an_object_without_a_text(hook: PythonHook) -> None:
    with pytest.raises(ProcessingFailed) as raised:
        hook.process(film(), CONTEXT)
    assert (raised.value.category, raised.value.text) == ("validation", "The object has no text")


def test_a_new_object_is_processed_with_auto_process(world: World, hook: PythonHook) -> None:
    run = new_batch_world(world, processor=hook)
    schema = {"properties": {"synopsis": {"type": "text"}, "word_count": {"type": "integer"}}}
    run.api.post("/v1/buckets", {"bucket_name": "synopses", "bucket_schema": schema})
    body = {"blobs": [{"property": "synopsis", "type": "text", "data": "A city in the future."}]}
    new = run.api.post("/v1/buckets/synopses/objects?auto_process=true", body).json
    run.pump()
    found = run.api.get(f"/v1/buckets/synopses/objects/{new['object_id']}").json
    assert (found["status"], found["word_count"]) == ("COMPLETED", 5)
