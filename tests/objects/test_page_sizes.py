"""A page of objects is as large as a response may be, and its size is neither underestimated nor counted twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.blobs.blob import Blob
from chalicelib.core.json_codec import to_json
from chalicelib.objects.lists import LISTED_OBJECTS, only_selected
from chalicelib.objects.stored_object import StoredObject, from_item, to_item
from chalicelib.objects.views import selected, show
from tests.objects.test_large_lists import all_takes, list_objects
from tests.support.api import Api
from tests.support.objects import create_object_bucket
from tests.support.seeding import seed_objects
from tests.support.world import World

MAX_LAMBDA_RESPONSE_BYTES = 6_000_000
TEXTS = st.text(st.sampled_from('a"\\é\n☃'), max_size=300)
VALUES = st.dictionaries(st.sampled_from(["title", "take", "tags"]), st.one_of(TEXTS, st.lists(TEXTS, max_size=5)))


def response_bytes(shown: dict[str, Any]) -> int:
    """The bytes of an object in the response of the Lambda function."""
    return len(json.dumps(to_json(shown), ensure_ascii=False).encode())


def stored_object(values: dict[str, Any], blobs: int) -> StoredObject:
    blob = Blob(
        blob_id="blob_0123456789abcdef",
        property="photo",
        type="image",
        key=f"blobs/bkt_0123456789abcdef/obj_{0:026}/blob_0123456789abcdef",
        filename="photograph.png",
        size_bytes=4_000_000_000,
        mime_type="image/png",
        hash="0" * 64,
        storage_class="STANDARD",
        url="https://files.example.com/photograph.png",
    )
    made = StoredObject(
        partition="NS#int_1.ns_1",
        bucket_id="bkt_0123456789abcdef",
        object_id=f"obj_{0:026}",
        values=values,
        blobs=(blob,) * blobs,
        created_at="2026-01-01T00:00:00.000Z",
        updated_at="2026-01-01T00:00:00.000Z",
        schema_version=1,
        epoch=0,
    )
    return from_item(to_item(made))


@given(VALUES, st.integers(0, 5))
def test_the_size_of_an_object_is_slightly_overestimated(values: dict[str, Any], blobs: int) -> None:
    stored = stored_object(values, blobs)
    actual, estimated = response_bytes(show(stored)), LISTED_OBJECTS.size(stored)
    assert actual <= estimated <= actual + 700 + 600 * blobs


@given(VALUES, st.lists(st.sampled_from(["title", "take", "status", "metadata.x"]), min_size=1))
def test_the_size_of_selected_fields_is_exact_unless_the_object_is_much_larger(
    values: dict[str, Any], paths: list[str]
) -> None:
    stored = stored_object(values, 1)
    shown = selected(show(stored), paths)
    exact = response_bytes(shown) - 2  # without quotes around it
    assert exact <= only_selected(LISTED_OBJECTS, paths).size(stored) <= max(exact, stored.stored_bytes / 2)


def test_a_page_of_objects_of_10_kb_uses_most_of_a_response(world: World, api: Api) -> None:
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(1_000), lambda number: {"take": number, "essay": "x" * 10_000})

    first = list_objects(api, bucket, limit=1_000)

    size = len(json.dumps(first.text, ensure_ascii=False).encode())
    assert 0.8 * MAX_LAMBDA_RESPONSE_BYTES < size < MAX_LAMBDA_RESPONSE_BYTES
    assert all_takes(api, bucket, limit=1_000) == list(range(1_000))


@pytest.mark.parametrize("body", [{}, {"filters": {"NOT": {"take": -1}}}, {"sort": {"field": "take"}}])
def test_select_widens_a_page_to_what_is_selected(world: World, api: Api, body: dict[str, Any]) -> None:
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(1_000), lambda number: {"take": number, "essay": "x" * 10_000})

    page = list_objects(api, bucket, limit=1_000, select=["take"], **body).json

    assert [row["take"] for row in page["results"]] == list(range(1_000))


def test_select_does_not_hold_more_objects_than_fit_into_memory(world: World, api: Api) -> None:
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(100), lambda number: {"take": number, "essay": "x" * 280_000})

    first = list_objects(api, bucket, limit=1_000, select=["take"]).json

    assert 10_000_000 < 280_000 * len(first["results"]) < 13_000_000
    assert all_takes(api, bucket, limit=1_000, select=["take"]) == list(range(100))
