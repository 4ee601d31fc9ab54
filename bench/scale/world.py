"""The real services and the real app on an engine, with tables of their own, and a meter of their reads."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn

from bench.scenario import gateway_event
from chalicelib import keys
from chalicelib.api import create_app
from chalicelib.aws.dynamodb.table import Table
from chalicelib.local.tables import create_tables
from chalicelib.settings import Settings
from chalicelib.wiring import build

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Json = dict[str, Any]
STARTED = datetime(2026, 1, 1, tzinfo=UTC)


class Meter:
    """Counts the calls of a client in all threads, and the capacity units in their responses."""

    def __init__(self, client: DynamoDBClient) -> None:
        self._events, self._lock = client.meta.events, Lock()
        self.calls, self.units = 0, 0.0
        self._events.register("before-call.dynamodb", self._count)
        self._events.register("after-call.dynamodb", self._add)

    def close(self) -> None:
        """Ends the counting."""
        self._events.unregister("before-call.dynamodb", self._count)
        self._events.unregister("after-call.dynamodb", self._add)

    def _count(self, **_: Any) -> None:
        with self._lock:
            self.calls += 1

    def _add(self, parsed: Mapping[str, Any], **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity") or []
        tables = [consumed] if isinstance(consumed, Mapping) else consumed
        with self._lock:
            self.units += sum(table["CapacityUnits"] for table in tables)


@dataclass(frozen=True)
class Place:
    """Where a request goes: the organization, its API key, and a namespace."""

    organization: str
    secret: str
    namespace_id: str = ""

    @property
    def partition(self) -> str:
        """The partition of the namespace."""
        return keys.partition(self.organization, self.namespace_id)


@dataclass(frozen=True)
class Measured:
    """A response, and what the request has cost. CPU is that of this process: the service and the AWS SDK."""

    status: int
    body: Json
    calls: int
    read_units: float
    cpu_ms: float
    wall_ms: float


@dataclass
class World:
    """The services on the engine of `client`, with new tables."""

    client: DynamoDBClient
    settings: Settings = field(
        default_factory=lambda: Settings(
            catalog_table=f"catalog-{uuid.uuid4().hex[:12]}", objects_table=f"objects-{uuid.uuid4().hex[:12]}"
        )
    )

    def __post_init__(self) -> None:
        settings, client = self.settings, self.client
        create_tables(client, catalog=settings.catalog_table, objects=settings.objects_table)
        self.catalog, self.objects = Table(client, settings.catalog_table), Table(client, settings.objects_table)
        # The clock stands still, so that the caches of API keys and namespaces do not expire in a long measurement.
        self.services = build(settings, client, _no_files, clock=lambda: STARTED)
        self.app = create_app(lambda: self.services)
        self.meter = Meter(client)

    def disable_streams(self) -> None:
        """Disables the streams of the tables: DynamoDB Local becomes slower with each record."""
        for name in (self.settings.catalog_table, self.settings.objects_table):
            self.client.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})

    def close(self) -> None:
        """Removes the tables, and leaves the client as it was."""
        self.meter.close()
        for name in (self.settings.catalog_table, self.settings.objects_table):
            self.client.delete_table(TableName=name)

    def new_organization(self) -> Place:
        """Creates an organization with an API key."""
        organization = self.services.access.create_organization("bench").organization_id
        return Place(organization, self.services.access.create_key(organization, name="bench").secret)

    def request(self, place: Place, method: str, path: str, ids: dict[str, str], body: Json | None) -> Measured:
        """Sends a request to the app in this process."""
        event = gateway_event(method, path, ids, body)
        event["headers"] |= {"Authorization": f"Bearer {place.secret}", "X-Namespace": place.namespace_id}
        calls, units = self.meter.calls, self.meter.units
        wall, cpu = time.perf_counter(), time.process_time()
        response = self.app(event, None)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        return Measured(
            response["statusCode"],
            json.loads(response["body"]),
            self.meter.calls - calls,
            self.meter.units - units,
            1000 * cpu,
            1000 * wall,
        )


def _no_files() -> NoReturn:
    raise AssertionError("lists do not use S3")
