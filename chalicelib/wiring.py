"""The one place that names every concrete part: settings, clients, tables, stores, services.

Nothing is built at import. `services()` builds the world on its first call and keeps it.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from chalicelib.access.service import Access
from chalicelib.access.store import AccessStore
from chalicelib.buckets.configuration import Configuration
from chalicelib.buckets.service import Buckets
from chalicelib.buckets.store import BucketStore
from chalicelib.foundation import logs
from chalicelib.foundation.caching import Cache
from chalicelib.foundation.ids import Ids
from chalicelib.foundation.table import Table
from chalicelib.foundation.times import Clock, system_clock
from chalicelib.health.checks import Checks
from chalicelib.namespaces.service import Namespaces
from chalicelib.namespaces.store import NamespaceStore
from chalicelib.objects.store import ObjectStore
from chalicelib.settings import Settings, address, read_settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CACHE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the rooms' operations need."""

    access: Access
    namespaces: Namespaces
    buckets: Buckets
    checks: Checks


def new_webhook_secret() -> str:
    """A secret for signing webhooks, of 256 random bits."""
    return f"whsec_{secrets.token_urlsafe(32)}"


def build(settings: Settings, client: DynamoDBClient, *, clock: Clock = system_clock) -> Services:
    """The services over one DynamoDB client."""
    ids = Ids(clock)
    catalog = Table(client, settings.catalog_table)
    objects = Table(client, settings.objects_table)

    def seconds() -> float:
        return clock().timestamp()

    return Services(
        access=Access(AccessStore(catalog), ids, clock, Cache(seconds, seconds=CACHE_SECONDS)),
        namespaces=Namespaces(NamespaceStore(catalog), ids, clock, Cache(seconds, seconds=CACHE_SECONDS)),
        buckets=Buckets(
            BucketStore(catalog),
            ObjectStore(objects),
            Configuration(address(settings), new_webhook_secret),
            ids,
            clock,
        ),
        checks=Checks({"metadata": lambda: catalog.get({"pk": "HEALTH", "sk": "HEALTH"})}),
    )


def connect(settings: Settings) -> DynamoDBClient:
    """A DynamoDB client for the engine that the settings name."""
    if settings.engine == "embedded":
        from chalicelib.local import engine

        return engine.connect(settings)
    from chalicelib.clients import dynamodb_client

    return dynamodb_client(settings)


@cache
def services() -> Services:
    """The services of this process, from its environment."""
    settings = read_settings(os.environ)
    logs.configure(settings.log_level)
    return build(settings, connect(settings))
