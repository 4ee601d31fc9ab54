"""The operations about uploads on the cost page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bench.scenario import BODY

if TYPE_CHECKING:
    from bench.workload import Row, World

UPLOADS = "/v1/buckets/{bucket_identifier}/uploads"
FILE_MEGABYTES = 100
# The beginning of an MP4 file, by which the service recognizes its type.
MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"


def uploads(world: World, runs: int) -> Iterator[Row]:
    """Measures an upload: its creation, the promotion of its file when S3 reports it, and a confirmation after that."""
    body = {**BODY, "bucket_name": "uploaded", "unique_key": None}
    bucket = {"bucket_identifier": world.call("POST", "/v1/buckets", body=body)["bucket_id"]}
    size = FILE_MEGABYTES * 1_000_000

    def create(number: int) -> Any:
        return world.call("POST", UPLOADS, bucket, _declared(number, size))

    def promote() -> None:
        context: Any = None
        assert world.services.upload_arrivals.handle(_event(upload["s3_key"]), context) == {"batchItemFailures": []}

    def confirm(_: int) -> None:
        confirmed = world.call(
            "POST", UPLOADS + "/{upload_id}/confirm", {**bucket, "upload_id": upload["upload_id"]}, {}
        )
        assert confirmed["status"] == "COMPLETED", confirmed

    yield world.measured("create an upload", create, runs)
    # The first one imports what a warm function has imported.
    for number, content in ((runs + 1, MP4), (runs + 2, MP4.ljust(size, b"."))):
        upload = world.call("POST", UPLOADS, bucket, _declared(number, len(content)))
        world.s3.put_object(
            Bucket=world.settings.blob_bucket, Key=upload["s3_key"], Body=content, ContentType="video/mp4"
        )
        row = world.in_background(f"promote an uploaded file of {FILE_MEGABYTES} MB", promote)
    yield row
    yield world.measured("confirm an upload that was promoted", confirm, runs)


def _declared(number: int, size: int) -> dict[str, Any]:
    return {
        "filename": f"metropolis {number:04}.mp4",
        "content_type": "video/mp4",
        "file_size_bytes": size,
        "blob_property": "trailer",
        "object_metadata": {"film_id": f"tt{number:07}", "title": "Metropolis"},
    }


def _event(key: str) -> dict[str, Any]:
    """Returns the event of SQS with the notification of S3 about a file."""
    body = json.dumps({"Records": [{"s3": {"object": {"key": key}}}]})
    return {"Records": [{"messageId": "1", "body": body}]}
