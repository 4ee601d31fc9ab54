from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from mypy_boto3_s3 import S3Client

from chalicelib.local.moto.backends import Backends
from tests.deploy.scenario import Scenario, play
from tests.support.engine import connected_client, drop_blob_bucket, drop_tables, new_blob_bucket, new_tables
from tests.support.stage_log import new_stage_log
from tests.support.template import packaged_template
from tests.support.world import new_world


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The packaged template, generated once."""
    return packaged_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="module")
def scenario(backends: Backends | None, s3: S3Client) -> Iterator[Scenario]:
    """The logs of a stage in which everything has happened that its queries and its dashboard show."""
    with connected_client(backends) as client:
        tables, bucket = new_tables(client), new_blob_bucket(s3)
        world = new_world(client, tables, s3, bucket)  # the first world of the process sends a request
        with new_stage_log() as stage:
            played = play(stage, world)
        yield played
        drop_tables(client, tables)
    drop_blob_bucket(s3, bucket)
