"""The official SDK creates, reads, lists and updates buckets, and parses all errors."""

from __future__ import annotations

from typing import Any

import pytest
from mixpeek._client.client import MixpeekAPIError
from mixpeek.exceptions import (
    BadRequestException,
    ConflictException,
    ForbiddenException,
    NotFoundException,
    UnauthorizedException,
    UnprocessableEntityException,
)
from mixpeek.models.bucket_create_request import BucketCreateRequest
from mixpeek.models.bucket_patch_request import BucketPatchRequest
from mixpeek.models.bucket_response import BucketResponse
from mixpeek.models.bucket_schema_field_input import BucketSchemaFieldInput
from mixpeek.models.bucket_schema_field_type import BucketSchemaFieldType
from mixpeek.models.bucket_schema_input import BucketSchemaInput
from mixpeek.models.bucket_update_request import BucketUpdateRequest
from mixpeek.models.list_buckets_request import ListBucketsRequest
from mixpeek.models.source_adapter_config import SourceAdapterConfig
from mixpeek.models.storage_class import StorageClass
from mixpeek.models.task_status_enum import TaskStatusEnum
from mixpeek.models.unique_key_config import UniqueKeyConfig

from tests.contract.conftest import Sdk, new_sdk
from tests.support.world import World

FIELDS = {
    "film_id": BucketSchemaFieldInput(type=BucketSchemaFieldType.STRING, required=True),
    "tags": BucketSchemaFieldInput(
        type=BucketSchemaFieldType.ARRAY, items=BucketSchemaFieldInput(type=BucketSchemaFieldType.STRING)
    ),
    "poster": BucketSchemaFieldInput(type=BucketSchemaFieldType.IMAGE),
}


def error_of(error: Any) -> Any:
    """Returns the error of the response, as the client parsed it."""
    return error.value.data


def new_request(name: str = "posters", **more: Any) -> BucketCreateRequest:
    return BucketCreateRequest(bucket_name=name, bucket_schema=BucketSchemaInput(properties=FIELDS), **more)


def test_the_high_level_client_creates_gets_and_lists(sdk: Sdk) -> None:
    made = sdk.client.buckets.create(name="posters", bucket_schema={"properties": {"a": {"type": "string"}}})
    assert sdk.client.buckets.get(made.bucket_id) == made
    listed = sdk.client.buckets.list()
    assert (listed.total_count, listed.results[0].bucket_id) == (1, made.bucket_id)
    assert BucketResponse.from_dict(dict(made)) is not None
    counts = (made.object_count, made.total_size_bytes, made.failed_object_count)
    assert counts == (0, 0, 0)
    assert all(type(count) is int for count in counts)


def test_the_generated_client_parses_a_created_bucket(sdk: Sdk) -> None:
    made = sdk.buckets.create_bucket(
        new_request(
            unique_key=UniqueKeyConfig(fields=["film_id"], default_policy="upsert"),
            storage_class=StorageClass.COLDLINE,
            metadata={"team": "archive"},
        )
    )
    got = sdk.buckets.get_bucket(made.bucket_id)
    assert got == made
    assert got.status == TaskStatusEnum.ACTIVE
    assert got.storage_class == StorageClass.COLDLINE
    assert got.unique_key.fields == ["film_id"]
    assert got.bucket_schema.properties["tags"].items.type == BucketSchemaFieldType.STRING
    assert got.storage_stats.max_size_bytes == got.batch_stats.total == 0


def test_a_patch_with_an_adapter_shows_its_secret_once(sdk: Sdk) -> None:
    made = sdk.buckets.create_bucket(new_request())
    patched = sdk.buckets.patch_bucket(
        made.bucket_id, BucketPatchRequest(source_adapter=SourceAdapterConfig(adapter_type="mux"))
    )
    assert patched.source_adapter["webhook_secret"].startswith("whsec_")
    assert patched.source_adapter["webhook_url"].endswith(f"/v1/webhooks/mux/{made.bucket_id}")
    assert sdk.buckets.get_bucket(made.bucket_id).source_adapter["webhook_secret"] == "redacted"


