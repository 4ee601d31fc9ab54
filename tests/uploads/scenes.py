"""A client that uploads a file to the bucket `films`, and S3, which reports the file when the test wants it to.

moto checks neither signatures nor the type and the length of a file, so a client stores its file under the key and not
with the URL. `test_signed_urls.py` and `tests/local` test the URLs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from tests.support.api import Api, ApiResponse
from tests.support.batches import BatchWorld
from tests.support.catalog import partition_of
from tests.support.task_queue import FakeContext
from tests.support.world import World

SCHEMA: dict[str, Any] = {
    "properties": {
        "title": {"type": "string"},
        "year": {"type": "integer"},
        "photo": {"type": "image"},
        "script": {"type": "text"},
    }
}
KEY_SCHEMA: dict[str, Any] = {"properties": {"film_id": {"type": "string"}, **SCHEMA["properties"]}}
UPLOADS = "/v1/buckets/films/uploads"
PNG = b"\x89PNG\r\n\x1a\n" + b"one" * 30
OTHER_PNG = b"\x89PNG\r\n\x1a\n" + b"two" * 30
DECLARED: dict[str, Any] = {
    "filename": "still.png",
    "content_type": "image/png",
    "blob_property": "photo",
    "object_metadata": {"title": "Metropolis"},
}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def notification(*keys: str) -> str:
    """Returns the body of the message that S3 sends about files with these keys."""
    return json.dumps({"Records": [{"s3": {"object": {"key": quote_plus(key, safe="/")}}} for key in keys]})


def event(*bodies: str) -> dict[str, Any]:
    """Returns the event of SQS with messages of these bodies."""
    return {"Records": [{"messageId": f"m{number}", "body": body} for number, body in enumerate(bodies)]}


@dataclass
class Scene:
    """A bucket, which has no unique key unless the test gives one."""

    run: BatchWorld
    bucket: str = "films"

    @property
    def world(self) -> World:
        return self.run.world

    @property
    def api(self) -> Api:
        return self.world.api()

    @property
    def uploads(self) -> str:
        """The path of the uploads to the bucket."""
        return f"/v1/buckets/{self.bucket}/uploads"

    def new_bucket(self, **more: Any) -> str:
        schema = KEY_SCHEMA if "unique_key" in more else SCHEMA
        body = {"bucket_name": self.bucket, "bucket_schema": schema, **more}
        made = self.api.post("/v1/buckets", body)
        assert made.status == 200, made.text
        return str(made.json["bucket_id"])

    def create(self, **more: Any) -> dict[str, Any]:
        """Creates an upload, and returns it."""
        made = self.api.post(self.uploads, {**DECLARED, **more})
        assert made.status == 200, made.text
        return dict(made.json)

    def put(self, upload: Mapping[str, Any], content: bytes = PNG, content_type: str = "image/png") -> str:
        """Stores a file as the client does, and returns its ETag."""
        stored = self.world.s3.put_object(
            Bucket=self.world.settings.blob_bucket,
            Key=upload["s3_key"],
            Body=content,
            ContentType=content_type,
        )
        return stored["ETag"]

    def arrive(self, *uploads: Mapping[str, Any]) -> bool:
        """S3 reports the files of uploads. Returns whether the message was handled successfully."""
        body = notification(*(upload["s3_key"] for upload in uploads))
        return self.world.services.upload_arrivals.handle(event(body), FakeContext()) == {"batchItemFailures": []}

    def confirm(self, upload: Mapping[str, Any], body: Any = None, **query: Any) -> ApiResponse:
        return self.api.post(f"{self.uploads}/{upload['upload_id']}/confirm", body, query=query)

    def get(self, upload: Mapping[str, Any]) -> dict[str, Any]:
        found = self.api.get(f"{self.uploads}/{upload['upload_id']}")
        assert found.status == 200, found.text
        return dict(found.json)

    def cancel(self, upload: Mapping[str, Any], **query: Any) -> ApiResponse:
        return self.api.call("DELETE", f"{self.uploads}/{upload['upload_id']}", query=query)

    def run_tasks(self) -> None:
        """Runs tasks and batches until nothing remains to do."""
        self.run.pump()

    def lock(self, bucket_id: str, *, is_locked: bool = True) -> None:
        self.world.services.buckets.set_lock(partition_of(self.world), bucket_id, locked=is_locked)

    def objects(self) -> list[dict[str, Any]]:
        return list(self.api.post(f"/v1/buckets/{self.bucket}/objects/list", {"limit": 1000}).json["results"])

    def keys(self, prefix: str = "") -> list[str]:
        """Returns the keys of the files in S3."""
        found = self.world.s3.list_objects_v2(Bucket=self.world.settings.blob_bucket, Prefix=prefix)
        return [each["Key"] for each in found.get("Contents", ())]

    def content(self, key: str) -> bytes:
        return self.world.s3.get_object(Bucket=self.world.settings.blob_bucket, Key=key)["Body"].read()

    def referenced(self) -> set[str]:
        """Returns the keys of the files that objects refer to."""
        urls = [blob["properties"]["url"] for each in self.objects() for blob in each["blobs"]]
        return {url.removeprefix(f"s3://{self.world.settings.blob_bucket}/") for url in urls}

    def check_files(self) -> None:
        """Checks that there is a file for each reference, and no other file."""
        assert set(self.keys()) == self.referenced()

    def check_object(self, content: bytes = PNG) -> dict[str, Any]:
        """Checks that there is one object, with this file, and no other file. Returns the object."""
        (stored,) = self.objects()
        (key,) = self.referenced()
        assert self.content(key) == content
        assert stored["blobs"][0]["details"]["hash"] == f"sha256:{sha256(content)}"
        self.check_files()
        return stored
