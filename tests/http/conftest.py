"""Fixtures of the tests of HTTP requests and responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.http.operations import BATCH_ID, OBJECT_ID
from tests.support.api import Api
from tests.support.batch_rows import seed_draft
from tests.support.faults import Faults
from tests.support.seeding import seed_objects
from tests.support.server import serving
from tests.support.world import World, bucket_body

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def faults(client: DynamoDBClient) -> Iterator[Faults]:
    """The faults of calls to AWS that a test plans."""
    planned = Faults(client)
    yield planned
    planned.remove()


@pytest.fixture
def served(world: World) -> Iterator[str]:
    """The base URL of a local server."""
    with serving(world) as url:
        yield url


@pytest.fixture
def posters(world: World, api: Api) -> Api:
    """A client of the API in the namespace `films`, which has the bucket `posters` with an object and a draft of it."""
    reply = api.post("/v1/buckets", bucket_body())
    assert reply.status == 200
    assert seed_objects(world, reply.json["bucket_id"], range(1)) == [OBJECT_ID]
    seed_draft(world, reply.json["bucket_id"], BATCH_ID, [OBJECT_ID])
    return api
