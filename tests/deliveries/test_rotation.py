"""A secret is replaced without a lost event."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api
from tests.support.webhooks import ADAPTER, SECRET, deliver, event, new_adapter_bucket
from tests.support.world import World

NEW = "the-new-secret-of-16"


@pytest.fixture
def bucket(api: Api) -> str:
    return new_adapter_bucket(api)


def rotate(api: Api, bucket: str, **body: Any) -> dict[str, Any]:
    response = api.post(f"/v1/buckets/{bucket}/source-adapter/rotate-secret", body)
    assert response.status == 200, response.text
    return dict(response.json)


def statuses(world: World, bucket: str, *secrets: str) -> list[int]:
    """The statuses of a webhook that is signed with each of these secrets."""
    return [deliver(world, bucket, event(number), secret=secret).status for number, secret in enumerate(secrets)]


def test_both_secrets_are_valid_until_the_grace_period_ends(world: World, api: Api, bucket: str) -> None:
    rotated = rotate(api, bucket, webhook_secret=NEW, grace_seconds=600)
    assert rotated["webhook_secret"] == NEW
    assert statuses(world, bucket, SECRET, NEW) == [200, 200]
    world.clock.advance(590)
    assert statuses(world, bucket, SECRET, NEW) == [200, 200]
    world.clock.advance(11)
    assert statuses(world, bucket, SECRET, NEW) == [401, 200]


def test_without_a_grace_period_the_old_secret_is_not_valid_any_longer(world: World, api: Api, bucket: str) -> None:
    generated = rotate(api, bucket, grace_seconds=0)
    assert generated["previous_secret_expires_at"] is None
    assert statuses(world, bucket, SECRET, generated["webhook_secret"]) == [401, 200]


def test_at_most_two_secrets_are_valid(world: World, api: Api, bucket: str) -> None:
    rotate(api, bucket, webhook_secret=NEW)
    third = rotate(api, bucket)["webhook_secret"]
    assert statuses(world, bucket, SECRET, NEW, third) == [401, 200, 200]


def test_no_other_response_contains_a_secret(world: World, api: Api, bucket: str) -> None:
    rotate(api, bucket, webhook_secret=NEW)
    for response in (
        api.get(f"/v1/buckets/{bucket}"),
        api.get(f"/v1/buckets/{bucket}/source-adapter/status"),
        api.post("/v1/buckets/list", {}),
        api.patch(f"/v1/buckets/{bucket}", {"description": "films"}),
    ):
        assert SECRET not in response.text
        assert NEW not in response.text
        assert 'previous_secret"' not in response.text


def test_a_change_that_keeps_the_secret_keeps_both(world: World, api: Api, bucket: str) -> None:
    rotate(api, bucket, webhook_secret=NEW)
    api.patch(f"/v1/buckets/{bucket}", {"source_adapter": {**ADAPTER, "webhook_secret": "redacted"}})
    assert statuses(world, bucket, SECRET, NEW) == [200, 200]


def test_a_change_that_sets_another_secret_ends_both(world: World, api: Api, bucket: str) -> None:
    rotate(api, bucket, webhook_secret=NEW)
    other = "a-completely-other-secret"
    api.patch(f"/v1/buckets/{bucket}", {"source_adapter": {**ADAPTER, "webhook_secret": other}})
    assert statuses(world, bucket, SECRET, NEW, other) == [401, 401, 200]


def test_a_short_secret_is_refused(api: Api, bucket: str) -> None:
    response = api.post(f"/v1/buckets/{bucket}/source-adapter/rotate-secret", {"webhook_secret": "short"})
    assert response.status == 422
    assert "webhook_secret" in response.error["message"]


def test_a_repeated_rotation_changes_nothing(world: World, api: Api, bucket: str) -> None:
    first = rotate(api, bucket, webhook_secret=NEW)
    world.clock.advance(60)
    assert rotate(api, bucket, webhook_secret=NEW) == first
    assert statuses(world, bucket, SECRET, NEW) == [200, 200]


def test_a_change_that_repeats_the_secret_keeps_both(world: World, api: Api, bucket: str) -> None:
    rotate(api, bucket, webhook_secret=NEW)
    api.patch(f"/v1/buckets/{bucket}", {"source_adapter": {**ADAPTER, "webhook_secret": NEW}})
    assert statuses(world, bucket, SECRET, NEW) == [200, 200]
