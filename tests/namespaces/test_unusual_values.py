"""Unusual values in requests."""

from __future__ import annotations

import pytest

from tests.support.api import Api
from tests.support.world import bucket_body


@pytest.mark.parametrize("timestamp", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_outside_the_range_of_utc_is_rejected(api: Api, timestamp: str) -> None:
    reply = api.patch("/v1/namespaces/films", {"expires_at": timestamp})
    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["body", "expires_at"])


def test_a_namespace_larger_than_a_row_is_rejected(api: Api) -> None:
    assert api.patch("/v1/namespaces/films", {"description": "x" * 450_000}).status == 422
    assert api.post("/v1/namespaces", {"namespace_name": "large", "description": "x" * 450_000}).status == 422


def test_replacing_1_by_true_is_a_change(api: Api) -> None:
    api.post("/v1/buckets", bucket_body(metadata={"a": 1, "b": 0}))
    reply = api.patch("/v1/buckets/posters", {"metadata": {"a": True, "b": False}})
    assert reply.text.count('"metadata":{"a":true,"b":false}') == 1
    assert api.get("/v1/buckets/posters").json["metadata"] == {"a": True, "b": False}
    assert reply.headers["ETag"] == f'"{reply.json["bucket_id"]}-2-0"'
