"""Fixtures for tests of one table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import pytest

from chalicelib.aws.dynamodb.table import Table
from tests.support.engine import Tables
from tests.support.fake_table import FakeTable
from tests.support.faults import Faults
from tests.support.slow_time import SlowTime

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def time() -> SlowTime:
    return SlowTime()


@pytest.fixture
def table(client: DynamoDBClient, tables: Tables, time: SlowTime) -> Table:
    return time.table(client, tables.catalog)


@pytest.fixture(params=["Table", "FakeTable"])
def either_table(request: pytest.FixtureRequest) -> Table:
    """The catalog table of the engine, and the fake of it in memory."""
    if request.param == "FakeTable":
        return cast(Table, FakeTable("pk", "sk", {"by_name": "name_key"}))
    return cast(Table, request.getfixturevalue("table"))


@pytest.fixture
def faults(client: DynamoDBClient, table: Table) -> Iterator[Faults]:
    """The faults of the calls in a test. Must be requested after `table`: calls that create tables have no faults."""
    planned = Faults(client)
    yield planned
    planned.remove()
