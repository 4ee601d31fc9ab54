"""Fixtures for all tests: an engine, its clients, and empty tables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from chalicelib.local.moto.backends import Backends
from tests.support.engine import (
    ENDPOINT,
    ENVIRONMENT,
    S3_ENDPOINT,
    Tables,
    connected_client,
    drop_blob_bucket,
    drop_tables,
    new_blob_bucket,
    new_s3_client,
    new_tables,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

os.environ.update(ENVIRONMENT)
for name in [name for name in os.environ if name.startswith(("AWS_ENDPOINT_URL", "AWS_PROFILE", "BUCKETS_"))]:
    del os.environ[name]
if ENDPOINT:
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = ENDPOINT
if S3_ENDPOINT:
    os.environ["AWS_ENDPOINT_URL_S3"] = S3_ENDPOINT

# There is no deadline, because the speed of a shared machine varies. Function-scoped fixtures are allowed, although all
# examples of a test share them: such tests give each example its own keys.
COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.register_profile("project", COMMON, derandomize=True, database=None)
settings.register_profile("nightly", COMMON, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "project"))


@pytest.fixture(scope="session")
def backends() -> Backends | None:
    """The moto engine with its lock, or None if the tests run against another engine."""
    return None if ENDPOINT else Backends()


@pytest.fixture(scope="function" if ENDPOINT else "session")
def client(backends: Backends | None) -> Iterator[DynamoDBClient]:
    """The DynamoDB client of the service, connected to the engine."""
    with connected_client(backends) as connected:
        yield connected


@pytest.fixture(scope="session")
def s3(backends: Backends | None) -> S3Client:
    """The S3 client of the service, connected to the engine, or to moto if only DynamoDB has another engine."""
    return new_s3_client(None if S3_ENDPOINT else backends or Backends())


@pytest.fixture
def blob_bucket(s3: S3Client) -> Iterator[str]:
    """The name of an empty S3 bucket for this test."""
    bucket = new_blob_bucket(s3)
    yield bucket
    drop_blob_bucket(s3, bucket)


@pytest.fixture
def tables(client: DynamoDBClient) -> Iterator[Tables]:
    """The names of an empty catalog table and an empty objects table for this test."""
    names = new_tables(client)
    yield names
    drop_tables(client, names)


pytest_plugins = ["tests.support.log", "tests.support.performance", "tests.support.slow_time", "tests.support.world"]
