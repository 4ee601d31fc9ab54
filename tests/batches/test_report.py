"""The report of an ended batch, and the manifest of its objects."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Mapping
from typing import Any

from chalicelib.objects.stored_object import StoredObject
from chalicelib.processing.processor import BatchContext, ProcessingFailed
from tests.batches.scenes import Scene, add_batch, new_scene, take
from tests.support.batches import BatchWorld


def test_the_report_has_every_outcome(run: BatchWorld) -> None:
    scene = new_scene(run, 6)
    add_batch(run, scene.bucket, scene.ids[:1]).finish()

    def hook(stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        path = f"/v1/buckets/{scene.bucket}/objects/{stored.object_id}"
        number = take(stored)
        if number == 2:
            run.api.patch(path, {"title": "changed"})
        if number == 3:
            run.api.call("DELETE", path)
        if number == 4:
            scene.done("cancel")
            raise ProcessingFailed("network", "busy")
        return {}

    run.processor.hook = hook
    batch = scene.finish()
    assert [(line["object_id"], line["outcome"], line.get("reason")) for line in scene.report()] == [
        (scene.ids[0], "skipped", "already completed"),
        (scene.ids[1], "completed", None),
        (scene.ids[2], "skipped", "changed while it was processed"),
        (scene.ids[3], "skipped", "deleted while it was processed"),
        (scene.ids[4], "failed", None),
        (scene.ids[5], "not_processed", None),
    ]
    failure = scene.report()[4]
    assert (failure["error"], failure["error_type"], failure["category"]) == ("busy", "transient", "network")
    assert batch["status_message"] == "Canceled: 1 completed, 1 failed, 3 skipped, 1 not processed"
    assert (batch["failed_object_count"], batch["skipped_object_count"]) == (1, 3)


def download(scene: Scene, url: str) -> list[dict[str, Any]]:
    """Returns the lines of the file of a download URL, which must be signed."""
    parsed = urllib.parse.urlsplit(url)
    assert "X-Amz-Signature" in parsed.query or "Signature" in parsed.query
    bucket = scene.run.world.settings.blob_bucket
    key = urllib.parse.unquote(parsed.path).removeprefix(f"/{bucket}").lstrip("/")
    content = scene.run.world.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return [json.loads(line) for line in content.splitlines()]


def test_download_urls_are_given_on_request(run: BatchWorld) -> None:
    scene = new_scene(run, 2, batch_name="dailies", metadata={"notes": "n"})
    draft = scene.get(return_presigned_urls="true")
    assert (draft["manifest_url"], draft["report_url"]) == (None, None)
    batch = scene.finish()
    assert (batch["manifest_url"], batch["report_url"]) == (None, None)
    with_urls = scene.get(return_presigned_urls="true")
    assert [line["outcome"] for line in download(scene, with_urls["report_url"])] == ["completed"] * 2
    about, *lines = download(scene, with_urls["manifest_url"])
    assert (about["batch_id"], about["batch_name"], about["metadata"]) == (scene.batch_id, "dailies", {"notes": "n"})
    assert [line["object_id"] for line in lines] == scene.ids
    anywhere = scene.api.get(f"/v1/batches/{scene.batch_id}?return_presigned_urls=true").json
    assert download(scene, anywhere["report_url"]) == scene.report()


def test_each_run_has_its_own_report(run: BatchWorld) -> None:
    scene = new_scene(run, 1)
    first = scene.finish()
    scene.done("resubmit")
    assert scene.get()["report_key"] is None
    run.pump()
    assert scene.get()["report_key"] not in (first["report_key"], None)
