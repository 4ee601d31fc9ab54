"""In AWS the bucket is versioned: a removed file is gone for the service, and S3 keeps its version."""

from __future__ import annotations

import uuid
from typing import Any

import boto3

from chalicelib.blobs.store import BlobStore
from chalicelib.local.moto.backends import Backends

PLAIN: dict[str, Any] = {"mime_type": "text/plain", "filename": None, "storage_class": None}


def test_a_removed_file_is_not_listed_any_more_and_its_version_remains() -> None:
    # An engine of its own, because the buckets of the others are not versioned, and are used again.
    s3 = boto3.client("s3", "us-east-1", endpoint_url="https://s3.amazonaws.com")
    Backends().attach(s3)
    bucket = f"versioned-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    store = BlobStore(lambda: s3, bucket)
    for key in ("blobs/a", "blobs/b"):
        store.put(key, b"text", **PLAIN)
    store.remove(["blobs/a", "blobs/never"])
    assert [file.key for file in store.list_files("blobs/")] == ["blobs/b"]
    versions = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert sorted(version["Key"] for version in versions) == ["blobs/a", "blobs/b"]
