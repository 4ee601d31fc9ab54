"""Stores a large file in S3 part by part. The file does not exist before the upload is completed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.aws.failures import FAILURES, failure_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The upload was completed or aborted before.
_ENDED = "NoSuchUpload"


class MultipartUpload:
    """A multipart upload that has begun. `call` makes a call to S3 with retries, and raises Unavailable."""

    def __init__(
        self,
        client: S3Client,
        call: Callable[[Callable[..., Any], Mapping[str, Any]], Any],
        bucket: str,
        key: str,
        upload_id: str,
    ) -> None:
        self._client, self._call = client, call
        self._place = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
        self._parts: list[dict[str, Any]] = []
        self.url = f"s3://{bucket}/{key}"

    def add(self, content: bytes) -> None:
        """Stores the next part. Each part, except the last, has at least 5 MiB. Raises Unavailable."""
        number = len(self._parts) + 1
        stored = self._call(self._client.upload_part, {**self._place, "PartNumber": number, "Body": content})
        self._parts.append({"PartNumber": number, "ETag": stored["ETag"]})

    def complete(self) -> str:
        """Makes the file of the parts, and returns its s3:// URL. Raises Unavailable."""
        parts = {"Parts": self._parts}
        self._call(self._client.complete_multipart_upload, {**self._place, "MultipartUpload": parts})
        return self.url

    def abort(self) -> None:
        """Removes the parts. An upload that has ended is ignored. Raises Unavailable."""
        try:
            self._call(self._client.abort_multipart_upload, self._place)
        except FAILURES as error:
            if failure_code(error) != _ENDED:
                raise
