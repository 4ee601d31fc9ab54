"""Sorts by a text of any length, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.listing import cursors
from tests.support.api import Api
from tests.support.objects import create_object_bucket, created, objects
from tests.support.world import bucket_body

START = "é" * 5_000
TITLES = [START + end for end in ("d", "a", "c", "b", "b")]
Show = Callable[[dict[str, Any]], str]


def pages(api: Api, path: str, sort: dict[str, str], show: Show, limit: int = 1) -> Iterator[list[str]]:
    cursor = None
    for _ in range(50):
        reply = api.post(path, {"sort": sort, "limit": limit, "cursor": cursor})
        assert reply.status == 200, reply.text
        yield [show(row) for row in reply.json["results"]]
        cursor = reply.json["pagination"]["next_cursor"]
        if cursor is None:
            return
    raise AssertionError("the walk does not end")


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_objects_are_sorted_by_all_characters(api: Api, direction: str) -> None:
    bucket = create_object_bucket(api)
    for title in TITLES:
        created(api, bucket, {"title": title})
    sort = {"field": "title", "direction": direction}
    found = [title for page in pages(api, f"{objects(bucket)}/list", sort, lambda row: row["title"]) for title in page]
    assert found == sorted(TITLES, reverse=direction == "desc")


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("change", ["DELETE", "PATCH"])
def test_no_object_is_lost_if_those_of_a_page_change(api: Api, direction: str, change: str) -> None:
    bucket = create_object_bucket(api)
    for title in TITLES:
        created(api, bucket, {"title": title})
    ids: list[str] = []
    sort = {"field": "title", "direction": direction}
    for page in pages(api, f"{objects(bucket)}/list", sort, lambda row: row["object_id"]):
        ids += page
        for object_id in page:
            body = {"title": "0" if direction == "asc" else "\uffff"} if change == "PATCH" else None
            assert api.call(change, objects(bucket, object_id), body).status in (200, 204)
    assert len(ids) == len(set(ids)) == len(TITLES)


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_buckets_are_sorted_by_all_characters(api: Api, direction: str) -> None:
    for number, title in enumerate(TITLES):
        assert api.post("/v1/buckets", bucket_body(f"b{number}", metadata={"title": title})).status == 200
    sort = {"field": "metadata.title", "direction": direction}
    found = [
        title for page in pages(api, "/v1/buckets/list", sort, lambda row: row["metadata"]["title"]) for title in page
    ]
    assert found == sorted(TITLES, reverse=direction == "desc")


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_namespaces_are_sorted_by_all_characters(api: Api, direction: str) -> None:
    for number, title in enumerate(TITLES):
        body = {"namespace_name": f"films{number}", "description": title}
        assert api.post("/v1/namespaces", body).status == 200
    sort = {"field": "description", "direction": direction}
    shown = [text for page in pages(api, "/v1/namespaces/list", sort, lambda row: row["description"]) for text in page]
    found = [text for text in shown if text is not None]
    assert found == sorted(TITLES, reverse=direction == "desc")


@pytest.mark.parametrize("last_id", ["", "x" * 1_100, "bkt_", "a\x00b", "#", 1, None, [], {}])
@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("objects", "metadata.title"),
        ("/v1/buckets/list", "metadata.title"),
        ("/v1/namespaces/list", "description"),
        ("/v1/tasks/list", "error_message"),
    ],
)
def test_a_forged_cursor_with_the_start_of_a_text_is_an_ordinary_position(
    api: Api, monkeypatch: pytest.MonkeyPatch, path: str, field: str, last_id: Any
) -> None:
    if path == "objects":
        path = f"{objects(create_object_bucket(api))}/list"
    forged = [{"start": "a", "hash": "0"}, last_id]
    monkeypatch.setattr(cursors, "decode", lambda text, *, query: forged)
    reply = api.post(path, {"sort": {"field": field}, "cursor": "forged"})
    assert reply.status == 200, reply.text
