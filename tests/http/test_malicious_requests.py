"""Malicious cursors, filters, headers and query strings."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from chalicelib.http.operation import Operation
from chalicelib.listing.pagination import CURSOR_PARAMETERS
from tests.http.envelopes import assert_envelope, header
from tests.http.operations import IN_NAMESPACE, JSON, KEYED, OPERATIONS, SEARCHED, assert_sane, each, path_of, send
from tests.support.api import Api, ApiResponse

CURSORS = ["", "x", "=", "A" * 9_000, "é", "W10", "bnVsbA", "WzEsIiIsW11d", "../..", "%00", "\N{SNOWMAN}", "e30", "MQ"]


@each(SEARCHED)
def test_an_invalid_cursor_is_rejected(posters: Api, operation: Operation) -> None:
    in_body, in_query = _cursors(operation.body), _cursors(operation.query)
    assert in_body or in_query
    for cursor in CURSORS:
        for name in CURSOR_PARAMETERS:
            for reply in (
                *([send(posters, operation, {name: cursor})] if name in in_body else ()),
                *([send(posters, operation, {}, query={name: cursor})] if name in in_query else ()),
                *_by_get(posters, operation, {name: cursor}),
            ):
                assert assert_envelope(reply, 400, "BadRequestError")["code"] == "cursor_invalid"


def _cursors(model: Callable[[], type[BaseModel]] | None) -> set[str]:
    """Returns the fields of a model that take a cursor."""
    return set(CURSOR_PARAMETERS) & set(model().model_fields) if model else set()


def _by_get(api: Api, operation: Operation, query: dict[str, str]) -> list[ApiResponse]:
    """Calls the same list by GET, if that operation exists."""
    path = operation.path.removesuffix("/list")
    exists = any((other.method, other.path) == ("GET", path) for other in OPERATIONS)
    return [api.get(path_of(operation).removesuffix("/list"), query=query)] if exists else []


@each(SEARCHED)
@settings(max_examples=30, derandomize=True)
@given(data=st.data())
def test_arbitrary_filters_and_sorts_cause_no_server_error(
    posters: Api, operation: Operation, data: st.DataObject
) -> None:
    fields = st.sampled_from(["bucket_id", "created_at", "metadata.a", "", ".", "a..b", "bucket_schema.properties"])
    operators = st.sampled_from(["eq", "ne", "gt", "in", "nin", "contains", "regex", "exists", "is_null", "words", "x"])
    leaf = st.fixed_dictionaries({"field": fields | JSON, "operator": operators | JSON, "value": JSON})
    tree = st.recursive(
        leaf | JSON,
        lambda inner: st.dictionaries(st.sampled_from(["AND", "OR", "NOT"]), st.lists(inner) | inner),
        max_leaves=6,
    )
    body = {
        "filters": data.draw(tree),
        "search": data.draw(st.none() | st.text()),
        "sorts": data.draw(st.none() | st.lists(st.fixed_dictionaries({"field": fields | JSON}), max_size=3) | JSON),
    }
    assert_sane(send(posters, operation, body))


@each(KEYED)
def test_a_malformed_key_is_rejected(api: Api, operation: Operation) -> None:
    for value in (
        "",
        "Bearer",
        "Bearer ",
        "Bearer \x00",
        "Bearer sk_\x00",
        "Bearer sk_é\N{SNOWMAN}",
        "Bearer sk_" + "x" * 100_000,
        f"Bearer {api.key} {api.key}",
        f"Bearer {api.key}, Bearer {api.key}",
        f"Basic {api.key}",
        str(api.key),
        f"Bearer\x00{api.key}",
        f"Bearer {str(api.key).upper()}",
        "\ud800",
    ):
        assert_envelope(send(api, operation, {}, headers={"Authorization": value}), 401, "UnauthorizedError")


@each(IN_NAMESPACE)
def test_a_malformed_namespace_is_not_found(api: Api, operation: Operation) -> None:
    for value in (
        "x" * 10_000,
        "\x00",
        "é\N{SNOWMAN}",
        "films,films",
        "../films",
        "FILMS",
        "*",
        "films\x00",
        "NSNAME#films",
    ):
        assert_envelope(send(api, operation, {}, headers={"X-Namespace": value}), 404, "NotFoundError")


@pytest.mark.parametrize("value", ["", "x", '"', "*" * 10_000, '"1-0", ' * 5_000, "\x00", "é", 'W/"', '"\ud800"'])
def test_malformed_preconditions_match_nothing(posters: Api, value: str) -> None:
    read = posters.get("/v1/buckets/posters", headers={"If-None-Match": value})
    write = posters.patch("/v1/buckets/posters", {"description": "a"}, headers={"If-Match": value})
    assert_sane(write)
    assert read.status in (200, 304)
    assert write.status == 412 or '"1-0"' in value


QUERIES = [
    "?a=1",
    "?limit=1&limit=2",
    "?limit=",
    "?limit",
    "?=1",
    "?&&",
    "?limit=1e3",
    "?limit=\N{FULLWIDTH DIGIT ONE}",
    "?limit=" + "9" * 5_000,
    "?limit=NaN",
    "?offset=-0",
    "?page=99999999999",
    "?%00=%00",
    "?%ED%A0%80=1",
    "?include_total=maybe",
    "?limit[]=1",
    "?limit=1;page=2",
    "?" + "&".join(f"a{n}=1" for n in range(2_000)),
    "?cursor=" + "x" * 50_000,
    "?search=" + "%F0%9F%98%80" * 2_000,
]


@each(OPERATIONS)
def test_an_arbitrary_query_string_causes_no_server_error(posters: Api, operation: Operation) -> None:
    # By id: after a deletion, the name does not exist.
    films = posters.get("/v1/namespaces/films").json["namespace_id"]
    for query in QUERIES:
        path = path_of(operation, namespace=films) + query
        reply = posters.call(operation.method, path, None if operation.body is None else {})
        assert_sane(reply)
        if not operation.raw and query.startswith(("?a=1", "?limit=1&limit", "?%00")):
            assert_envelope(reply, 422, "ValidationError")


def test_a_request_cannot_inject_a_response_header(api: Api) -> None:
    reply = api.get("/v1/buckets/a%0d%0aSet-Cookie:%20a=1")
    assert all("\r" not in str(value) and "\n" not in str(value) for value in reply.headers.values())
    assert header(reply, "Set-Cookie") is None
