"""Fixtures about one table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from chalicelib.aws.dynamodb.table import Table
from tests.support.engine import Tables
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


@pytest.fixture
def faults(client: DynamoDBClient, table: Table) -> Iterator[Faults]:
    """Asked for last, so that making the tables is not among the calls."""
    planned = Faults(client)
    yield planned
    planned.remove()
