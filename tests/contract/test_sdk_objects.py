"""The official SDK creates, reads, lists, updates and deletes objects, and parses all responses."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from mixpeek._client.client import MixpeekAPIError
from mixpeek.exceptions import (
    BadRequestException,
    ConflictException,
    NotFoundException,
    UnprocessableEntityException,
)
from mixpeek.models.bulk_soft_delete_request import BulkSoftDeleteRequest
from mixpeek.models.create_object_request import CreateObjectRequest
from mixpeek.models.create_objects_batch_request import CreateObjectsBatchRequest
from mixpeek.models.create_objects_batch_response import CreateObjectsBatchResponse
from mixpeek.models.list_objects_request import ListObjectsRequest
from mixpeek.models.patch_object_request import PatchObjectRequest
from mixpeek.models.task_status_enum import TaskStatusEnum
from mixpeek.models.update_object_request import UpdateObjectRequest

from tests.contract.conftest import Sdk, new_sdk
from tests.support.api import Api
from tests.support.objects import PNG, POSTER, create_keyed_bucket, create_object_bucket, text
from tests.support.seeding import seed_objects
from tests.support.world import World

BROKEN = {"property": "poster", "type": "video", "data": "https://example.com/m.mp4"}


def new(**fields: Any) -> Any:
    """Returns the model of the SDK for a request that creates an object."""
    return CreateObjectRequest.from_dict(fields)


def batch(*rows: dict[str, Any]) -> Any:
    """Returns the model of the SDK for a bulk create request."""
    return CreateObjectsBatchRequest.from_dict({"objects": list(rows)})


def error_of(error: Any) -> Any:
    """Returns the `error` object of the response. The SDK has no model for a 409."""
    return json.loads(error.value.body)["error"]


@pytest.fixture
def reels(api: Api) -> str:
    return create_object_bucket(api)


@pytest.mark.parametrize(
    ("more", "details"),
    [
        ({"data": "A masterpiece.", "blob_property": "review"}, ("text/plain", b"A masterpiece.")),
        ({"data": {"base64": base64.b64encode(PNG).decode()}, "blob_property": "poster"}, ("image/png", PNG)),
        (
            {"data": f"data:image/png;base64,{base64.b64encode(PNG).decode()}", "blob_property": "poster"},
            ("image/png", PNG),
        ),
    ],
    ids=["text", "base64", "data URI"],
)
def test_the_high_level_client_uploads_content(
    sdk: Sdk, world: World, reels: str, more: dict[str, Any], details: tuple[str, bytes]
) -> None:
    made = sdk.client.buckets.upload(reels, **more, metadata={"lang": "de"})
    mime_type, content = details
    (blob,) = made.blobs
    assert blob.details.mime_type.partition(";")[0] == mime_type
    assert blob.details.size_bytes == len(content)
    assert blob.details.hash == "sha256:" + hashlib.sha256(content).hexdigest()
    assert made.metadata.lang == "de"
    bucket, _, key = blob.properties.url.removeprefix("s3://").partition("/")
    assert world.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == content


def test_the_high_level_client_uploads_into_the_only_blob_property(sdk: Sdk) -> None:
    schema = {"properties": {"poster": {"type": "image"}}}
    bucket = sdk.client.buckets.create(name="by-url", bucket_schema=schema).bucket_id
    made = sdk.client.buckets.upload(bucket, url="https://example.com/m.jpg")
    assert (made.blobs[0].property, made.blobs[0].properties.url) == ("poster", "https://example.com/m.jpg")
    with pytest.raises(MixpeekAPIError) as error:
        sdk.client.buckets.upload(bucket, url="https://exa mple.com/m.jpg", blob_property="poster", blob_type="image")
    assert error.value.detail["error"]["details"]["validation_errors"][0]["type"] == "url_invalid"


def pages(sdk: Sdk, bucket: str, size: int) -> Iterator[Any]:
    """Yields the pages of a list, read with the high-level client."""
    cursor = None
    while True:
        page = sdk.client.buckets.list_objects(bucket, page_size=size, cursor=cursor)
        yield page
        cursor = page.pagination.next_cursor
        if cursor is None:
            return


def test_a_list_of_2500_objects_by_100_has_each_once_and_ends_with_a_null_cursor(
    sdk: Sdk, world: World, reels: str
) -> None:
    seeded = seed_objects(world, reels, range(2500), lambda number: {"take": number})
    read = list(pages(sdk, reels, 100))
    assert [row.object_id for page in read for row in page.results] == seeded
    assert [len(page.results) for page in read] == [100] * 25
    assert [page.pagination.next_cursor is None for page in read] == [False] * 24 + [True]


def test_the_generated_client_parses_created_read_and_updated_objects(sdk: Sdk, reels: str) -> None:
    made = sdk.objects.create_object_buckets(reels, new(title="M", blobs=[POSTER], edges=[], key_prefix="lang/m"))
    assert made.additional_properties["title"] == "M"
    assert (made.status, made.document_count, made.key_prefix) == (TaskStatusEnum.PENDING, None, "lang/m")
    assert made.blobs[0].details.size_bytes == len(PNG)
    assert made.blobs[0].presigned_url is None
    got = sdk.objects.get_object_buckets(reels, made.object_id, return_presigned_urls=True)
    assert "X-Amz-Signature=" in got.blobs[0].presigned_url
    assert (got.document_count, got.created_at) == (0, made.created_at)
    put = sdk.objects.update_object_buckets(
        reels, made.object_id, UpdateObjectRequest.from_dict({"metadata": {"lang": "de"}, "blobs": [text()]})
    )
    assert put.additional_properties == {"title": "M", "lang": "de"}
    assert {blob.var_property for blob in put.blobs} == {"poster", "review"}
    patched = sdk.objects.patch_object_buckets(
        reels, made.object_id, PatchObjectRequest.from_dict({"take": 2, "lang": None})
    )
    assert patched.additional_properties == {"title": "M", "take": 2}
    assert patched.updated_at > made.updated_at
    assert sdk.objects.delete_object_buckets(reels, made.object_id) is None
    with pytest.raises(NotFoundException) as not_found:
        sdk.objects.get_object_buckets(reels, made.object_id)
    assert error_of(not_found)["details"] == {"resource": "object", "id": made.object_id}


def test_a_page_of_objects_is_parsed_with_its_statistics(sdk: Sdk, reels: str) -> None:
    for title in ("M", "Fury"):
        sdk.objects.create_object_buckets(reels, new(title=title, blobs=[POSTER]))
    by_query = sdk.objects.list_objects_get_buckets(reels, limit=1)
    assert (by_query.stats.total_objects, by_query.stats.avg_blobs_per_object) == (1, 1.0)
    rest = sdk.objects.list_objects_buckets(reels, cursor=by_query.pagination.next_cursor)
    assert [row.additional_properties["title"] for row in rest.results] == ["Fury"]
    assert rest.pagination.next_cursor is None
    selected = sdk.objects.list_objects_buckets(
        reels, list_objects_request=ListObjectsRequest.from_dict({"select": ["title"], "sort": {"field": "title"}})
    )
    assert [row.additional_properties for row in selected.results] == [{"title": "Fury"}, {"title": "M"}]


def test_filters_work_with_the_additional_fields_of_the_client(sdk: Sdk, reels: str, api: Api) -> None:
    for title in ("Fury", "fury", "M"):
        sdk.objects.create_object_buckets(reels, new(title=title, metadata={"lang": "EN"}))
    leaf = {"field": "title", "operator": "eq", "value": "fury"}
    trees: list[dict[str, Any]] = [
        {"AND": [leaf]},
        {"OR": [leaf, {"NOT": [{"field": "title", "operator": "ne", "value": "M"}]}]},
        {"AND": [{"OR": [leaf]}, {"field": "metadata.lang", "operator": "in", "value": ["en"]}]},
    ]
    for tree in trees:
        request: Any = ListObjectsRequest.from_dict({"filters": tree})
        assert "'case_sensitive': False" in str(request.to_dict())
        by_sdk = sdk.objects.list_objects_buckets(reels, list_objects_request=request)
        by_hand = api.post(f"/v1/buckets/{reels}/objects/list", {"filters": tree}).json["results"]
        assert [row.object_id for row in by_sdk.results] == [row["object_id"] for row in by_hand]
        assert by_hand


def test_the_policy_applies_to_the_unique_key(sdk: Sdk, api: Api) -> None:
    bucket = create_keyed_bucket(api, "film_id")
    metropolis = new(film_id="tt0017136")
    with pytest.raises(BadRequestException):
        sdk.objects.create_object_buckets(bucket, metropolis)
    with pytest.raises(NotFoundException):
        sdk.objects.create_object_buckets(bucket, metropolis, policy="update")
    made = sdk.objects.create_object_buckets(bucket, metropolis, policy="insert")
    with pytest.raises(ConflictException) as taken:
        sdk.objects.create_object_buckets(bucket, metropolis, policy="insert")
    assert error_of(taken)["details"]["object_id"] == made.object_id
    for policy in ("update", "upsert"):
        changed = sdk.objects.create_object_buckets(bucket, new(film_id="tt0017136", take=2), policy=policy)
        assert (changed.object_id, changed.created_at) == (made.object_id, made.created_at)


def test_ten_concurrent_inserts_create_one_object(sdk: Sdk, api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")

    def insert(number: int) -> str:
        client = new_sdk(sdk.address, world.key, "films")
        try:
            return str(client.objects.create_object_buckets(bucket, new(film_id="tt1", take=number)).object_id)
        except ConflictException:
            return ""

    with ThreadPoolExecutor(10) as pool:
        made = [object_id for object_id in pool.map(insert, range(10)) if object_id]
    assert len(made) == 1
    assert [row.object_id for row in sdk.objects.list_objects_get_buckets(bucket).results] == made


def test_a_bulk_create_reports_each_row(sdk: Sdk, reels: str) -> None:
    done = sdk.objects.create_objects_batch_buckets(reels, batch({"title": "M"}, {"blobs": [BROKEN]}, {"title": "N"}))
    assert (done.total_requested, done.succeeded_count, done.failed_count) == (3, 2, 1)
    assert [(row.object_index, row.replayed) for row in done.succeeded] == [(0, False), (2, False)]
    (failed,) = done.failed
    assert (failed.object_index, failed.error_type) == (1, "ValidationError")
    assert "blobs.0.type" in failed.error


def test_a_bulk_create_whose_rows_all_fail_is_a_422_with_the_same_body(sdk: Sdk, reels: str) -> None:
    rows: list[dict[str, Any]] = [
        {"blobs": [BROKEN]},
        {"blobs": [{**POSTER, "data": "ftp://example.com/m"}]},
        {"title": 5},
    ]
    with pytest.raises(UnprocessableEntityException) as error:
        sdk.objects.create_objects_batch_buckets(reels, batch(*rows))
    read: Any = CreateObjectsBatchResponse.from_json(str(error.value.body))
    assert (read.succeeded, read.failed_count, read.total_requested) == ([], 3, 3)
    assert [row.object_index for row in read.failed] == [0, 1, 2]


def test_a_repeated_idempotency_key_returns_the_same_object(sdk: Sdk, reels: str) -> None:
    first = sdk.objects.create_object_buckets(reels, new(title="M", idempotency_key="row-1"))
    again = sdk.objects.create_object_buckets(reels, new(title="another", idempotency_key="row-1"))
    assert again == first
    done = sdk.objects.create_objects_batch_buckets(
        reels, batch({"idempotency_key": "row-2", "title": "a"}, {"idempotency_key": "row-2", "title": "b"})
    )
    made, replayed = done.succeeded
    assert (made.replayed, made.replayed_by) == (False, None)
    assert (replayed.replayed, replayed.replayed_by, replayed.object_id) == (True, "idempotency_key", made.object_id)
    assert replayed.additional_properties == {"title": "a"}


@pytest.mark.parametrize(
    ("checksum", "hash_"),
    [
        (hashlib.sha256(PNG).hexdigest(), "sha256:" + hashlib.sha256(PNG).hexdigest()),
        ("sha256:" + hashlib.sha256(PNG).hexdigest(), "sha256:" + hashlib.sha256(PNG).hexdigest()),
        ("md5:0cc175b9c0f1b6a831c399e269772661", "md5:0cc175b9c0f1b6a831c399e269772661"),
        (None, "sha256:" + hashlib.sha256(PNG).hexdigest()),
    ],
)
def test_a_checksum_is_shown_as_the_hash(sdk: Sdk, reels: str, checksum: str | None, hash_: str) -> None:
    made = sdk.objects.create_object_buckets(reels, new(blobs=[{**POSTER, "checksum": checksum}]))
    assert made.blobs[0].details.hash == hash_


@pytest.mark.parametrize("checksum", ["abc", "a" * 63, "sha256:abc", "", ":", "md5:", "0" * 64])
def test_an_invalid_or_wrong_checksum_is_a_422(sdk: Sdk, reels: str, checksum: str) -> None:
    with pytest.raises(UnprocessableEntityException) as error:
        sdk.objects.create_object_buckets(reels, new(blobs=[{**POSTER, "checksum": checksum}]))
    problem = error_of(error)["details"]["validation_errors"][0]
    assert problem["location"] == ["body", "blobs", 0, "checksum"]


def test_soft_deleted_objects_are_invisible(sdk: Sdk, reels: str) -> None:
    made = [sdk.objects.create_object_buckets(reels, new(take=take)).object_id for take in range(3)]
    request = BulkSoftDeleteRequest(object_ids=[*made[:2], "obj_never_there"], reason="licence ended")
    done = sdk.objects.bulk_soft_delete_objects_buckets(reels, request)
    assert (done.soft_deleted, done.requested, done.collections) == (2, 3, 0)
    assert [row.object_id for row in sdk.objects.list_objects_get_buckets(reels).results] == made[2:]
    with pytest.raises(NotFoundException):
        sdk.objects.get_object_buckets(reels, made[0])


def test_an_unknown_upload_is_not_found(sdk: Sdk, reels: str) -> None:
    upload = {"property": "poster", "type": "image", "upload_id": "upl_1"}
    with pytest.raises(NotFoundException) as uploaded:
        sdk.objects.create_object_buckets(reels, new(blobs=[upload]))
    assert (error_of(uploaded)["type"], error_of(uploaded)["details"]["field"]) == (
        "NotFoundError",
        "body.blobs.0.upload_id",
    )
