"""The first deployment gives access, once, whatever ended in between."""

from __future__ import annotations

from chalicelib.access.models import PERMISSIONS
from deployment.first_access import FIRST, environment, first_key
from tests.support.api import Api
from tests.support.engine import Tables
from tests.support.world import new_world
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_s3 import S3Client
import pytest
from chalicelib.wiring import Services


@pytest.fixture
def services(client: DynamoDBClient, tables: Tables, s3: S3Client, blob_bucket: str) -> Services:
    return new_world(client, tables, s3, blob_bucket).services
