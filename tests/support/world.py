"""A world for tests: the real services over empty tables, an organization with a key, a namespace."""

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
from tests.support.engine import Tables, new_client, new_streams_client, new_tables, no_s3, write_rows
from tests.support.pump import Pump, new_pump

ALL = ("read", "write", "delete", "admin")
SCHEMA: dict[str, Any] = {"properties": {"title": {"type": "string"}, "photo": {"type": "image"}}}


@dataclass
class FakeClock:
    """A clock that stands still until it is moved, but for one millisecond at each look.

    Every look moves it, so that things made one after the other have times one after the other.
    """

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    _ticks: itertools.count[int] = field(default_factory=itertools.count)

    def __call__(self) -> datetime:
        return self.now + timedelta(milliseconds=next(self._ticks))

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class World:
    """Services, their clock and tables, and one organization that may do everything."""

    services: Services
    clock: FakeClock
    tables: Tables
    client: DynamoDBClient
    s3: S3Client
    settings: Settings
    organization_id: str
    key: str

    def key_for(self, organization_id: str, *permissions: str, **more: Any) -> str:
        """A new key of an organization, in clear."""
        made = self.services.access.create_key(organization_id, name="test", permissions=permissions or ALL, **more)
        return made.secret

    def api(self, **using: str) -> Api:
        """The API as the organization's own key, in its namespace."""
        return Api(lambda: self.services, self.key, "films").using(**using)

    @cached_property
    def pump(self) -> Pump:
        """The tables' streams, driven by hand: `world.pump()` lets all statistics settle."""
        streams = new_streams_client(self.client)
        names = {"catalog": self.tables.catalog, "objects": self.tables.objects}
        return new_pump(lambda: self.services, self.client, streams, **names)


def bucket_body(name: str = "posters", **more: Any) -> dict[str, Any]:
    """The body of a request for a new bucket."""
    return {"bucket_name": name, "bucket_schema": SCHEMA, **more}


@dataclass(frozen=True)
class _Beginning:
    """What every world begins with: the services made it once, for moto, and every world gets its rows."""

    organization_id: str
    key: str
    rows: list[Any]


@cache
def _beginning() -> _Beginning:
    client = new_client(Backends())
    tables = new_tables(client)
    settings = Settings(catalog_table=tables.catalog, objects_table=tables.objects)
    services = build(settings, client, no_s3, clock=FakeClock())
    organization = services.access.create_organization("Studio")
    made = services.access.create_key(organization.organization_id, name="first", permissions=ALL)
    created = Api(lambda: services, made.secret).post("/v1/namespaces", {"namespace_name": "films"})
    assert created.status == 200, created.text
    rows = client.scan(TableName=tables.catalog, ConsistentRead=True)["Items"]
    return _Beginning(organization.organization_id, made.secret, rows)


def new_world(client: DynamoDBClient, tables: Tables, s3: S3Client, blob_bucket: str) -> World:
    """A world over these tables and this S3 bucket, with the namespace `films`."""
    clock, begun = FakeClock(), _beginning()
    clock.advance(0.1)  # what it begins with was made before
    settings = Settings(catalog_table=tables.catalog, objects_table=tables.objects, blob_bucket=blob_bucket)
    services = build(settings, client, lambda: s3, clock=clock)
    write_rows(client, tables.catalog, begun.rows)
    return World(services, clock, tables, client, s3, settings, begun.organization_id, begun.key)


@pytest.fixture
def world(client: DynamoDBClient, tables: Tables, s3: S3Client, blob_bucket: str) -> World:
    """Fresh services over empty tables and an empty S3 bucket."""
    return new_world(client, tables, s3, blob_bucket)


@pytest.fixture
def api(world: World) -> Api:
    """The API as the organization's own key, in its namespace."""
    return world.api()