def test_put_and_patch_change_the_given_fields(sdk: Sdk) -> None:
    made = sdk.buckets.create_bucket(new_request(description="old", metadata={"a": 1}))
    put = sdk.buckets.update_bucket(
        made.bucket_id, BucketUpdateRequest(bucket_name="art", storage_class=StorageClass.NEARLINE)
    )
    assert (put.bucket_name, put.storage_class, put.description) == ("art", StorageClass.NEARLINE, "old")
    patched = sdk.buckets.patch_bucket("art", BucketPatchRequest(metadata={"b": 2}))
    assert (patched.metadata, patched.description) == ({"b": 2}, "old")
    assert patched.updated_at > made.updated_at


def test_a_list_without_a_body_is_a_page_of_ten(sdk: Sdk) -> None:
    for number in range(12):
        sdk.buckets.create_bucket(new_request(f"bucket {number:02}"))
    page = sdk.buckets.list_buckets()
    assert (len(page.results), page.total_count) == (10, 12)
    rest = sdk.buckets.list_buckets_get(cursor=page.pagination.next_cursor)
    assert [row.bucket_name for row in rest.results] == ["bucket 01", "bucket 00"]
    assert rest.pagination.next_cursor is None


def test_filters_work_with_the_additional_fields_of_the_client(sdk: Sdk) -> None:
    for team in ("archive", "Archive", "press"):
        sdk.buckets.create_bucket(new_request(f"of {team}", metadata={"team": team}))
    tree = {"AND": [{"field": "metadata.team", "operator": "eq", "value": "archive"}]}
    by_hand = sdk.client.buckets.list()
    generated = sdk.buckets.list_buckets(list_buckets_request=ListBucketsRequest(filters=tree))
    added = {"AND": [{**tree["AND"][0], "case_sensitive": False}], "case_sensitive": False}
    injected = sdk.buckets.list_buckets(list_buckets_request=ListBucketsRequest(filters=added))
    assert by_hand.total_count == 3
    assert {row.bucket_name for row in generated.results} == {"of archive", "of Archive"}
    assert generated.results == injected.results


def test_errors_raise_the_exceptions_of_the_client(sdk: Sdk, world: World) -> None:
    made = sdk.buckets.create_bucket(new_request())
    with pytest.raises(ConflictException):
        sdk.buckets.create_bucket(new_request())
    with pytest.raises(NotFoundException) as absent:
        sdk.buckets.get_bucket("bkt_0000000000000000")
    assert error_of(absent).error.details == {"resource": "bucket", "id": "bkt_0000000000000000"}
    with pytest.raises(UnprocessableEntityException) as unfit:
        sdk.buckets.patch_bucket(made.bucket_id, BucketPatchRequest(bucket_name="x" * 101))
    assert error_of(unfit).error.details["validation_errors"][0]["location"] == ["body", "bucket_name"]
    with pytest.raises(BadRequestException):
        sdk.buckets.list_buckets(cursor="garbage")
    with pytest.raises(UnauthorizedException):
        new_sdk(sdk.address, "sk_nobody", "films").buckets.get_bucket("posters")
    reader = new_sdk(sdk.address, world.key_for(world.organization_id, "read"), "films")
    with pytest.raises(ForbiddenException) as weak:
        reader.buckets.create_bucket(new_request("other"))
    assert error_of(weak).error.type == "ForbiddenError"


@pytest.mark.parametrize(("identifier", "status"), [("nothing", 404), ("a%2Fb", 404)])
def test_the_high_level_client_raises_its_own_error(sdk: Sdk, identifier: str, status: int) -> None:
    with pytest.raises(MixpeekAPIError) as error:
        sdk.client.buckets.get(identifier)
    assert error.value.status == status
    with pytest.raises(MixpeekAPIError) as taken:
        sdk.client.buckets.create(name="posters", bucket_schema={"properties": {"a": {"type": "keyword"}}})
    assert taken.value.status == 422


def test_the_error_for_an_unknown_namespace_is_the_published_example(sdk: Sdk, world: World) -> None:
    lost = new_sdk(sdk.address, world.key, "ns_123")
    with pytest.raises(NotFoundException) as error:
        lost.buckets.list_buckets()
    assert error_of(error).to_dict() == {
        "success": False,
        "status": 404,
        "error": {
            "message": "Namespace not found",
            "type": "NotFoundError",
            "details": {"resource": "namespace", "id": "ns_123"},
        },
    }
