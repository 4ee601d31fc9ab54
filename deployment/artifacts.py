"""The private bucket that CloudFormation takes template and code from."""

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

# The one region that must not be named when a bucket is made in it.
UNNAMED_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Artifacts:
    """What was uploaded for a stage. Keys are hashes of contents, so what a rollback needs is never overwritten."""

    s3: S3Client
    stage: Stage

    def ensure(self) -> None:
        """Makes the bucket where it is not there: private, and reached over TLS alone."""
        bucket, owner = self.stage.artifacts, self.stage.account
        if not self._is_there():
            made: CreateBucketRequestTypeDef = {"Bucket": bucket}
            if self.stage.region != UNNAMED_REGION:
                made["CreateBucketConfiguration"] = {"LocationConstraint": self.stage.region}  # type: ignore[typeddict-item]
            self.s3.create_bucket(**made)
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
        self.s3.put_bucket_policy(Bucket=bucket, ExpectedBucketOwner=owner, Policy=json.dumps(tls_only(bucket)))

    def put(self, content: bytes, suffix: str) -> str:
        """Stores the content, and gives the key it is found under."""
        key = hashlib.sha256(content).hexdigest()[:32] + suffix
        self.s3.put_object(Bucket=self.stage.artifacts, Key=key, Body=content, ExpectedBucketOwner=self.stage.account)
        return key

    def address(self, key: str) -> str:
        """The URL that CloudFormation knows a template by, of the form that the AWS command line gives it."""
        return f"{self.s3.meta.endpoint_url}/{self.stage.artifacts}/{key}"

    def _is_there(self) -> bool:
        try:
            self.s3.head_bucket(Bucket=self.stage.artifacts, ExpectedBucketOwner=self.stage.account)
        except ClientError as error:
            if error.response["Error"].get("Code") in ("404", "NoSuchBucket"):
                return False
            raise
        return True


def tls_only(bucket: str) -> dict[str, object]:
    """A bucket policy that refuses requests without TLS, and grants nothing."""
    arn = f"arn:aws:s3:::{bucket}"
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
