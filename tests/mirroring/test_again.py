"""The same URL is sent again: the stored file remains until the new copy arrives, and force_remirror replaces it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from chalicelib.mirroring.storing import PART_BYTES
from tests.mirroring.scenes import OBJECTS, URL, Scene, reply_with, url_blob
from tests.support.faults import Faults
from tests.uploads.scenes import OTHER_PNG, PNG

KEYED = {"unique_key": {"fields": ["film_id"], "default_policy": "upsert"}}
LARGE = PNG + bytes(PART_BYTES)


@pytest.fixture
def stored(scene: Scene) -> dict[str, Any]:
    """An object whose file was copied."""
    made = scene.create()
    scene.finish()
    return scene.get(made)


def blob_of(stored: dict[str, Any]) -> dict[str, Any]:
    return dict(stored["blobs"][0])


def test_the_stored_file_remains_readable_meanwhile(scene: Scene, stored: dict[str, Any]) -> None:
    changed = scene.put(stored, url_blob())
    before, blob = blob_of(stored), blob_of(changed)
    assert blob["properties"]["mirror"]["status"] == "PENDING"
    assert (blob["properties"]["url"], blob["details"]) == (before["properties"]["url"], before["details"])
    scene.streams()
    assert scene.content(blob["properties"]["url"]) == PNG
    assert scene.statistics() == (1, len(PNG))


@pytest.mark.parametrize(("force", "content"), [(False, PNG), (False, LARGE), (True, PNG), (True, LARGE)])
def test_the_same_content_keeps_the_file_unless_it_is_forced(scene: Scene, force: bool, content: bytes) -> None:
    scene.host.reply(reply_with(content))
    made = scene.create()
    scene.finish()
    (before,) = scene.keys()
    scene.put(made, url_blob(force_remirror=force))
    scene.finish()
    scene.check_stored(made, content)
    (after,) = scene.keys()
    assert (after != before) is force
    assert (scene.host.requests, scene.unfinished(), scene.statistics()) == (2, [], (1, len(content)))


def test_other_content_replaces_the_file(scene: Scene, stored: dict[str, Any]) -> None:
    scene.host.reply(reply_with(OTHER_PNG))
    scene.put(stored, url_blob())
    scene.finish()
    scene.check_stored(stored, OTHER_PNG)
    assert (len(scene.keys()), scene.statistics()) == (1, (1, len(OTHER_PNG)))


def test_a_new_copy_that_fails_leaves_the_stored_file(scene: Scene, stored: dict[str, Any]) -> None:
    scene.host.reply(reply_with(b"", status=404))
    scene.put(stored, url_blob())
    scene.finish()
    blob = blob_of(scene.get(stored))
    assert blob["properties"]["mirror"]["status"] == "FAILED"
    assert scene.content(blob["properties"]["url"]) == PNG
    assert scene.get(stored)["status"] == "FAILED"


def test_another_url_or_another_field_is_another_file(scene: Scene, stored: dict[str, Any]) -> None:
    changed = scene.put(stored, url_blob(f"{URL}?other"))
    assert blob_of(changed)["properties"]["url"] == f"{URL}?other"
    assert blob_of(changed)["details"]["size_bytes"] is None


def test_without_canonicalize_source_the_url_replaces_the_file(scene: Scene, stored: dict[str, Any]) -> None:
    scene.put(stored, url_blob(canonicalize_source=False))
    scene.finish()
    assert blob_of(scene.get(stored))["properties"] == {"url": URL}
    assert (scene.keys(), scene.statistics()) == ([], (1, 0))


@pytest.mark.parametrize("force", [False, True])
def test_an_upsert_copies_again(scene: Scene, force: bool) -> None:
    scene.api.post("/v1/buckets", {**bucket("films"), **KEYED})
    body = {"film_id": "tt1", "blobs": [url_blob()], "force_remirror": force}
    urls = []
    for _ in range(2):
        made = scene.api.post("/v1/buckets/films/objects", body).json
        scene.finish()
        found = scene.api.get(f"/v1/buckets/films/objects/{made['object_id']}").json
        urls.append(blob_of(found)["properties"]["url"])
    assert (urls[0] != urls[1], len(scene.keys()), scene.host.requests) == (force, 1, 2)


def bucket(name: str) -> dict[str, Any]:
    from tests.support.objects import SCHEMA

    return {"bucket_name": name, "bucket_schema": SCHEMA}


INLINE = {"property": "review", "type": "text", "data": "text"}


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({"force_remirror": True}, ["body", "force_remirror"]),
        ({"force_remirror": True, "blobs": [INLINE]}, ["body", "force_remirror"]),
        ({"force_remirror": True, "blobs": [url_blob("s3://films/a.png")]}, ["body", "force_remirror"]),
        ({"force_remirror": True, "canonicalize_source": False, "blobs": [url_blob()]}, ["body", "force_remirror"]),
        ({"blobs": [{**INLINE, "force_remirror": True}]}, ["body", "blobs", 0, "force_remirror"]),
        (
            {"blobs": [url_blob(), url_blob("s3://films/a.png", force_remirror=True)]},
            ["body", "blobs", 1, "force_remirror"],
        ),
        (
            {"blobs": [url_blob(force_remirror=True, canonicalize_source=False)]},
            ["body", "blobs", 0, "force_remirror"],
        ),
    ],
)
def test_force_remirror_is_refused_where_nothing_is_copied(
    scene: Scene, body: dict[str, Any], location: list[Any]
) -> None:
    refused = scene.api.post(OBJECTS, {"title": "M", **body})
    assert refused.status == 422
    (problem,) = refused.error["details"]["validation_errors"]
    assert (problem["location"], problem["type"]) == (location, "nothing_to_copy")


def test_force_remirror_of_the_object_concerns_the_files_that_are_copied(scene: Scene) -> None:
    blobs = [url_blob(), INLINE, url_blob("s3://films/a.png"), url_blob(f"{URL}?2", force_remirror=False)]
    made = scene.create(*blobs, force_remirror=True)
    row = scene.world.services.objects.store.find_any(made["bucket_id"], made["object_id"])
    assert row is not None
    assert [blob.mirror.force if blob.mirror else None for blob in row.blobs] == [True, None, None, False]


def test_an_unchanged_file_is_not_stored_again(scene: Scene, stored: dict[str, Any]) -> None:
    scene.put(stored, url_blob())
    scene.streams()
    faults = Faults(scene.world.s3)
    (message,) = scene.queue.waiting
    assert scene.deliver(message)
    faults.remove()
    assert faults.calls == 0


def inline(content: bytes) -> dict[str, Any]:
    return {"property": "poster", "type": "image", "data": {"base64": base64.b64encode(content).decode()}}


def test_content_that_a_client_sends_is_not_replaced_by_a_copy_that_waits(scene: Scene, stored: dict[str, Any]) -> None:
    scene.put(stored, url_blob())
    scene.host.reply(reply_with(OTHER_PNG))
    changed = scene.put(stored, inline(PNG), skip_duplicates=True)
    assert "mirror" not in blob_of(changed)["properties"]
    before = scene.keys()
    scene.finish()
    blob = blob_of(scene.get(stored))
    assert scene.content(blob["properties"]["url"]) == PNG
    assert (blob["blob_id"], scene.keys(), scene.statistics()) == (blob_of(stored)["blob_id"], before, (1, len(PNG)))


def test_a_kept_file_that_was_copied_keeps_its_source(scene: Scene, stored: dict[str, Any]) -> None:
    changed = scene.put(stored, inline(PNG), skip_duplicates=True)
    assert changed["blobs"] == stored["blobs"]


def test_content_that_a_client_sends_ends_the_failure_of_a_copy(scene: Scene, stored: dict[str, Any]) -> None:
    scene.put(stored, url_blob())
    scene.host.reply(reply_with(b"", status=404))
    scene.finish()
    assert scene.get(stored)["status"] == "FAILED"
    changed = scene.put(stored, inline(PNG), skip_duplicates=True)
    assert (changed["status"], changed["error"]) == ("PENDING", None)
    assert "mirror" not in blob_of(changed)["properties"]


def test_the_content_and_the_url_of_a_file_are_two_files(scene: Scene, stored: dict[str, Any]) -> None:
    changed = scene.put(stored, inline(PNG), url_blob(), skip_duplicates=True)
    kept, fetched = changed["blobs"]
    assert (kept["blob_id"], fetched["properties"]["url"]) == (blob_of(stored)["blob_id"], URL)
    assert kept["blob_id"] != fetched["blob_id"]
    assert scene.statistics() == (1, len(PNG))
    scene.host.reply(reply_with(OTHER_PNG))
    scene.finish()
    scene.check_stored(stored, PNG, position=0)
    scene.check_stored(stored, OTHER_PNG, position=1)
    assert (len(scene.keys()), scene.statistics()) == (2, (1, len(PNG) + len(OTHER_PNG)))
