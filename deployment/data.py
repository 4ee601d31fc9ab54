"""The tables and files of a stage, which can exist without its stack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from deployment.errors import DeploymentFailed
from deployment.events import Say
from deployment.stage import Stage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef


# What S3 calls two regions for historical reasons.
_FORMER_LOCATIONS = {"": "us-east-1", "EU": "eu-west-1"}


@dataclass(frozen=True, slots=True)
class Data:
    """The data of a stage, found by the names that CloudFormation gives to tables and buckets."""

    dynamodb: DynamoDBClient
    s3: S3Client
    stage: Stage
    say: Say

    def tables(self) -> list[str]:
        """Returns the names of its tables, including those of earlier stacks of the stage."""
        pages = self.dynamodb.get_paginator("list_tables").paginate()
        return [name for page in pages for name in page["TableNames"] if self.stage.owns_table(name)]

    def buckets(self) -> list[str]:
        """Returns the names of its S3 buckets, including those of earlier stacks of the stage.

        S3 lists the buckets of all regions, and a stage of another region may have the same name.
        """
        names = [each["Name"] for each in self.s3.list_buckets()["Buckets"] if self.stage.owns_bucket(each["Name"])]
        return [name for name in names if self._region_of(name) == self.stage.region]

    def _region_of(self, bucket: str) -> str:
        location = self.s3.get_bucket_location(Bucket=bucket).get("LocationConstraint")
        return _FORMER_LOCATIONS.get(location or "", location or "")

    def remove(self) -> None:
        """Removes all tables and buckets permanently. Turns off the deletion protection of the tables, and says so."""
        names = self.tables()
        for table in names:
            self._unprotect(table)
            self.dynamodb.delete_table(TableName=table)
        for table in names:
            self.dynamodb.get_waiter("table_not_exists").wait(TableName=table, WaiterConfig={"Delay": 2})
        for bucket in self.buckets():
            remove_bucket(self.s3, bucket)

    def _unprotect(self, table: str) -> None:
        if not self.dynamodb.describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled"):
            return
        self.say(f"Turning off the deletion protection of {table}")
        self.dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
        # DynamoDB does not delete a table that it is still updating.
        self.dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 2})


def remove_bucket(s3: S3Client, bucket: str) -> None:
    """Removes a bucket and its contents. Has no effect if the bucket does not exist."""
    try:
        empty(s3, bucket)
    except ClientError as error:
        if error.response["Error"].get("Code") == "NoSuchBucket":
            return
        raise
    s3.delete_bucket(Bucket=bucket)


def empty(s3: S3Client, bucket: str) -> None:
    """Removes all contents of a bucket, with all versions of files."""
    while found := _first_versions(s3, bucket):
        _remove(s3, bucket, found)


def _first_versions(s3: S3Client, bucket: str) -> list[ObjectIdentifierTypeDef]:
    """Returns up to 1000 versions of files and delete markers."""
    page = s3.list_object_versions(Bucket=bucket)
    found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
    return [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]


def _remove(s3: S3Client, bucket: str, keys: Iterable[ObjectIdentifierTypeDef]) -> None:
    response = s3.delete_objects(Bucket=bucket, Delete={"Objects": list(keys), "Quiet": True})
    if errors := response.get("Errors"):
        raise DeploymentFailed(f"Cannot remove {len(errors)} files in {bucket}: {errors[0].get('Message', '')}")
