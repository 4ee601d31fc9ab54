"""Lists order, compare and match times by instant, whatever their notation."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.objects import create_object_bucket, created, objects

IN_ORDER = [
    "2024-06-01T00:30:00+03:00",
    "2024-06-01T00:00:00Z",
    "2024-06-01T00:00:00.000000001Z",
    "2024-06-01T00:00:00.000000002Z",
    "2024-05-31T23:00:00-05:00",
]


@pytest.fixture
def bucket(api: Api) -> str:
    schema = {"properties": {"at": {"type": "datetime"}}}
    bucket_id = create_object_bucket(api, bucket_schema=schema)
    for at in sorted(IN_ORDER):
        created(api, bucket_id, {"at": at})
    return bucket_id


def times(api: Api, bucket: str, **body: Any) -> list[str]:
    reply = api.post(f"{objects(bucket)}/list", {"sort": {"field": "at"}, **body})
    assert reply.status == 200, reply.text
    return [row["at"] for row in reply.json["results"]]


def test_times_are_sorted_by_instant(api: Api, bucket: str) -> None:
    assert times(api, bucket) == IN_ORDER
    assert times(api, bucket, sort={"field": "at", "direction": "desc"}) == IN_ORDER[::-1]


def test_paging_by_greater_than_the_last_loses_no_row(api: Api, bucket: str) -> None:
    found = times(api, bucket, limit=1)
    while page := times(api, bucket, limit=1, filters={"field": "at", "operator": "gt", "value": found[-1]}):
        found += page
    assert found == IN_ORDER


def test_a_time_equals_only_the_same_instant(api: Api, bucket: str) -> None:
    assert times(api, bucket, filters={"at": "2024-05-31T23:00:00-01:00"}) == [IN_ORDER[1]]
    for one, other in pairwise(IN_ORDER):
        assert times(api, bucket, filters={"field": "at", "operator": "in", "value": [one, other]}) == [one, other]
