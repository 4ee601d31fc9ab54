"""Pages of buckets: the parameters and their precedence, links and cursors, and pages that end early."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from chalicelib.listing import query as query_module
from tests.support.api import Api, ApiResponse
from tests.support.catalog import walk
from tests.support.seeding import seed_buckets, traffic
from tests.support.world import World, bucket_body

LIST = "/v1/buckets/list"
NAMES = [f"b{number:06}" for number in range(12)]
NEWEST = NAMES[::-1]


@pytest.fixture
def filled_api(world: World, api: Api) -> Api:
    """Twelve buckets, the newest with the highest number."""
    seed_buckets(world, range(12), lambda number: {"metadata": {"parity": number % 2}})
    return api


def names(reply: ApiResponse) -> list[str]:
    assert reply.status == 200, reply.text
    return [row["bucket_name"] for row in reply.json["results"]]


@pytest.mark.parametrize(
    ("query", "body", "page"),
    [
        ({}, {}, NEWEST[:10]),
        ({"limit": 3}, {}, NEWEST[:3]),
        ({"page_size": 3}, {}, NEWEST[:3]),
        ({"limit": 3, "page_size": 4}, {}, NEWEST[:3]),
        ({"limit": 3}, {"limit": 2}, NEWEST[:2]),
        ({"limit": 3}, {"page_size": 2}, NEWEST[:2]),
        ({"limit": 3, "offset": 5}, {}, NEWEST[5:8]),
        ({"limit": 3, "offset": 5}, {"offset": 6}, NEWEST[6:9]),
        ({"limit": 3, "offset": 5, "page": 2}, {}, NEWEST[5:8]),
        ({"limit": 3, "page": 2}, {}, NEWEST[3:6]),
        ({"limit": 3, "page": 2}, {"page": 3}, NEWEST[6:9]),
        ({"offset": 5}, {"limit": 3, "page": 2}, NEWEST[3:6]),
        ({}, {"offset": 11}, NEWEST[11:]),
        ({}, {"offset": 12}, []),
        ({}, {"offset": 10**12}, []),
        ({"page": 3}, {}, []),
        ({"limit": 1000}, {}, NEWEST),
    ],
)
def test_the_body_takes_precedence_over_the_query(
    filled_api: Api, query: dict[str, Any], body: dict[str, Any], page: list[str]
) -> None:
    for order in ({}, {"sort": {"field": "bucket_name", "direction": "desc"}}, {"search": "B0"}):
        reply = filled_api.post(LIST, {**order, **body}, query=query)
        assert names(reply) == page
        assert reply.json["total_count"] == 12
    if not body:
        assert names(filled_api.get("/v1/buckets", query=query)) == page


@pytest.mark.parametrize("alias", ["cursor", "next_cursor", "after"])
def test_a_cursor_takes_precedence_over_offsets_and_the_body_over_the_query(filled_api: Api, alias: str) -> None:
    third = filled_api.post(LIST, {"limit": 3}).json["pagination"]["next_cursor"]
    fifth = filled_api.post(LIST, {"limit": 5}).json["pagination"]["next_cursor"]

    assert names(filled_api.post(LIST, {"limit": 2, alias: third, "offset": 1})) == NEWEST[3:5]
    assert names(filled_api.post(LIST, {"limit": 2, alias: third}, query={"cursor": fifth, "page": 9})) == NEWEST[3:5]
    assert names(filled_api.post(LIST, {"limit": 2, "offset": 1}, query={alias: third})) == NEWEST[3:5]
    assert names(filled_api.get("/v1/buckets", query={"limit": 2, alias: third, "page": 2})) == NEWEST[3:5]


def test_totals_are_in_the_pagination_only_on_request(filled_api: Api) -> None:
    plain = filled_api.post(LIST, {"limit": 5, "offset": 5}).json["pagination"]
    assert (plain["total"], plain["total_pages"], plain["page"], plain["page_size"]) == (None, None, 2, 5)

    for reply in (
        filled_api.post(LIST, {"limit": 5, "include_total": True}),
        filled_api.post(LIST, {"limit": 5}, query={"include_total": "true"}),
        filled_api.get("/v1/buckets", query={"limit": 5, "include_total": "true"}),
    ):
        assert (reply.json["pagination"]["total"], reply.json["pagination"]["total_pages"]) == (12, 3)


@pytest.mark.parametrize("limit", [1, 3, 5, 12, 13])
def test_links_lead_through_all_pages_and_back(filled_api: Api, limit: int) -> None:
    link = f"/v1/buckets?limit={limit}&search=b0&include_total=true"
    found: list[str] = []
    back: list[str | None] = []
    while link:
        parts = urlsplit(link)
        reply = filled_api.get(parts.path, query=dict(parse_qsl(parts.query)))
        found += names(reply)
        back.append(reply.json["pagination"]["previous_page"])
        assert reply.json["pagination"]["total"] == 12
        link = reply.json["pagination"]["next_page"]

    assert found == NEWEST
    assert back[0] is None
    for number, before in enumerate(back[1:]):
        parts = urlsplit(str(before))
        assert names(filled_api.get(parts.path, query=dict(parse_qsl(parts.query)))) == NEWEST[number * limit :][:limit]


@pytest.mark.parametrize("more", [{}, {"offset": 0, "limit": 5}])
def test_links_lead_through_a_list_with_a_body(filled_api: Api, more: dict[str, Any]) -> None:
    body = {"filters": {"metadata.parity": 1}, "sort": {"field": "bucket_name"}, **more}
    link, found = f"{LIST}?limit=5", []
    while link:
        parts = urlsplit(link)
        reply = filled_api.post(parts.path, body, query=dict(parse_qsl(parts.query)))
        found += names(reply)
        link = reply.json["pagination"]["next_page"]

    assert found == NAMES[1::2]


@pytest.mark.parametrize(
    "other",
    [
        {"search": "b"},
        {"filters": {"metadata.parity": 1}},
        {"sort": {"field": "created_at"}},
        {"sort": {"field": "bucket_name"}},
        {"sorts": [{"field": "created_at", "direction": "desc"}, {"field": "bucket_name"}]},
        {"case_sensitive": True},
    ],
)
def test_a_cursor_is_valid_only_for_its_own_query(filled_api: Api, other: dict[str, Any]) -> None:
    cursor = filled_api.post(LIST, {"limit": 3}).json["pagination"]["next_cursor"]
    others = filled_api.post(LIST, {"limit": 3, **other}).json["pagination"]["next_cursor"]

    for reply in (filled_api.post(LIST, {**other, "cursor": cursor}), filled_api.post(LIST, {"cursor": others})):
        assert (reply.status, reply.error["type"], reply.error["code"]) == (400, "BadRequestError", "cursor_invalid")
    assert names(filled_api.post(LIST, {"cursor": cursor, "limit": 1})) == NEWEST[3:4], "the page size may change"


def test_a_cursor_is_valid_only_for_its_own_namespace(filled_api: Api) -> None:
    filled_api.post("/v1/namespaces", {"namespace_name": "music"})
    cursor = filled_api.post(LIST, {"limit": 3}).json["pagination"]["next_cursor"]

    assert filled_api.using(namespace="music").post(LIST, {"cursor": cursor}).status == 400


def forged(genuine: str, position: Any) -> str:
    """Returns a cursor for the query of a genuine cursor, with a chosen position."""
    parts = json.loads(base64.urlsafe_b64decode(genuine + "=="))
    return base64.urlsafe_b64encode(json.dumps([*parts[:2], position]).encode()).decode()


@pytest.mark.parametrize(
    "position", [[], [None, None], ["a"], ["a", "b", "c"], [1, "bkt_0000000000000000"], ["a", "x"], "a", {}]
)
@pytest.mark.parametrize("field", ["bucket_name", "created_at"])
def test_a_forged_cursor_is_rejected(filled_api: Api, position: Any, field: str) -> None:
    sort = {"field": field}
    genuine = filled_api.post(LIST, {"limit": 3, "sort": sort}).json["pagination"]["next_cursor"]

    assert filled_api.post(LIST, {"sort": sort, "cursor": forged(genuine, position)}).error["code"] == "cursor_invalid"


@pytest.mark.parametrize("more", [{}, {"filters": {"metadata.parity": 1}}])
@pytest.mark.parametrize("name", ["a" * 1_004, "a" * 3_000, "😀" * 251, "\ufb03" * 335])
def test_a_forged_cursor_with_a_name_longer_than_any_key_is_rejected(
    filled_api: Api, name: str, more: dict[str, Any]
) -> None:
    body = {"sort": {"field": "bucket_name"}, **more}
    genuine = filled_api.post(LIST, {"limit": 3, **body}).json["pagination"]["next_cursor"]
    for position in ([name, "bkt_0000000000000000"], ["a", "bkt_x"], [None, "bkt_0000000000000000"]):
        cursor = forged(genuine, position)
        assert filled_api.post(LIST, {**body, "cursor": cursor}).error["code"] == "cursor_invalid"
    shorter = forged(genuine, [name[:200], "bkt_0000000000000000"])
    assert filled_api.post(LIST, {**body, "cursor": shorter}).status == 200


@pytest.mark.parametrize("order", [{}, {"sort": {"field": "bucket_name"}}])
@pytest.mark.parametrize("offset", [12, 13, 10**12])
def test_a_page_beyond_the_end_reads_no_buckets(
    world: World, filled_api: Api, order: dict[str, Any], offset: int
) -> None:
    with traffic(world) as observed:
        reply = filled_api.post(LIST, {**order, "limit": 3, "offset": offset, "include_total": True})

    assert (names(reply), reply.json["total_count"], reply.json["pagination"]["next_cursor"]) == ([], 12, None)
    assert reply.json["stats"]["total_objects"] == 0
    assert observed.rows_read <= 2


@pytest.mark.parametrize("cursor", ["", "x", "%", "é", "e30", "W10", "bnVsbA", "A" * 9_000])
def test_garbage_is_rejected_as_a_cursor(filled_api: Api, cursor: str) -> None:
    assert filled_api.post(LIST, {"cursor": cursor}).error["code"] == "cursor_invalid"


@pytest.mark.parametrize(
    ("query", "body", "location"),
    [
        ({"limit": 0}, {}, ["query", "limit"]),
        ({"limit": 1001}, {}, ["query", "limit"]),
        ({"offset": 10_001}, {}, ["query", "offset"]),
        ({"page": 0}, {}, ["query", "page"]),
        ({"limit": "ten"}, {}, ["query", "limit"]),
        ({"size": 1}, {}, ["query", "size"]),
        ({}, {"limit": 0}, ["body", "limit"]),
        ({}, {"limit": 1001}, ["body", "limit"]),
        ({}, {"limit": "5"}, ["body", "limit"]),
        ({}, {"offset": -1}, ["body", "offset"]),
        ({}, {"page_size": 0}, ["body", "page_size"]),
        ({}, {"size": 1}, ["body", "size"]),
    ],
)
def test_an_invalid_parameter_is_named(
    filled_api: Api, query: dict[str, Any], body: dict[str, Any], location: list[str]
) -> None:
    reply = filled_api.post(LIST, body, query=query)

    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, location)


LARGE: list[tuple[str, dict[str, Any]]] = [
    ("x", {}),
    ('"', {}),
    ("é", {}),
    ("é", {"sort": {"field": "bucket_name"}}),
    ("é", {"sort": {"field": "storage_class"}}),
    ('"', {"search": "b0"}),
]


@pytest.mark.parametrize(("letter", "order"), LARGE)
def test_a_page_ends_before_the_response_grows_too_large(
    world: World, api: Api, letter: str, order: dict[str, Any]
) -> None:
    # JSON escapes a quote with a backslash, and the JSON of the Lambda response escapes both once more.
    text = letter * (200_000 // len(json.dumps(letter * 100, ensure_ascii=False).encode()) * 100)
    seed_buckets(world, range(40), lambda number: {"description": text})

    with traffic(world) as observed:
        first = api.post(LIST, {**order, "limit": 1000})
    pages = walk(api, {**order, "limit": 1000})

    assert len(json.dumps(first.text, ensure_ascii=False).encode()) < 6_000_000
    assert first.json["total_count"] == 40
    assert len(pages) > 1
    assert sorted(row["bucket_name"] for page in pages for row in page) == sorted(f"b{n:06}" for n in range(40))
    assert len(first.json["results"]) == len(pages[0])
    if not order:
        assert observed.rows_read <= 41 + len(pages[0]), "settings that do not fit on the page are not read"


def test_a_row_larger_than_a_page_is_a_page_of_its_own(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_module, "MAX_PAGE_BYTES", 2_000)
    for name in ("a", "large", "b"):
        description = "x" * 5_000 if name == "large" else None
        assert api.post("/v1/buckets", bucket_body(name, description=description)).status == 200

    pages = walk(api, {})

    assert [[row["bucket_name"] for row in page] for page in pages] == [["b"], ["large"], ["a"]]
