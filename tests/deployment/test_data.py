"""The data of a stage is found and removed, on an engine of its own."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

import boto3
import pytest
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_s3 import S3Client

from chalicelib.local.moto.backends import Backends
from deployment.data import Data, empty, remove_bucket
from deployment.stage import Stage

REGION = "us-east-1"
TABLE = "buckets-api-dev-CatalogTable-1ABC2DEF3GHI4"
FOREIGN_TABLE = "buckets-api-dev2-CatalogTable-1ABC2DEF3GHI4"


@dataclass
class Cloud:
    dynamodb: DynamoDBClient
    s3: S3Client
    data: Data
    printed: list[str]
    # The engine has one bucket with a name, in whichever account.
    bucket: str = field(default_factory=lambda: f"buckets-api-dev-blobbucket-{uuid.uuid4().hex}")

    def create_table(self, name: str, *, is_protected: bool) -> None:
        self.dynamodb.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            DeletionProtectionEnabled=is_protected,
        )


@pytest.fixture
def cloud() -> Cloud:
    # Explicit addresses, because in some runs variables name other engines, which have no deletion protection.
    dynamodb = boto3.client("dynamodb", REGION, endpoint_url=f"https://dynamodb.{REGION}.amazonaws.com")
    s3 = boto3.client("s3", REGION, endpoint_url="https://s3.amazonaws.com")
    backends = Backends()
    backends.attach(dynamodb)
    backends.attach(s3)
    printed: list[str] = []
    return Cloud(dynamodb, s3, Data(dynamodb, s3, Stage("dev", "123456789012", REGION), printed.append), printed)


def test_a_protected_table_is_removed_and_the_operator_is_told(cloud: Cloud) -> None:
    cloud.create_table(TABLE, is_protected=True)
    cloud.data.remove()
    assert cloud.data.tables() == []
    assert cloud.printed == [f"Turning off the deletion protection of {TABLE}"]


def test_an_unprotected_table_is_removed_without_a_message(cloud: Cloud) -> None:
    cloud.create_table(TABLE, is_protected=False)
    cloud.data.remove()
    assert (cloud.data.tables(), cloud.printed) == ([], [])


def test_tables_of_other_stages_are_not_changed(cloud: Cloud) -> None:
    cloud.create_table(FOREIGN_TABLE, is_protected=True)
    cloud.data.remove()
    assert cloud.dynamodb.describe_table(TableName=FOREIGN_TABLE)["Table"]["DeletionProtectionEnabled"] is True
    assert cloud.printed == []


def version_ids(cloud: Cloud) -> list[str]:
    found = cloud.s3.list_object_versions(Bucket=cloud.bucket)
    return [each["VersionId"] for each in (*found.get("Versions", []), *found.get("DeleteMarkers", []))]


def test_a_bucket_is_removed_with_all_versions_of_its_files(cloud: Cloud) -> None:
    cloud.s3.create_bucket(Bucket=cloud.bucket)
    cloud.s3.put_object(Bucket=cloud.bucket, Key="blobs/before", Body=b"before versioning")
    cloud.s3.put_bucket_versioning(Bucket=cloud.bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"first", b"second"):
        cloud.s3.put_object(Bucket=cloud.bucket, Key="blobs/replaced", Body=body)
    cloud.s3.put_object(Bucket=cloud.bucket, Key="blobs/removed", Body=b"removed")
    cloud.s3.delete_object(Bucket=cloud.bucket, Key="blobs/removed")
    assert len(version_ids(cloud)) == 5
    empty(cloud.s3, cloud.bucket)
    assert version_ids(cloud) == []
    cloud.data.remove()
    assert cloud.data.buckets() == []


def test_a_bucket_with_more_than_one_page_of_versions_is_emptied(cloud: Cloud) -> None:
    cloud.s3.create_bucket(Bucket=cloud.bucket)
    cloud.s3.put_bucket_versioning(Bucket=cloud.bucket, VersioningConfiguration={"Status": "Enabled"})
    for number in range(1001):
        cloud.s3.put_object(Bucket=cloud.bucket, Key=f"blobs/{number}", Body=b"")
    empty(cloud.s3, cloud.bucket)
    assert version_ids(cloud) == []


def test_a_bucket_that_does_not_exist_is_removed_already(cloud: Cloud) -> None:
    remove_bucket(cloud.s3, cloud.bucket)


@pytest.mark.parametrize("region", ["eu-central-1", "eu-west-1"])
def test_a_bucket_of_a_stage_with_the_same_name_in_another_region_is_not_touched(cloud: Cloud, region: str) -> None:
    location = {"LocationConstraint": region}
    cloud.s3.create_bucket(Bucket=cloud.bucket, CreateBucketConfiguration=location)  # type: ignore[arg-type]
    cloud.s3.put_object(Bucket=cloud.bucket, Key="blobs/a", Body=b"a")
    there = Data(cloud.dynamodb, cloud.s3, Stage("dev", "123456789012", region), cloud.printed.append)

    cloud.data.remove()

    assert cloud.data.buckets() == []
    assert there.buckets() == [cloud.bucket]
    assert len(version_ids(cloud)) == 1
