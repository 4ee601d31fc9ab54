"""The data of a stage is found and removed, on an engine of its own."""

from __future__ import annotations

from dataclasses import dataclass

import boto3
import pytest
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_s3 import S3Client

from chalicelib.local.moto.backends import Backends
from deployment.data import Data
from deployment.stage import Stage

REGION = "us-east-1"
TABLE = "buckets-api-dev-CatalogTable-1ABC2DEF3GHI4"
FOREIGN_TABLE = "buckets-api-dev2-CatalogTable-1ABC2DEF3GHI4"
BUCKET = "buckets-api-dev-blobbucket-1abc2def3ghi"


@dataclass
class Cloud:
    dynamodb: DynamoDBClient
    s3: S3Client
    data: Data
    printed: list[str]

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
