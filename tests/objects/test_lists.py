from __future__ import annotations

import time
from typing import Any

import pytest

from chalicelib.objects import lists, read_cost
from tests.support.api import Api
from tests.support.objects import POSTER, create_object_bucket, created, listed, objects, text
from tests.support.world import World


@pytest.fixture
def bucket(api: Api) -> str:
    return create_object_bucket(api)


@pytest.fixture
def films(api: Api, bucket: str) -> list[dict[str, Any]]:
    """Seven objects. Some have the same take, and some titles differ only in case."""
    titles = ["Metropolis", "M", "metro", "Fury", "Spione", "fury", "Mabuse"]
    return [
        created(api, bucket, {"title": title, "take": index % 3, "metadata": {"tags": ["lang", f"t-{index}"]}})
        for index, title in enumerate(titles)
    ]


def titles(rows: list[dict[str, Any]]) -> list[str]:
    return [row["title"] for row in rows]


def post(api: Api, bucket: str, **body: Any) -> Any:
    reply = api.post(f"{objects(bucket)}/list", body)
    assert reply.status == 200, reply.text
    return reply.json


def test_a_list_has_ten_objects_per_page_oldest_first_and_ends_with_a_null_cursor(api: Api, bucket: str) -> None:
    made = [created(api, bucket, {"take": take})["object_id"] for take in range(12)]
    for reply in (api.get(objects(bucket)), api.post(f"{objects(bucket)}/list")):
        assert [row["object_id"] for row in reply.json["results"]] == made[:10]
        assert reply.json["pagination"]["page_size"] == 10
        rest = api.get(objects(bucket), query={"cursor": reply.json["pagination"]["next_cursor"]}).json
        assert [row["object_id"] for row in rest["results"]] == made[10:]
        assert rest["pagination"]["next_cursor"] is None


def test_texts_that_look_like_markup_are_returned_exactly(api: Api, bucket: str) -> None:
    given = ["<RequestId>one</RequestId>", "<RequestId>two</RequestId>", "</a><b>&amp;"]
    for title in given:
        created(api, bucket, {"title": title})
    assert titles(api.get(objects(bucket)).json["results"]) == given


def test_a_link_leads_to_the_next_page(api: Api, bucket: str, films: list[Any]) -> None:
    first = api.get(objects(bucket), query={"limit": 4}).json
    second = api.get(first["pagination"]["next_page"]).json
    assert titles(first["results"] + second["results"]) == titles(films)
    assert second["pagination"]["next_page"] is None


def test_links_of_a_filtered_list_lead_to_all_its_pages(
    api: Api, bucket: str, films: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MAX_FILTERED_ROWS", 2)
    monkeypatch.setattr(lists, "MAX_SCANNED_ROWS", 3)
    body = {"filters": {"NOT": {"title": "Spione"}}}
    reply = api.post(f"{objects(bucket)}/list", body)
    rows = list(reply.json["results"])
    while link := reply.json["pagination"]["next_page"]:
        reply = api.post(link, body)
        assert reply.status == 200, reply.text
        rows += reply.json["results"]
    assert titles(rows) == [title for title in titles(films) if title != "Spione"]


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("field", ["created_at", "take", "title", "metadata.tags.1", "nowhere"])
def test_every_sort_returns_every_row_once_across_pages(
    api: Api, bucket: str, films: list[Any], field: str, direction: str
) -> None:
    sort = {"field": field, "direction": direction}
    all_rows = post(api, bucket, sort=sort, limit=100)["results"]
    by_pages = listed(api, bucket, {"sort": sort, "limit": 2})
    assert by_pages == all_rows
    assert sorted(titles(all_rows)) == sorted(titles(films))
    if field == "take":
        takes = [row["take"] for row in all_rows]
        assert takes == sorted(takes, reverse=direction == "desc")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"take": 1}, ["M", "Spione"]),
        (
            {"AND": [{"field": "title", "operator": "starts_with", "value": "m"}]},
            ["Metropolis", "M", "metro", "Mabuse"],
        ),
        ({"NOT": [{"field": "title", "operator": "contains", "value": "m"}]}, ["Fury", "Spione", "fury"]),
        ({"metadata.tags": {"x": 1}}, []),
        ({"field": "metadata.tags", "operator": "contains", "value": "t-3"}, ["Fury"]),
        ({"status": "PENDING", "title": "fury"}, ["Fury", "fury"]),
    ],
)
def test_filters_select_rows_page_by_page(
    api: Api, bucket: str, films: list[Any], filters: dict[str, Any], expected: list[str]
) -> None:
    assert titles(listed(api, bucket, {"filters": filters, "limit": 2})) == expected
    assert titles(post(api, bucket, filters=filters)["results"]) == expected


