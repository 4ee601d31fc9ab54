"""The access service with an empty table and a clock that only tests advance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from chalicelib.access.models import Organization
from chalicelib.access.service import Access
from chalicelib.access.store import AccessStore
from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.cache import Cache
from chalicelib.core.ids import Ids
from tests.support.engine import Tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NewProcess = Callable[[], Access]


@dataclass
class StillClock:
    """A clock that advances only when a test calls `advance`."""

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def new_process(client: DynamoDBClient, tables: Tables, clock: StillClock) -> NewProcess:
    """Creates another service with an empty cache, as another process has."""

    def make() -> Access:
        store = AccessStore(Table(client, tables.catalog))
        return Access(store, Ids(clock), clock, Cache(clock.seconds, seconds=60))

    return make


@pytest.fixture
def access(new_process: NewProcess) -> Access:
    return new_process()


@pytest.fixture
def studio(access: Access) -> Organization:
    return access.create_organization("Studio")
