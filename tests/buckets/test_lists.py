"""Lists of buckets: search, filters, sorts, totals and sums."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.listing import query
from tests.support.api import Api, ApiResponse
from tests.support.catalog import put_namespace_tally, put_tally
from tests.support.world import World, bucket_body

LIST = "/v1/buckets/list"


def add(api: Api, name: str, **more: Any) -> str:
    reply = api.post("/v1/buckets", bucket_body(name, **more))
    assert reply.status == 200, reply.text
    return str(reply.json["bucket_id"])


def listed(api: Api, **body: Any) -> Any:
    reply = api.post(LIST, body)
    assert reply.status == 200, reply.text
    return reply.json


def names(api: Api, **body: Any) -> list[str]:
    """Returns the names in a list, in order, and checks the count."""
    response = listed(api, **body)
    found = [row["bucket_name"] for row in response["results"]]
    assert response["total_count"] == len(found), "every test here fits on a page"
    return found


def status_and_location(reply: ApiResponse) -> tuple[int, list[Any]]:
    return reply.status, reply.json["detail"][0]["loc"]


def test_an_empty_namespace_lists_nothing(api: Api) -> None:
    for reply in (api.post(LIST), api.post(LIST, {}), api.get("/v1/buckets")):
        assert (reply.status, reply.json["results"], reply.json["total_count"]) == (200, [], 0)
        assert reply.json["pagination"]["next_cursor"] is None
        assert reply.json["warnings"] is None


def test_the_newest_buckets_come_first(api: Api) -> None:
    for name in ("b", "c", "a"):
        add(api, name)

    assert names(api) == ["a", "c", "b"]
    assert [row["bucket_name"] for row in api.get("/v1/buckets").json["results"]] == ["a", "c", "b"]


def test_a_row_of_a_list_is_the_response_of_get(world: World, api: Api) -> None:
    adapter = {"adapter_type": "mux"}
    bucket_id = add(api, "posters", description="Old", metadata={"a": [1]}, source_adapter=adapter)
    put_tally(world, bucket_id, object_count=2, total_size_bytes=10, revision=1)
    alone = api.get(f"/v1/buckets/{bucket_id}").json

    bodies: list[dict[str, Any]] = [{}, {"search": "OST"}, {"filters": {"bucket_id": bucket_id}}]
    bodies += [{"sort": {"field": field}} for field in ("created_at", "bucket_name", "status")]
    for body in bodies:
        assert listed(api, **body)["results"] == [alone]


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("POST", ["posters"]),
        ("blue", ["stills"]),
        ("drama", ["posters"]),
        ("deep down", ["stills"]),
        ("p*rs", ["posters"]),
        ("*oster*", ["posters"]),
        ("rs*p", []),
        ("kind", []),
        ("1999", []),
        ("bkt_", ["stills", "posters"]),
        ("", ["stills", "posters"]),
        ("  ", ["stills", "posters"]),
        ("*", ["stills", "posters"]),
        ("%", []),
    ],
)
def test_a_search_reads_id_name_description_and_texts_of_metadata(api: Api, term: str, found: list[str]) -> None:
    add(api, "posters", metadata={"kind": "Drama", "year": 1999})
    add(api, "stills", description="The BLUE ones", metadata={"a": {"b": ["Deep Down"]}})

    assert names(api, search=term) == found
    by_query = api.get("/v1/buckets", query={"search": term}).json
    assert [row["bucket_name"] for row in by_query["results"]] == found


def test_a_search_finds_an_id_and_is_case_sensitive_on_request(api: Api) -> None:
    bucket_id = add(api, "Posters", description="Old")

    assert names(api, search=bucket_id[4:].upper()) == ["Posters"]
    assert names(api, search="poster") == names(api, search="Poster", case_sensitive=True) == ["Posters"]
    assert names(api, search="poster", case_sensitive=True) == []


@pytest.mark.parametrize("sort", [None, {"field": "bucket_name"}, {"field": "description"}])
def test_a_search_reads_texts_longer_than_the_index_keeps(api: Api, sort: dict[str, Any] | None) -> None:
    add(api, "short", description="needle")
    add(api, "far", description="x" * 5_000 + " needle")
    add(api, "wide", description="é" * 3_000, metadata={"note": "Needle"})
    add(api, "other", description="y" * 5_000)

    assert sorted(names(api, search="NEEDLE", sort=sort)) == ["far", "short", "wide"]
    assert names(api, search="x*needle", sort=sort) == ["far"]


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("Straße", "STRASSE"),
        ("STRASSE", "straße"),
        ("İzmir", "i̇zmir"),
        ("ΟΔΟΣ", "οδος"),
        ("οδος", "ΟΔΟΣ"),
        ("ﬁn", "FIN"),
    ],
)
def test_a_search_folds_the_case_of_every_script(api: Api, text: str, term: str) -> None:
    add(api, text)
    add(api, "second", description=f"in {text} here")
    add(api, "third", metadata={"long": ["z" * 3_000, text]})

    assert names(api, search=term) == ["third", "second", text]
    assert names(api, filters={"bucket_name": term}) == [text]
    prefix = {"field": "bucket_name", "operator": "starts_with", "value": term[:4]}
    assert names(api, filters=prefix) == [text]


def test_a_search_of_many_pieces_stays_within_the_limits_of_the_database(world: World, api: Api) -> None:
    add(api, "posters", description="ab" * 250)
    requests: list[dict[str, Any]] = []
    events: Any = world.client.meta.events

    def record(params: dict[str, Any], **_: Any) -> None:
        requests.append(params)

    events.register("provide-client-params.dynamodb.Query", record)
    assert names(api, search="a*b*" * 125) == ["posters"]
    assert names(api, search="*".join(f"{n}" for n in range(150))) == []
    long_prefix = {"field": "bucket_name", "operator": "starts_with", "value": "p" * 3_000}
    assert names(api, filters=long_prefix) == []
    events.unregister("provide-client-params.dynamodb.Query", record)

    assert all(len(params.get("FilterExpression", "")) < 4_096 for params in requests)
    values = [value for params in requests for value in params["ExpressionAttributeValues"].values()]
    assert all(len(value["S"].encode()) < 1_024 for value in values)


def test_a_search_term_that_is_too_long_is_rejected(api: Api) -> None:
    assert status_and_location(api.post(LIST, {"search": "x" * 501})) == (422, ["body", "search"])
    assert status_and_location(api.get("/v1/buckets", query={"search": "x" * 501})) == (422, ["query", "search"])
    assert api.get("/v1/buckets", query={"search": "x" * 500}).status == 200


FILTERS: list[tuple[Any, list[str]]] = [
    ({"metadata.kind": "still"}, ["b", "a"]),
    ({"metadata.kind": "STILL", "metadata.rank": 2}, ["b"]),
    ({"case_sensitive": True, "metadata.kind": "STILL"}, []),
    ({"bucket_name": "B"}, ["b"]),
    ({"field": "metadata.rank", "value": 2.0}, ["b"]),
    ({"field": "metadata.rank", "operator": "gte", "value": 2}, ["c", "b"]),
    ({"field": "metadata.rank", "operator": "exists", "value": False}, ["d"]),
    ({"field": "description", "operator": "is_null", "value": True}, ["c", "b", "a"]),
    ({"field": "metadata.kind", "operator": "ne", "value": "still"}, ["d", "c"]),
    ({"field": "metadata.tags", "operator": "contains", "value": "RED"}, ["a"]),
    ({"field": "bucket_name", "operator": "in", "value": ["A", "d", "x"]}, ["d", "a"]),
    ({"field": "created_at", "operator": "gt", "value": "2020-01-01T00:00:00+02:00"}, ["d", "c", "b", "a"]),
    ({"field": "bucket_schema.properties.title.type", "value": "string"}, ["d", "c", "b", "a"]),
    ({"OR": [{"metadata.rank": 1}, {"field": "bucket_name", "operator": "regex", "value": "^[d]$"}]}, ["d", "a"]),
    ({"NOT": [{"metadata.rank": 1}, {"metadata.rank": 2}]}, ["d", "c"]),
    ({"NOT": {"metadata.kind": "still"}}, ["d", "c"]),
    ({"AND": [{"metadata.kind": "still"}], "NOT": [{"bucket_name": "a"}]}, ["b"]),
    ({"OR": [{"AND": [{"metadata.rank": 1}, {"metadata.kind": "x"}]}, {"metadata.rank": 3}]}, ["c"]),
    ({"AND": []}, ["d", "c", "b", "a"]),
    ({"OR": []}, []),
    ({}, ["d", "c", "b", "a"]),
    ({"bucket_id": "bkt_0000000000000000"}, []),
    ({"bucket_id": 5}, []),
    (
        {
            "AND": [{"case_sensitive": False, "field": "metadata.kind", "operator": "eq", "value": "Still"}],
            "case_sensitive": False,
        },
        ["b", "a"],
    ),
]


@pytest.mark.parametrize(("filters", "found"), FILTERS)
def test_a_filter_reads_any_field_as_tree_or_shorthand(api: Api, filters: Any, found: list[str]) -> None:
    add(api, "a", metadata={"kind": "still", "rank": 1, "tags": ["red", "blue"]})
    add(api, "b", metadata={"kind": "Still", "rank": 2})
    add(api, "c", metadata={"kind": "moving", "rank": 3})
    add(api, "d", description="Last")

    assert names(api, filters=filters) == found
    for field in ("bucket_name", "created_at", "metadata.rank", "description"):
        assert sorted(names(api, filters=filters, sort={"field": field})) == sorted(found)


def test_a_filter_by_id_ignores_case_unless_it_is_case_sensitive(api: Api) -> None:
    bucket_id = add(api, "a")
    add(api, "b")

    assert names(api, filters={"bucket_id": bucket_id}) == names(api, filters={"bucket_id": bucket_id.upper()}) == ["a"]
    assert names(api, filters={"bucket_id": bucket_id.upper()}, case_sensitive=True) == []
    assert names(api, filters={"bucket_id": bucket_id, "bucket_name": "b"}) == []


@pytest.mark.parametrize(
    ("filters", "location"),
    [
        ({"field": "a", "operator": "near", "value": 1}, ["body", "filters", "operator"]),
        ({"field": "a"}, ["body", "filters", "value"]),
        (
            {"AND": [{"metadata.a": 1}, {"field": "b", "operator": "in", "value": 1}]},
            ["body", "filters", "AND", 1, "value"],
        ),
        ({"OR": {"a": 1}}, ["body", "filters", "OR"]),
        ({"a": {"type": "dynamic", "field": "inputs.x"}}, ["body", "filters", "a"]),
    ],
)
def test_an_invalid_filter_is_rejected_with_its_location(api: Api, filters: Any, location: list[Any]) -> None:
    assert status_and_location(api.post(LIST, {"filters": filters})) == (422, location)


@pytest.mark.parametrize(
    ("body", "order"),
    [
        ({"sort": {"field": "bucket_name"}}, "Abcd"),
        ({"sort": {"field": "bucket_name", "direction": "DESC"}}, "dcbA"),
        ({"sort": {"field": "bucket_name"}, "case_sensitive": True}, "Abcd"),
        ({"sort": {"field": "created_at", "direction": "asc"}}, "cAdb"),
        ({"sort": {"field": "bucket_id", "direction": "desc"}}, "bdAc"),
        ({"sort": {"field": "metadata.rank"}}, "cdbA"),
        ({"sort": {"field": "metadata.rank", "direction": "desc"}}, "Abdc"),
        ({"sort": {"field": "metadata.nothing"}}, "cAdb"),
        ({"sorts": [{"field": "metadata.kind"}, {"field": "bucket_name", "direction": "desc"}]}, "dcbA"),
        ({"sorts": [{"field": "metadata.rank"}], "sort": {"field": "bucket_name"}}, "cdbA"),
        ({"sorts": [], "sort": {}}, "bdAc"),
    ],
)
def test_sorts_order_by_any_field_and_equal_rows_by_id(api: Api, body: dict[str, Any], order: str) -> None:
    for name, rank in (("c", 1), ("A", None), ("d", 1), ("b", 2)):
        add(api, name, metadata={"rank": rank, "kind": "x"})

    assert "".join(names(api, **body)) == order
    assert "".join(names(api, **body, filters={"metadata.kind": "x"})) == order


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({"sort": {"direction": "asc"}}, ["body", "sort", "field"]),
        ({"sort": {"field": "a", "direction": "up"}}, ["body", "sort", "direction"]),
        ({"sort": {"field": "a", "by": 1}}, ["body", "sort", "by"]),
        ({"sorts": [{"field": "metadata.a"}, {}]}, ["body", "sorts", 1, "field"]),
    ],
)
def test_an_invalid_sort_is_rejected_with_its_location(api: Api, body: dict[str, Any], location: list[Any]) -> None:
    assert status_and_location(api.post(LIST, body)) == (422, location)


def test_too_many_rows_to_sort_are_rejected(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "MAX_SORTED_ROWS", 3)
    for name in "abcd":
        add(api, name)

    reply = api.post(LIST, {"sort": {"field": "description"}})

    assert (reply.status, reply.error["type"], reply.error["code"]) == (400, "BadRequestError", "sort_too_large")
    fewer = {"field": "bucket_name", "operator": "ne", "value": "a"}
    assert names(api, sort={"field": "description"}, filters=fewer) == ["b", "c", "d"]
    assert names(api, sort={"field": "bucket_name"}) == ["a", "b", "c", "d"]


def test_sums_cover_all_matching_rows_and_not_only_the_page(world: World, api: Api) -> None:
    for name, objects in (("a", 1), ("b", 2), ("c", 6)):
        put_tally(world, add(api, name), object_count=objects, total_size_bytes=10 * objects)
    put_namespace_tally(world, object_count=9, total_size_bytes=90)
    expected = {
        "total_objects": 9,
        "total_size_bytes": 90,
        "avg_objects_per_bucket": 3,
        "avg_size_per_bucket": 30,
    }

    for body in ({}, {"sort": {"field": "bucket_name"}}, {"sort": {"field": "status"}}, {"search": "bkt"}):
        assert listed(api, **body, limit=1)["stats"] == expected
    some = listed(api, filters={"field": "bucket_name", "operator": "in", "value": ["a", "b"]}, limit=1)
    assert (some["total_count"], some["stats"]["total_objects"], some["stats"]["avg_objects_per_bucket"]) == (2, 3, 1.5)
    none = listed(api, search="nowhere")
    assert (none["total_count"], set(none["stats"].values())) == (0, {0})


LISTS = ["/v1/buckets/list", "/v1/namespaces/list", "/v1/tasks/list"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({"filters": {"bucket_nam": "a"}}, ["body", "filters", "bucket_nam"]),
        ({"filters": {"NOT": {"field": "bucket_nam.x", "value": "a"}}}, ["body", "filters", "NOT", "field"]),
        ({"sort": {"field": "bucket_nam"}}, ["body", "sort", "field"]),
    ],
)
def test_a_field_that_no_row_has_is_rejected_with_the_fields(
    api: Api, path: str, body: dict[str, Any], location: list[Any]
) -> None:
    response = api.post(path, body)
    (problem,) = response.json["error"]["details"]["validation_errors"]
    assert (response.status, problem["location"], problem["type"]) == (422, location, "unknown_field")
    assert all(name in problem["message"] for name in ("'bucket_nam'", "status" if "tasks" in path else "created_at"))
    assert problem["message"] in response.json["error"]["message"]


@pytest.mark.parametrize("path", LISTS)
def test_every_field_of_a_row_can_be_filtered_and_sorted_by(api: Api, path: str) -> None:
    add(api, "a")
    assert api.call("DELETE", "/v1/buckets/a").status == 200
    add(api, "b")
    (row, *_) = api.post(path, {}).json["results"]
    for name in row:
        body = {"filters": {"field": name, "operator": "exists", "value": True}, "sort": {"field": name}}
        assert api.post(path, body).json["results"], name


@pytest.mark.parametrize("sort", ["-bucket_name", {"bucket_name": "desc"}])
@pytest.mark.parametrize("path", LISTS)
def test_a_short_sort_is_rejected_with_the_long_form(api: Api, path: str, sort: Any) -> None:
    response = api.post(path, {"sort": sort})
    assert response.status == 422
    assert '{"field": "bucket_name", "direction": "desc"}' in response.json["error"]["message"]


def test_a_filter_on_the_fields_of_objects_is_open(api: Api) -> None:
    add(api, "a")
    response = api.post("/v1/buckets/a/objects/list", {"filters": {"anything": 1}, "sort": {"field": "anything"}})
    assert response.status == 200
    assert api.post("/v1/buckets/a/objects/list", {"filters": {"and": [{"a": 1}]}}).status == 422
    assert api.post("/v1/buckets/a/objects/list", {"sort": "-a"}).status == 422
