"""The private S3 bucket with the template and the code for CloudFormation."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from deployment.stage import Stage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CreateBucketRequestTypeDef

# S3 rejects a LocationConstraint with this region, which is the default.
DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Artifacts:
    """The uploaded files of a stage. Keys are hashes of the contents, so files that a rollback needs stay unchanged."""

    s3: S3Client
    stage: Stage

    def ensure(self) -> None:
        """Creates the bucket if it does not exist. It is private and accepts TLS connections only."""
        bucket, owner = self.stage.artifacts, self.stage.account
        if not self._exists():
            request: CreateBucketRequestTypeDef = {"Bucket": bucket}
            if self.stage.region != DEFAULT_REGION:
                request["CreateBucketConfiguration"] = {"LocationConstraint": self.stage.region}  # type: ignore[typeddict-item]
            self.s3.create_bucket(**request)
        self.s3.put_public_access_block(
            Bucket=bucket,
            ExpectedBucketOwner=owner,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
        )
        self.s3.put_bucket_policy(Bucket=bucket, ExpectedBucketOwner=owner, Policy=json.dumps(self._tls_only()))

    def put(self, content: bytes, suffix: str) -> str:
        """Uploads the content, and returns its key."""
        key = hashlib.sha256(content).hexdigest()[:32] + suffix
        self.s3.put_object(Bucket=self.stage.artifacts, Key=key, Body=content, ExpectedBucketOwner=self.stage.account)
        return key

    def url(self, key: str) -> str:
        """Returns the URL of an uploaded template in the form that CloudFormation accepts."""
        return f"{self.s3.meta.endpoint_url}/{self.stage.artifacts}/{key}"

    def _exists(self) -> bool:
        try:
            self.s3.head_bucket(Bucket=self.stage.artifacts, ExpectedBucketOwner=self.stage.account)
        except ClientError as error:
            if error.response["Error"].get("Code") in ("404", "NoSuchBucket"):
                return False
            raise
        return True

    def _tls_only(self) -> dict[str, object]:
        """Returns a bucket policy that denies requests without TLS, and allows nothing."""
        arn = f"arn:{self.s3.meta.partition}:s3:::{self.stage.artifacts}"
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "TlsOnly",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [arn, f"{arn}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        }
