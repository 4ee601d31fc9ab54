"""The engine that tests run against: moto in this process, or the one at TEST_DYNAMODB_ENDPOINT."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.clients import dynamodb_client
from chalicelib.local.backends import Backends
from chalicelib.local.tables import create_tables
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ENDPOINT = os.environ.get("TEST_DYNAMODB_ENDPOINT")

# Nothing of the machine may reach a test: neither its credentials nor its region nor its profile.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True, slots=True)
class Tables:
    """The names of a test's own tables."""

    catalog: str
    objects: str


def new_client(backends: Backends | None) -> DynamoDBClient:
    """The client that the service itself would build, answered by the engine."""
    client = dynamodb_client(Settings())
    if backends is not None:
        backends.attach(client)
    return client


def new_tables(client: DynamoDBClient) -> Tables:
    """Empty tables, as the template defines them."""
    suffix = uuid.uuid4().hex[:12]
    tables = Tables(f"catalog-{suffix}", f"objects-{suffix}")
    create_tables(client, catalog=tables.catalog, objects=tables.objects)
    return tables


def drop_tables(client: DynamoDBClient, tables: Tables) -> None:
    """Makes room; every test has tables of its own."""
    client.delete_table(TableName=tables.catalog)
    client.delete_table(TableName=tables.objects)
