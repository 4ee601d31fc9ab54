"""For errors of all layers, the SDK raises its own exception and parses the response."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mixpeek._client.client import MixpeekAPIError
from mixpeek.exceptions import ApiException, ServiceException, UnprocessableEntityException
from mixpeek.models.bucket_patch_request import BucketPatchRequest
from mixpeek.models.error_response import ErrorResponse

from tests.contract.conftest import Sdk, new_sdk
from tests.support import faults
from tests.support.faults import Faults
from tests.support.slow_time import SlowTime
from tests.support.world import World, bucket_body


@pytest.fixture
def failing(time: SlowTime, world: World) -> Iterator[Faults]:
    planned = Faults(world.client)
    yield planned
    planned.remove()


@pytest.mark.parametrize(
    ("call", "status", "type_"),
    [
        (lambda client: client.collections.list(), 404, "NotFoundError"),
        (lambda client: client.buckets.delete("nothing/at/all"), 404, "NotFoundError"),
        (lambda client: client.buckets.create(name="x", bucket_schema=[]), 422, "ValidationError"),
        (lambda client: client.buckets.get("nothing"), 404, "NotFoundError"),
        (lambda client: client.namespaces.create(name="new", scope="none"), 422, "ValidationError"),
        (lambda client: client.namespaces.create(name="new", features=["faces"]), 403, "NotEnabledError"),
    ],
    ids=["unknown route", "unknown path", "wrong body", "unknown bucket", "wrong value", "not enabled"],
)
def test_the_high_level_client_finds_an_object_under_error(
    sdk: Sdk, call: Callable[[Any], Any], status: int, type_: str
) -> None:
    with pytest.raises(MixpeekAPIError) as error:
        call(sdk.client)
    assert error.value.status == status
    assert error.value.detail["error"]["type"] == type_


@pytest.mark.parametrize("key", ["sk_nobody", "not even a key", "sk_"])
def test_an_invalid_key_is_a_401(sdk: Sdk, key: str) -> None:
    with pytest.raises(MixpeekAPIError) as error:
        new_sdk(sdk.address, key, "films").client.buckets.list()
    assert error.value.status == 401
    assert error.value.detail["error"]["type"] == "UnauthorizedError"


@pytest.mark.parametrize(
    ("body", "type_"), [(b"{", "json_invalid"), (b'{"a": NaN}', None), (b"[]", None), (b"", "missing"), (b"\xff", None)]
)
def test_a_body_with_invalid_json_is_a_422_that_the_sdk_can_parse(
    sdk: Sdk, world: World, body: bytes, type_: str
) -> None:
    status, text = _posted(f"{sdk.address}/v1/buckets", body, world.key)
    assert status == 422
    read = ErrorResponse.from_json(text)
    assert read is not None
    assert read.error.type == "ValidationError"
    assert read.error.details is not None
    assert type_ in (None, read.error.details["validation_errors"][0]["type"])
    assert isinstance(json.loads(text)["detail"], list)


def test_the_generated_client_parses_the_location_of_a_422(sdk: Sdk) -> None:
    sdk.client.buckets.create(**bucket_body())
    with pytest.raises(UnprocessableEntityException) as error:
        sdk.buckets.patch_bucket("posters", BucketPatchRequest(bucket_name=""))
    problem = _envelope(error.value).details["validation_errors"][0]
    assert problem["location"] == ["body", "bucket_name"]


def test_a_throttled_table_is_a_retryable_503(failing: Faults, sdk: Sdk) -> None:
    sdk.client.buckets.create(**bucket_body())
    failing.always(faults.throttled)
    with pytest.raises(ServiceException) as error:
        sdk.buckets.patch_bucket("posters", BucketPatchRequest(description="new"))
    assert error.value.status == 503
    headers: Any = error.value.headers
    assert int(headers["Retry-After"]) > 0
    assert _envelope(error.value).details["retryable"] is True


def test_an_unexpected_error_is_a_500_without_details(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("an internal secret")

    monkeypatch.setattr("chalicelib.buckets.service.Buckets.change", broken)
    with pytest.raises(ServiceException) as error:
        sdk.buckets.patch_bucket("posters", BucketPatchRequest(description="new"))
    assert error.value.status == 500
    assert _envelope(error.value).type == "InternalServerError"
    assert "secret" not in str(error.value.body)


def test_the_generated_client_parses_health(sdk: Sdk) -> None:
    assert sdk.health.healthcheck_health()["status"] == "OK"
    assert sdk.health.liveness_health()["status"] == "ok"
    deep = sdk.health.healthcheck_deep_health(deep=True, metrics=True)
    assert (deep.status, deep.data.metadata) == ("OK", True)
    assert "milliseconds" in deep.meta
    assert "milliseconds" not in sdk.health.healthcheck_deep_health().meta


def _envelope(error: ApiException) -> Any:
    """Returns the `error` object that the generated client has parsed."""
    assert isinstance(error.data, ErrorResponse)
    return error.data.error


def _posted(url: str, body: bytes, key: str) -> tuple[int, str]:
    """Sends bytes that the SDK does not send, and returns status and body of the response."""
    headers = {"Authorization": f"Bearer {key}", "X-Namespace": "films", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
