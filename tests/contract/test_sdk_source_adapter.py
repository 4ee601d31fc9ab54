"""The official SDK gives a bucket a source adapter, and reads its state when webhooks have been received."""

from __future__ import annotations

from typing import Any

import pytest
from mixpeek.api.source_adapter_api import SourceAdapterApi
from mixpeek.exceptions import BadRequestException, NotFoundException
from mixpeek.models.bucket_patch_request import BucketPatchRequest
from mixpeek.models.source_adapter_config import SourceAdapterConfig

from tests.adapters.payloads import mux_asset, mux_event, mux_renditions_ready
from tests.contract.conftest import Sdk
from tests.contract.test_sdk_buckets import new_request
from tests.support.webhooks import deliver
from tests.support.world import World


@pytest.fixture
def adapters(sdk: Sdk) -> SourceAdapterApi:
    return SourceAdapterApi(sdk.buckets.api_client)


def test_the_sdk_reads_the_state_of_an_adapter(world: World, sdk: Sdk, adapters: SourceAdapterApi) -> None:
    made = sdk.buckets.create_bucket(new_request())
    before = adapters.get_adapter_status_buckets_id_source(made.bucket_id)
    assert (before["configured"], before["adapter_type"]) == (False, None)
    change = BucketPatchRequest(
        source_adapter=SourceAdapterConfig(adapter_type="mux", field_mapping={"data.id": "film_id"})
    )
    secret = sdk.buckets.patch_bucket(made.bucket_id, change).source_adapter["webhook_secret"]
    ignored = {**mux_event("video.asset.ready", mux_asset()), "id": "another-event"}
    for payload in (mux_renditions_ready(), ignored):
        accepted = deliver(world, made.bucket_id, payload, adapter_type="mux", secret=secret, header="Mux-Signature")
        assert accepted.status == 200, accepted.text
    world.pump()
    status: dict[str, Any] = adapters.get_adapter_status_buckets_id_source(made.bucket_id)
    assert (status["configured"], status["adapter_type"], status["enabled"]) == (True, "mux", True)
    assert status["webhook_url"].endswith(f"/v1/webhooks/mux/{made.bucket_id}")
    counted = [status["stats"][f"events_{outcome}"] for outcome in ("received", "accepted", "ignored")]
    assert counted == [2, 1, 1]


def test_the_sdk_starts_a_refresh(sdk: Sdk, adapters: SourceAdapterApi) -> None:
    source = sdk.buckets.create_bucket(new_request())
    config = SourceAdapterConfig(adapter_type="bucket", source_bucket_ids=[source.bucket_id])
    made = sdk.buckets.create_bucket(new_request("collected", source_adapter=config))
    started: dict[str, Any] = adapters.refresh_source_adapter_buckets(made.bucket_id)
    assert started["bucket_id"] == made.bucket_id
    assert started["task_id"].startswith("task_")


def test_the_sdk_raises_the_errors_of_adapters(sdk: Sdk, adapters: SourceAdapterApi) -> None:
    with pytest.raises(NotFoundException):
        adapters.get_adapter_status_buckets_id_source(f"bkt_{0:016}")
    made = sdk.buckets.create_bucket(new_request())
    with pytest.raises(BadRequestException):
        adapters.refresh_source_adapter_buckets(made.bucket_id)
