"""The environment of a test: the real services over empty tables, an organization with a key, and a namespace."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_s3 import S3Client

from chalicelib.local.moto.backends import Backends
from chalicelib.services import Services
from chalicelib.settings import Settings
from chalicelib.wiring import build
from tests.support.api import Api
from tests.support.engine import Tables, new_client, new_tables, no_s3, write_rows
from tests.support.pump import Pump, new_pump

ALL = ("read", "write", "delete", "admin")
SCHEMA: dict[str, Any] = {"properties": {"title": {"type": "string"}, "photo": {"type": "image"}}}


@dataclass
class FakeClock:
    """A clock that advances by one millisecond each time it is read, and by `advance`.

    So resources that are created one after another have increasing timestamps.
    """

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    _ticks: itertools.count[int] = field(default_factory=itertools.count)

    def __call__(self) -> datetime:
        return self.now + timedelta(milliseconds=next(self._ticks))

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class World:
    """The services with their clock, clients and tables, and an organization with a key that has all permissions."""

    services: Services
    clock: FakeClock
    tables: Tables
    client: DynamoDBClient
    s3: S3Client
    settings: Settings
    organization_id: str
    key: str

    def key_for(self, organization_id: str, *permissions: str, **more: Any) -> str:
        """Creates a key of an organization, and returns its secret."""
        new = self.services.access.create_key(organization_id, name="test", permissions=permissions or ALL, **more)
        return new.secret

    def api(self, **using: str) -> Api:
        """Returns a client of the API with the key of the organization, in the namespace `films`."""
        return Api(lambda: self.services, self.key, "films").using(**using)

    @cached_property
    def pump(self) -> Pump:
        """The streams of the tables. `world.pump()` delivers all stream records, so that statistics are up to date."""
        names = {"catalog": self.tables.catalog, "objects": self.tables.objects}
        return new_pump(lambda: self.services, self.client, **names)


def bucket_body(name: str = "posters", **more: Any) -> dict[str, Any]:
    """Returns the body of a request that creates a bucket."""
    return {"bucket_name": name, "bucket_schema": SCHEMA, **more}


def adapter_with_sources(*ids: str) -> dict[str, Any]:
    """Returns the fields of a request that lets these buckets feed a bucket."""
    return {"source_adapter": {"adapter_type": "bucket", "source_bucket_ids": list(ids)}}


@dataclass(frozen=True)
class _InitialData:
    """The data that each test starts with. It is created once, by the services; each test gets a copy of its rows."""

    organization_id: str
    key: str
    rows: list[Any]


@cache
def _initial_data() -> _InitialData:
    client = new_client(Backends())
    tables = new_tables(client)
    settings = Settings(catalog_table=tables.catalog, objects_table=tables.objects)
    services = build(settings, client, no_s3, clock=FakeClock())
    organization = services.access.create_organization("Studio")
    made = services.access.create_key(organization.organization_id, name="first", permissions=ALL)
    created = Api(lambda: services, made.secret).post("/v1/namespaces", {"namespace_name": "films"})
    assert created.status == 200, created.text
    rows = client.scan(TableName=tables.catalog, ConsistentRead=True)["Items"]
    return _InitialData(organization.organization_id, made.secret, rows)


def new_world(client: DynamoDBClient, tables: Tables, s3: S3Client, blob_bucket: str) -> World:
    """Returns a test environment with these tables and this S3 bucket, and the namespace `films`."""
    clock, initial = FakeClock(), _initial_data()
    clock.advance(0.1)  # later than the timestamps of the initial data
    settings = Settings(catalog_table=tables.catalog, objects_table=tables.objects, blob_bucket=blob_bucket)
    services = build(settings, client, lambda: s3, clock=clock)
    write_rows(client, tables.catalog, initial.rows)
    return World(services, clock, tables, client, s3, settings, initial.organization_id, initial.key)


@pytest.fixture
def world(client: DynamoDBClient, tables: Tables, s3: S3Client, blob_bucket: str) -> World:
    """The services over empty tables and an empty S3 bucket."""
    return new_world(client, tables, s3, blob_bucket)


@pytest.fixture
def api(world: World) -> Api:
    """A client of the API with the key of the organization, in the namespace `films`."""
    return world.api()
