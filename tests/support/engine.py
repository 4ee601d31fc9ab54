"""The engine of the tests: moto in this process, or the servers at TEST_DYNAMODB_ENDPOINT and TEST_S3_ENDPOINT."""

from __future__ import annotations

import os
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakKeyDictionary

import pytest
from botocore.config import Config
from botocore.session import Session
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import StreamShard, Table
from moto.s3.models import s3_backends

from chalicelib.aws.clients import dynamodb_client, s3_client
from chalicelib.local.moto.backends import Backends
from chalicelib.local.moto.direct_calls import call_directly
from chalicelib.local.moto.rows import REGION, put_row
from chalicelib.local.tables import create_tables
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

WRITE_BATCH_SIZE = 25
MAX_DATABASE_TESTS, MAX_DATABASE_ROWS = 40, 1_000
ENDPOINT = os.environ.get("TEST_DYNAMODB_ENDPOINT")
S3_ENDPOINT = os.environ.get("TEST_S3_ENDPOINT")

# versitygw stores all files in the class STANDARD.
needs_storage_classes = pytest.mark.skipif(bool(S3_ENDPOINT), reason="this S3 server has no storage classes")

# Tests must not use the credentials, the region or the profile of the machine.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


# The backends of each client, for other clients that need the same data.
_backends: WeakKeyDictionary[DynamoDBClient, Backends] = WeakKeyDictionary()
_s3_backends: WeakKeyDictionary[S3Client, Backends] = WeakKeyDictionary()
_streams: WeakKeyDictionary[DynamoDBClient, Any] = WeakKeyDictionary()
# Emptied tables and buckets of finished tests. Reusing them makes the test suite faster by a sixth.
_tables: WeakKeyDictionary[DynamoDBClient, list[Tables]] = WeakKeyDictionary()
_buckets: WeakKeyDictionary[S3Client, list[str]] = WeakKeyDictionary()


@dataclass
class Database:
    """A database of DynamoDB Local, which has one for each access key. A new one takes as long as two new tables.

    A write becomes slower with each stream record in its database, also with those of removed tables: after 10 000, it
    takes several times as long. DynamoDB Local never removes a database, and each has several threads.
    """

    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    client: DynamoDBClient | None = None
    test_count: int = 0
    row_count: int = 0

    @property
    def is_full(self) -> bool:
        """Whether the next test should use another database."""
        return self.test_count >= MAX_DATABASE_TESTS or self.row_count >= MAX_DATABASE_ROWS


# The last one is in use. Rows are counted only if they are written by `write_rows`.
_databases = [Database()]


@dataclass(frozen=True, slots=True)
class Tables:
    """The names of the tables of one test."""

    catalog: str
    objects: str


def new_client(backends: Backends | None) -> DynamoDBClient:
    """Returns the DynamoDB client of the service, connected to the engine."""
    client = dynamodb_client(Settings())
    if backends is not None:
        backends.attach(client)
        call_directly(client, backends)
        _backends[client] = backends
    return client


@contextmanager
def connected_client(backends: Backends | None) -> Iterator[DynamoDBClient]:
    """Yields the DynamoDB client of the service, for one test or one module of tests."""
    if backends is not None:
        yield new_client(backends)
        return
    if _databases[-1].is_full:
        _databases.append(Database())
    database = _databases[-1]
    database.test_count += 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", database.key)
        database.client = database.client or new_client(None)
        yield database.client


def backends_of(client: DynamoDBClient) -> Backends:
    """Returns the moto backends of this client. If DynamoDB is another engine, they serve only other AWS services."""
    return _backends.setdefault(client, Backends()) if ENDPOINT else _backends[client]


def new_streams_client(client: DynamoDBClient) -> Any:
    """Returns a client for the streams of the tables of this client. Only for an engine outside of this process."""
    if client not in _streams:
        # botocore builds the header of a default user agent again for every call.
        config = Config(account_id_endpoint_mode="disabled", user_agent="tests")
        _streams[client] = Session().create_client("dynamodbstreams", "us-east-1", endpoint_url=ENDPOINT, config=config)
    return _streams[client]


def new_s3_client(backends: Backends | None) -> S3Client:
    """Returns the S3 client of the service, connected to the engine."""
    client = s3_client(Settings())
    if backends is not None:
        backends.attach(client)
        _s3_backends[client] = backends
    return client


def new_blob_bucket(client: S3Client) -> str:
    """Returns the name of an empty S3 bucket."""
    if spare := _buckets.get(client):
        return spare.pop()
    name = f"blobs-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    return name


def drop_blob_bucket(client: S3Client, name: str) -> None:
    """Empties the S3 bucket of a finished test, for reuse, or deletes it."""
    if client in _s3_backends and not s3_backends[_s3_backends[client].account]["aws"].buckets[name].keys:
        # It is empty. A list request for its files would take a tenth of the time of a short test.
        _buckets.setdefault(client, []).append(name)
        return
    while stored := client.list_objects_v2(Bucket=name).get("Contents"):
        client.delete_objects(Bucket=name, Delete={"Objects": [{"Key": each["Key"]} for each in stored]})
    if S3_ENDPOINT:
        client.delete_bucket(Bucket=name)
    else:
        _buckets.setdefault(client, []).append(name)


def no_s3() -> NoReturn:
    """Replaces the function that connects to S3 in tests that must not use S3."""
    raise AssertionError("this test must not use S3")


def new_tables(client: DynamoDBClient) -> Tables:
    """Returns empty tables with the schema of the template."""
    if spare := _tables.get(client):
        return spare.pop()
    suffix = uuid.uuid4().hex[:12]
    tables = Tables(f"catalog-{suffix}", f"objects-{suffix}")
    create_tables(client, catalog=tables.catalog, objects=tables.objects)
    return tables


def drop_tables(client: DynamoDBClient, tables: Tables) -> None:
    """Empties the tables of a finished test, for reuse, or deletes them."""
    if ENDPOINT:
        client.delete_table(TableName=tables.catalog)
        client.delete_table(TableName=tables.objects)
        return
    account = backends_of(client).account
    for name in (tables.catalog, tables.objects):
        _empty(dynamodb_backends[account][REGION].tables[name])
    _tables.setdefault(client, []).append(tables)


def write_rows(client: DynamoDBClient, table: str, rows: list[Any]) -> None:
    """Writes rows. With moto they are written without stream records."""
    if not ENDPOINT:  # through its API, moto takes a millisecond per row
        for row in rows:
            put_row(backends_of(client).account, table, row)
        return
    _databases[-1].row_count += len(rows)
    for start in range(0, len(rows), WRITE_BATCH_SIZE):
        puts: Any = [{"PutRequest": {"Item": row}} for row in rows[start : start + WRITE_BATCH_SIZE]]
        response = client.batch_write_item(RequestItems={table: puts})
        assert not response.get("UnprocessedItems")


def _empty(table: Table) -> None:
    """Removes all rows and stream records of a table."""
    table.items = defaultdict(dict)
    table.stream_shard = StreamShard(table.account_id, table)
