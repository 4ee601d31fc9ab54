"""A file by URL becomes a file of its object, after the response to the client."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mirroring.scenes import URL, Host, Scene, reply_with, url_blob
from tests.uploads.scenes import OTHER_PNG, PNG, sha256

TEXT = {"property": "review", "type": "text", "data": "http://films.example.com/review.txt"}


def mirror(stored: dict[str, Any]) -> dict[str, Any]:
    return dict(stored["blobs"][0]["properties"]["mirror"])


def test_the_object_has_the_url_first_and_the_file_later(scene: Scene) -> None:
    made = scene.create()
    assert made["blobs"][0]["properties"] == {
        "url": URL,
        "mirror": {"status": "PENDING", "source_url": URL, "attempts": 0},
    }
    assert (scene.host.requests, scene.statistics()) == (0, (1, 0))
    scene.finish()
    blob = scene.check_stored(made)
    assert blob["properties"]["mirror"] == {"status": "COMPLETED", "source_url": URL, "attempts": 0}
    assert (blob["blob_id"], blob["details"]["filename"]) == (made["blobs"][0]["blob_id"], "still.png")
    assert blob["details"]["mime_type"] == "image/png"
    assert (scene.get(made)["status"], scene.statistics()) == ("PENDING", (1, len(PNG)))
    assert (len(scene.keys()), scene.host.requests, scene.queue.dead) == (1, 1, [])


def test_a_download_url_leads_to_the_copy(scene: Scene) -> None:
    made = scene.create()
    scene.finish()
    found = scene.api.get(f"/v1/buckets/reels/objects/{made['object_id']}", query={"return_presigned_urls": "true"})
    assert found.json["blobs"][0]["presigned_url"] is not None


@pytest.mark.parametrize("where", ["object", "blob"])
def test_without_canonicalize_source_the_url_is_kept(scene: Scene, where: str) -> None:
    option: dict[str, Any] = {"canonicalize_source": False}
    made = scene.create(url_blob(**(option if where == "blob" else {})), **(option if where == "object" else {}))
    scene.finish()
    assert scene.get(made)["blobs"][0]["properties"] == {"url": URL}
    assert (scene.host.requests, scene.keys()) == (0, [])


def test_the_option_of_a_file_overrides_that_of_the_object(scene: Scene) -> None:
    made = scene.create(
        url_blob(canonicalize_source=True), {**TEXT, "canonicalize_source": None}, canonicalize_source=False
    )
    scene.finish()
    scene.check_stored(made)
    assert scene.get(made)["blobs"][1]["properties"] == {"url": TEXT["data"]}


def test_a_file_in_s3_is_never_read(scene: Scene) -> None:
    made = scene.create(url_blob("S3://other-bucket/a.png"))
    scene.finish()
    assert scene.get(made)["blobs"][0]["properties"] == {"url": "S3://other-bucket/a.png"}


def test_a_short_text_is_in_the_row_too(scene: Scene, host: Host) -> None:
    host.reply(reply_with("Großartig.".encode(), "Content-Type: text/plain; charset=utf-8"))
    made = scene.create(TEXT)
    scene.finish()
    blob = scene.check_stored(made, "Großartig.".encode())
    assert blob["properties"]["text"] == "Großartig."
    assert blob["details"]["mime_type"] == "text/plain; charset=utf-8"


def test_all_files_of_an_object_and_of_a_bulk_create_are_copied(scene: Scene) -> None:
    body = {"objects": [{"title": str(n), "blobs": [url_blob(), url_blob(f"{URL}?{n}")]} for n in range(3)]}
    made = scene.api.post("/v1/buckets/reels/objects/batch", body).json["succeeded"]
    scene.finish()
    for stored in made:
        scene.check_stored(stored)
        scene.check_stored(stored, position=1)
    assert scene.statistics() == (3, 6 * len(PNG))


def test_a_put_copies_its_file_and_the_old_one_is_removed(scene: Scene, host: Host) -> None:
    made = scene.create()
    scene.finish()
    host.reply(reply_with(OTHER_PNG))
    scene.put(made, url_blob("http://other.example.com/b.png"))
    scene.finish()
    scene.check_stored(made, OTHER_PNG)
    assert (len(scene.keys()), scene.statistics()) == (1, (1, len(OTHER_PNG)))


def test_a_declared_checksum_is_kept_as_it_was_sent(scene: Scene) -> None:
    made = scene.create(url_blob(checksum=f"SHA256:{sha256(PNG).upper()}"))
    scene.finish()
    assert scene.get(made)["blobs"][0]["details"]["hash"] == f"SHA256:{sha256(PNG).upper()}"
    other = scene.create(url_blob(checksum="crc32:0a0b0c0d"))
    scene.finish()
    assert scene.get(other)["blobs"][0]["details"]["hash"] == "crc32:0a0b0c0d"
    assert mirror(scene.get(other))["status"] == "COMPLETED"


def test_the_content_is_found_by_skip_duplicates_after_the_copy(scene: Scene) -> None:
    import base64

    made = scene.create()
    scene.finish()
    inline = {"property": "poster", "type": "image", "data": {"base64": base64.b64encode(PNG).decode()}}
    assert scene.create(inline, skip_duplicates=True)["object_id"] == made["object_id"]


def test_the_name_in_the_response_counts_if_the_url_has_none(scene: Scene, host: Host) -> None:
    host.reply(reply_with(PNG, 'Content-Disposition: attachment; filename="../../etc/stills/a b.png"'))
    made = scene.create(url_blob("http://films.example.com/?id=1"))
    scene.finish()
    assert scene.check_stored(made)["details"]["filename"] == "a b.png"


def test_the_storage_class_of_the_bucket_is_that_of_the_copy(scene: Scene) -> None:
    scene.api.patch("/v1/buckets/reels", {"storage_class": "nearline"})
    made = scene.create()
    scene.finish()
    scene.check_stored(made)
    (key,) = scene.keys()
    head = scene.world.s3.head_object(Bucket=scene.world.settings.blob_bucket, Key=key)
    assert head["StorageClass"] == "STANDARD_IA"
    assert (head["ContentType"], "still.png" in head["ContentDisposition"]) == ("image/png", True)
