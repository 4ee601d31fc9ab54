"""Operations that the documentation lists as missing respond with 404 or 405."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.support.server import serving
from tests.support.world import World

# Operations of the SDK that docs/reference/compatibility.md lists as missing. The last path exists with other methods.
UNSUPPORTED_SDK_OPERATIONS = [
    ("GET", "/v1/namespaces/films/stats"),
    ("POST", "/v1/namespaces/stats/batch"),
    ("POST", "/v1/namespaces/films/ensure-indexes"),
    ("GET", "/v1/health/beat"),
    ("POST", "/v1/buckets/posters/objects/aggregate"),
    *[
        (method, f"/v1/buckets/posters/batches/btch_1/{end}")
        for method, end in (
            ("POST", "tiers/0/retry"),
            ("POST", "tiers/0/cancel"),
            ("POST", "tiers/0/heal"),
            ("POST", "tiers/0/jobs/job_1/cancel"),
            ("GET", "logs"),
            ("DELETE", "documents"),
            ("GET", "diagnose"),
            ("GET", "estimate-cost"),
        )
    ],
]


@pytest.fixture
def address(world: World) -> Iterator[str]:
    with serving(world) as address:
        yield address


def status_of(world: World, address: str, method: str, path: str) -> int:
    headers = {"Authorization": f"Bearer {world.key}", "X-Namespace": "films", "Content-Type": "application/json"}
    body = b"{}" if method == "POST" else None
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(urllib.request.Request(f"{address}{path}", body, headers, method=method), timeout=10)
    with raised.value as response:
        return response.code


def test_operations_of_the_sdk_that_do_not_exist_are_not_found_or_not_allowed(world: World, address: str) -> None:
    statuses = [status_of(world, address, *each) for each in UNSUPPORTED_SDK_OPERATIONS]
    assert statuses == [404, 404, 404, 404, 405, *[404] * (len(statuses) - 5)]
    # The path is that of an organization's batch with the id `queue`.
    assert status_of(world, address, "GET", "/v1/batches/queue") == 404
