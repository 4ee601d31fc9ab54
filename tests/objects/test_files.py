"""Files that are sent in the wrong place or in the wrong field."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.objects import create, create_object_bucket, created, objects, text

FILES: list[Any] = ["https://example.com/x.png", {"base64": "aGVsbG8="}, {"url": "https://example.com/x.png"}, 5, []]


@pytest.fixture
def bucket(api: Api) -> str:
    return create_object_bucket(api)


def only_problem(reply: Any) -> tuple[list[Any], str, str]:
    """Returns location, message and type of the only problem of a 422."""
    assert reply.status == 422
    (problem,) = reply.json["error"]["details"]["validation_errors"]
    return problem["location"], problem["message"], problem["type"]


@pytest.mark.parametrize("name", ["poster", "review"])
@pytest.mark.parametrize("value", FILES)
def test_a_file_at_the_root_of_a_new_object_belongs_in_blobs(api: Api, bucket: str, name: str, value: Any) -> None:
    location, message, type_ = only_problem(create(api, bucket, {"title": "M", name: value}))
    assert (location, type_) == (["body", name], "file_field")
    assert f'blobs, as {{"property": "{name}"' in message
    assert api.get(objects(bucket)).json["results"] == []


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_file_at_the_root_of_a_change_belongs_in_blobs(api: Api, bucket: str, method: str) -> None:
    made = created(api, bucket, {"title": "M", "blobs": [text()]})
    reply = api.call(method, objects(bucket, made["object_id"]), {"poster": "https://example.com/x.png"})
    assert only_problem(reply)[::2] == (["body", "poster"], "file_field")
    assert api.call(method, objects(bucket, made["object_id"]), {"poster": None}).json == made


def test_a_file_in_the_metadata_of_a_put_belongs_in_blobs(api: Api, bucket: str) -> None:
    made = created(api, bucket, {"title": "M"})
    reply = api.call("PUT", objects(bucket, made["object_id"]), {"metadata": {"poster": "https://example.com/x.png"}})
    assert only_problem(reply)[::2] == (["body", "poster"], "file_field")


def test_a_row_with_a_file_at_its_root_fails_alone(api: Api, bucket: str) -> None:
    rows = [{"title": "M"}, {"title": "N", "poster": "https://example.com/x.png"}]
    reply = api.post(f"{objects(bucket)}/batch", {"objects": rows})
    assert (reply.status, reply.json["succeeded_count"], reply.json["failed_count"]) == (200, 1, 1)


def test_a_text_in_an_image_field_is_rejected(api: Api, bucket: str) -> None:
    page = base64.b64encode(b"<!doctype html><title>Not found</title>").decode()
    blob = {"property": "poster", "type": "image", "data": {"base64": page, "filename": "poster.png"}}
    location, message, type_ = only_problem(create(api, bucket, {"title": "M", "blobs": [blob]}))
    assert (location, type_) == (["body", "blobs", 0, "data"], "content_type_mismatch")
    assert "a text" in message