@pytest.mark.parametrize(
    ("large", "operator", "value"),
    [
        ("ab " * 90_000, "phrase", "b"),
        ("ab " * 90_000, "words", "b"),
        (["ab"] * 50_000, "eq", ["b"]),
        (["ab"] * 50_000, "contains", "b"),
    ],
)
def test_a_filter_of_many_parts_reads_a_large_value_once(
    api: Api, bucket: str, large: Any, operator: str, value: Any
) -> None:
    created(api, bucket, {"large": large})

    def seconds(parts: int) -> float:
        leaves = [{"field": "large", "operator": operator, "value": value}] * parts
        started = time.process_time()
        assert post(api, bucket, filters={"OR": leaves})["results"] == []
        return time.process_time() - started

    assert seconds(190) < 10 * seconds(1)


def test_a_search_matches_ids_prefixes_and_texts(api: Api, bucket: str, films: list[Any]) -> None:
    made = created(api, bucket, {"title": "X", "key_prefix": "reels/7"})
    assert titles(listed(api, bucket, {"search": "METRO"})) == ["Metropolis", "metro"]
    assert titles(listed(api, bucket, {"search": "t-5"})) == ["fury"]
    assert titles(listed(api, bucket, {"search": "reels*7"})) == ["X"]
    assert titles(listed(api, bucket, {"search": made["object_id"]})) == ["X"]


def test_totals_are_counted_on_request(api: Api, bucket: str, films: list[Any], world: World) -> None:
    world.pump()
    assert post(api, bucket)["pagination"]["total"] is None
    all_rows = post(api, bucket, include_total=True, limit=3)["pagination"]
    assert (all_rows["total"], all_rows["total_pages"], all_rows["page"]) == (7, 3, 1)
    some = post(api, bucket, include_total=True, limit=1, filters={"take": 0})
    assert some["pagination"]["total"] == 3
    after = post(api, bucket, include_total=True, filters={"take": 0}, cursor=some["pagination"]["next_cursor"])
    assert (after["pagination"]["total"], len(after["results"])) == (3, 2)
    sorted_ = post(api, bucket, include_total=True, limit=1, sort={"field": "title"})
    assert sorted_["pagination"]["total"] == 7


def test_offsets_and_pages_skip_rows(api: Api, bucket: str, films: list[Any]) -> None:
    assert titles(post(api, bucket, offset=5)["results"]) == titles(films)[5:]
    assert titles(post(api, bucket, page=2, limit=3)["results"]) == titles(films)[3:6]
    assert titles(post(api, bucket, offset=1, filters={"take": 0})["results"]) == ["Fury", "Mabuse"]
    assert post(api, bucket, offset=100)["results"] == []


def test_statistics_are_those_of_the_page(api: Api, bucket: str) -> None:
    created(api, bucket, {"blobs": [POSTER, text()]})
    created(api, bucket)
    created(api, bucket)
    assert post(api, bucket, limit=2)["stats"] == {
        "total_objects": 2,
        "total_blobs": 2,
        "avg_blobs_per_object": 1.0,
        "objects_by_status": {"PENDING": 2},
    }
    assert post(api, bucket, search="nothing like it")["stats"]["avg_blobs_per_object"] == 0


def test_select_returns_the_requested_paths_and_the_ids(api: Api, bucket: str) -> None:
    made = created(api, bucket, {"title": "M", "take": 1, "metadata": {"reel": 1, "cut": 2}, "blobs": [text()]})
    ids = {"object_id": made["object_id"], "bucket_id": bucket}
    selected = post(api, bucket, select=["metadata.reel", "title", "nowhere", "status"])["results"]
    assert selected == [{**ids, "title": "M", "metadata": {"reel": 1}, "status": "PENDING"}]
    assert post(api, bucket, select=["blobs.0.property"])["results"] == [{**ids, "blobs": made["blobs"]}]
    all_rows = post(api, bucket, select=["metadata", "metadata.cut"])["results"]
    assert all_rows == [{**ids, "metadata": {"reel": 1, "cut": 2}}]
    assert post(api, bucket, select=[])["results"] == [made]


