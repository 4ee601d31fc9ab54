"""CopyObject copies only the version of the source that the request names, as S3 does. moto checks nothing."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.local.engine import Engine
from chalicelib.settings import Settings

BUCKET = Settings().blob_bucket
SOURCE = {"Bucket": BUCKET, "Key": "u/upl_1/ä +.bin"}


@pytest.fixture
def s3(engine: Engine) -> Any:
    return engine.s3("http://127.0.0.1:1")


def test_the_named_version_is_copied_with_or_without_quotation_marks(s3: Any) -> None:
    etag = s3.put_object(**SOURCE, Body=b"film")["ETag"]
    for key, named in (("a", etag), ("b", etag.strip('"'))):
        s3.copy_object(Bucket=BUCKET, Key=key, CopySource=SOURCE, CopySourceIfMatch=named)
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"film"


def test_another_version_is_not_copied(s3: Any) -> None:
    etag = s3.put_object(**SOURCE, Body=b"film")["ETag"]
    s3.put_object(**SOURCE, Body=b"another film")
    with pytest.raises(ClientError) as raised:
        s3.copy_object(Bucket=BUCKET, Key="a", CopySource=SOURCE, CopySourceIfMatch=etag)
    assert raised.value.response["Error"]["Code"] == "PreconditionFailed"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == [SOURCE["Key"]]


def test_a_missing_source_is_reported_as_before(s3: Any) -> None:
    with pytest.raises(ClientError) as raised:
        s3.copy_object(Bucket=BUCKET, Key="a", CopySource=SOURCE, CopySourceIfMatch='"0"')
    assert raised.value.response["Error"]["Code"] == "NoSuchKey"


def test_a_range_of_another_version_is_not_read(s3: Any) -> None:
    etag = s3.put_object(**SOURCE, Body=b"film")["ETag"]
    assert s3.get_object(**SOURCE, Range="bytes=1-2", IfMatch=etag)["Body"].read() == b"il"
    s3.put_object(**SOURCE, Body=b"another film")
    with pytest.raises(ClientError) as raised:
        s3.get_object(**SOURCE, Range="bytes=1-2", IfMatch=etag)
    assert raised.value.response["Error"]["Code"] == "PreconditionFailed"
