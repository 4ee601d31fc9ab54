from __future__ import annotations

from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.objects.blob_store import BlobStore
from tests.deletion.conftest import Work, new_work
from tests.support.slow_time import SlowTime
from tests.support.world import World


@pytest.fixture(autouse=True)
def quick(time: SlowTime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits before another attempt take no time, neither those for tables nor those for files."""

    def blob_store(client: Any, bucket: str) -> BlobStore:
        return BlobStore(client, bucket, clock=time.clock, sleep=time.sleep, jitter=lambda: 1.0)

    monkeypatch.setattr(wiring, "BlobStore", blob_store)


@pytest.fixture
def work(world: World) -> Work:
    """Tasks, done by hand with the workers of the service."""
    return new_work(world)