def test_select_finds_keys_that_contain_dots_like_filters(api: Api, bucket: str) -> None:
    fields = {
        "a.b": 1,
        "a": {"b": 2, "c.d": {"e.f": 3, "g": 4}, "c": {"x": 5}},
        "list": {"x.y": [{"z": 6}]},
        "x": {"": {"": 7}},
    }
    ids = {"object_id": created(api, bucket, fields)["object_id"], "bucket_id": bucket}

    def selected(*paths: str) -> dict[str, Any]:
        (row,) = post(api, bucket, select=list(paths))["results"]
        assert row.items() >= ids.items()
        return {name: value for name, value in row.items() if name not in ids}

    assert selected("a.b") == {"a.b": 1}
    assert selected("a.c.d.e.f") == {"a": {"c.d": {"e.f": 3}}}
    assert selected("a.c.d.g", "a.c.x") == {"a": {"c.d": {"g": 4}, "c": {"x": 5}}}
    assert selected("list.x.y.0.z") == {"list": {"x.y": [{"z": 6}]}}
    assert selected("x..") == {"x": {"": {"": 7}}}
    assert selected("a.c.d.e", "list.x.y.1", "list.x") == {}
    for path, value in {"a.b": 1, "a.c.d.e.f": 3, "list.x.y.0.z": 6}.items():
        assert len(post(api, bucket, filters={path: value})["results"]) == 1


def test_a_rare_match_ends_pages_early_with_a_cursor(
    api: Api, bucket: str, films: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MAX_FILTERED_ROWS", 3)
    monkeypatch.setattr(lists, "PROBED_ROWS", 2)
    monkeypatch.setattr(read_cost, "UNIT_BYTES", 1)  # so that reading by key costs no more than a query
    first = post(api, bucket, filters={"title": "Mabuse"})
    assert (first["results"], first["pagination"]["next_cursor"] is not None) == ([], True)
    assert titles(listed(api, bucket, {"filters": {"title": "Mabuse"}})) == ["Mabuse"]
    assert titles(listed(api, bucket, {"filters": {"take": 0}, "limit": 1})) == ["Metropolis", "Fury", "Mabuse"]


def test_a_page_of_large_rows_ends_early_with_a_cursor(api: Api, bucket: str) -> None:
    made = [created(api, bucket, {"essay": "x" * 290_000, "take": take}) for take in range(20)]
    first = post(api, bucket, limit=100)
    assert 1 <= len(first["results"]) < 20
    assert [row["take"] for row in listed(api, bucket, {"limit": 100})] == [row["take"] for row in made]


def test_lists_that_would_read_too_much_are_rejected(
    api: Api, bucket: str, films: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MAX_SCANNED_ROWS", 5)
    path = f"{objects(bucket)}/list"
    counted = api.post(path, {"filters": {"take": 0}, "include_total": True})
    assert (counted.status, counted.error["code"]) == (400, "walk_too_long")
    sorted_ = api.post(path, {"sort": {"field": "title"}})
    assert (sorted_.status, sorted_.error["code"]) == (400, "sort_too_large")


@pytest.mark.parametrize(
    "body",
    [
        {"cursor": "garbage"},
        {"cursor": "WzEsICJ4IiwgW11d"},
        {"cursor": "OTHER QUERY"},
    ],
)
def test_cursors_of_another_query_are_rejected(api: Api, bucket: str, films: list[Any], body: dict[str, str]) -> None:
    if body["cursor"] == "OTHER QUERY":
        other = post(api, bucket, limit=2, sort={"field": "created_at", "direction": "desc"})
        body = {"cursor": other["pagination"]["next_cursor"]}
    reply = api.post(f"{objects(bucket)}/list", body)
    assert (reply.status, reply.error["code"]) == (400, "cursor_invalid")


def test_a_cursor_is_valid_for_its_own_bucket_only(api: Api, bucket: str, films: list[Any]) -> None:
    other = create_object_bucket(api, "other")
    cursor = post(api, bucket, limit=2)["pagination"]["next_cursor"]
    assert api.post(f"{objects(other)}/list", {"cursor": cursor}).status == 400


@pytest.mark.parametrize(
    ("body", "name"),
    [({"sorts": []}, "sorts"), ({"limit": 0}, "limit"), ({"select": "title"}, "select"), ({"x": 1}, "x")],
)
def test_an_invalid_parameter_of_a_list_is_rejected_with_its_location(
    api: Api, bucket: str, body: dict[str, Any], name: str
) -> None:
    reply = api.post(f"{objects(bucket)}/list", body)
    assert reply.status == 422
    assert reply.error["details"]["validation_errors"][0]["location"] == ["body", name]


def test_listing_an_unknown_bucket_is_not_found(api: Api) -> None:
    assert api.get(objects("nowhere")).status == 404
    assert api.post(objects("bkt_0000000000000000") + "/list").status == 404


def test_words_of_a_text_are_found_with_their_marks(api: Api) -> None:
    bucket = create_object_bucket(api)
    created(api, bucket, {"title": "हिन्दी भाषा"})
    for word, count in (("न", 0), ("हिन्दी", 1), ("भाषा", 1)):
        filters = {"field": "title", "operator": "words", "value": word}
        reply = api.post(f"{objects(bucket)}/list", {"filters": filters})
        assert len(reply.json["results"]) == count
