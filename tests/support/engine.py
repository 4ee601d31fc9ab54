"""The engine that tests run against: moto in this process, or those at TEST_DYNAMODB_ENDPOINT, TEST_S3_ENDPOINT."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakKeyDictionary

from botocore.config import Config
from botocore.session import Session
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import StreamShard, Table

from chalicelib.aws.clients import dynamodb_client, s3_client
from chalicelib.local.moto.backends import Backends
from chalicelib.local.moto.rows import REGION, put_row
from chalicelib.local.tables import create_tables
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

WRITE_BATCH_SIZE = 25
ENDPOINT = os.environ.get("TEST_DYNAMODB_ENDPOINT")
S3_ENDPOINT = os.environ.get("TEST_S3_ENDPOINT")

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


# Which backends answer a client, for other clients that shall see the same.
_answered_by: WeakKeyDictionary[DynamoDBClient, Backends] = WeakKeyDictionary()
_streams: WeakKeyDictionary[DynamoDBClient, Any] = WeakKeyDictionary()
# What tests of moto are done with, empty again: making tables and buckets anew is a sixth of the time of the tests.
_tables: WeakKeyDictionary[DynamoDBClient, list[Tables]] = WeakKeyDictionary()
_buckets: WeakKeyDictionary[S3Client, list[str]] = WeakKeyDictionary()


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
        _answered_by[client] = backends
    return client


def backends_of(client: DynamoDBClient) -> Backends:
    """The backends that answer this client, or ones of their own where another engine does."""
    return _answered_by.setdefault(client, Backends()) if ENDPOINT else _answered_by[client]


def new_streams_client(client: DynamoDBClient) -> Any:
    """A client of the streams of the tables that this client sees."""
    if client in _streams:
        return _streams[client]
    # moto does not answer on the account-based host that botocore prefers for calls with a stream's ARN.
    config = Config(account_id_endpoint_mode="disabled")
    streams = Session().create_client("dynamodbstreams", "us-east-1", endpoint_url=ENDPOINT, config=config)
    if not ENDPOINT:
        backends_of(client).attach(streams)
    _streams[client] = streams
    return streams


def new_s3_client(backends: Backends | None) -> S3Client:
    """The S3 client that the service itself would build, answered by the engine."""
    client = s3_client(Settings())
    if backends is not None:
        backends.attach(client)
    return client


def new_blob_bucket(client: S3Client) -> str:
    """An empty S3 bucket."""
    if spare := _buckets.get(client):
        return spare.pop()
    name = f"blobs-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    return name


def drop_blob_bucket(client: S3Client, name: str) -> None:
    """Makes room; every test has a bucket of its own."""
    while held := client.list_objects_v2(Bucket=name).get("Contents"):
        client.delete_objects(Bucket=name, Delete={"Objects": [{"Key": found["Key"]} for found in held]})
    if S3_ENDPOINT:
        client.delete_bucket(Bucket=name)
    else:
        _buckets.setdefault(client, []).append(name)


def no_s3() -> NoReturn:
    """Stands where an S3 client is asked for and nothing may ask."""
    raise AssertionError("S3 is called, where nothing is to be stored or read there")


def new_tables(client: DynamoDBClient) -> Tables:
    """Empty tables, as the template defines them."""
    if spare := _tables.get(client):
        return spare.pop()
    suffix = uuid.uuid4().hex[:12]
    tables = Tables(f"catalog-{suffix}", f"objects-{suffix}")
    create_tables(client, catalog=tables.catalog, objects=tables.objects)
    return tables


def drop_tables(client: DynamoDBClient, tables: Tables) -> None:
    """Makes room; every test has tables of its own."""
    if ENDPOINT:
        client.delete_table(TableName=tables.catalog)
        client.delete_table(TableName=tables.objects)
        return
    for name in (tables.catalog, tables.objects):
        _empty(dynamodb_backends[backends_of(client).account][REGION].tables[name])
    _tables.setdefault(client, []).append(tables)


def write_rows(client: DynamoDBClient, table: str, rows: list[Any]) -> None:
    """Rows as they are, on moto unseen by the stream of the table."""
    if not ENDPOINT:  # moto takes a millisecond for a row that comes through its API
        for row in rows:
            put_row(backends_of(client).account, table, row)
        return
    for start in range(0, len(rows), WRITE_BATCH_SIZE):
        puts: Any = [{"PutRequest": {"Item": row}} for row in rows[start : start + WRITE_BATCH_SIZE]]
        answer = client.batch_write_item(RequestItems={table: puts})
        assert not answer.get("UnprocessedItems")


def _empty(table: Table) -> None:
    """Leaves neither rows nor records of a stream, as in a table that was just made."""
    table.items.clear()
    table.stream_shard = StreamShard(table.account_id, table)
