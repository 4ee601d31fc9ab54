"""Parsing and validation of bodies and query strings."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.core.errors import MediaTypeUnsupported, Problem, RequestInvalid, TooLarge
from chalicelib.http.parsing import MAX_PROBLEMS, read_body, read_query


class Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    size: int = Field(ge=1)


class Thing(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    name: str | None = None
    parts: list[Part] = []
    free: dict[str, Any] = {}


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")
    limit: int | None = Field(default=None, ge=1, le=10)
    total: bool = False
    search: str | None = None


def body(
    raw: bytes, *, media_type: str | None = "application/json", required: bool = False, max_bytes: int = 10_000
) -> Thing:
    return read_body(raw, Thing, media_type=media_type, required=required, max_bytes=max_bytes)


def problems(raw: bytes, **more: Any) -> list[Problem]:
    with pytest.raises(RequestInvalid) as raised:
        body(raw, **more)
    return list(raised.value.problems)


def query_problems(parameters: dict[str, list[str]]) -> list[Problem]:
    with pytest.raises(RequestInvalid) as raised:
        read_query(parameters, Parameters)
    return list(raised.value.problems)


@pytest.mark.parametrize("raw", [b"", b" ", b"\r\n\t "])
@pytest.mark.parametrize("media_type", [None, "application/json", "text/plain", "application/x-www-form-urlencoded"])
def test_an_empty_body_is_an_empty_object_with_any_content_type(raw: bytes, media_type: str | None) -> None:
    assert body(raw, media_type=media_type) == Thing()


@pytest.mark.parametrize("raw", [b"", b" \n"])
def test_an_empty_body_is_missing_if_the_body_is_required(raw: bytes) -> None:
    (found,) = problems(raw, required=True)
    assert (found.location, found.type) == (("body",), "missing")


@pytest.mark.parametrize(
    "media_type",
    [
        None,
        "",
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        " application/json ;x",
        "application/merge-patch+json",
    ],
)
def test_several_media_types_are_json(media_type: str | None) -> None:
    assert body(b'{"name": "a"}', media_type=media_type).name == "a"


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "json",
        "application",
        ";",
        "image/a+json",
    ],
)
def test_other_media_types_are_rejected(media_type: str) -> None:
    with pytest.raises(MediaTypeUnsupported):
        body(b'{"name": "a"}', media_type=media_type)


def test_the_size_limit_is_exact() -> None:
    raw = b'{"name": "a"}'
    assert body(raw, max_bytes=len(raw)).name == "a"
    with pytest.raises(TooLarge) as raised:
        body(raw, max_bytes=len(raw) - 1)
    assert raised.value.details == {"max_bytes": len(raw) - 1}


@pytest.mark.parametrize("raw", [b"null", b"[]", b"1", b'"a"', b"true"])
def test_a_body_that_is_not_an_object_is_rejected(raw: bytes) -> None:
    (found,) = problems(raw)
    assert found.location == ("body",)


@pytest.mark.parametrize(
    ("raw", "location", "type_"),
    [
        (b'{"name": 1}', ("body", "name"), "string_type"),
        (b'{"parts": [{"size": 1}, {"size": 0}]}', ("body", "parts", 1, "size"), "greater_than_equal"),
        (b'{"parts": [{"size": 1.0}]}', ("body", "parts", 0, "size"), "int_type"),
        (b'{"parts": [{"size": "1"}]}', ("body", "parts", 0, "size"), "int_type"),
        (b'{"parts": [{}]}', ("body", "parts", 0, "size"), "missing"),
        (b'{"parts": [{"size": 1, "x": 1}]}', ("body", "parts", 0, "x"), "extra_forbidden"),
        (b'{"colour": 1}', ("body", "colour"), "extra_forbidden"),
        (b'{"name": "a"', ("body",), "json_invalid"),
        (b'{"free": {"a": NaN}}', ("body",), "finite_number"),
        (b'{"free": {"a": 1, "a": 2}}', ("body",), "duplicate_key"),
    ],
)
def test_a_problem_has_its_location_and_type(raw: bytes, location: tuple[str | int, ...], type_: str) -> None:
    (found,) = problems(raw)
    assert (found.location, found.type) == (location, type_)


def test_the_message_for_an_unknown_field_lists_the_known_fields() -> None:
    (found,) = problems(b'{"colour": 1}')
    assert "'colour'" in found.message
    assert "free, name, parts" in found.message


def test_all_problems_are_reported_up_to_a_limit() -> None:
    assert len(problems(b'{"name": 1, "parts": [{}], "x": 1}')) == 3
    assert len(problems(b'{"parts": [' + b",".join([b"{}"] * 500) + b"]}")) == MAX_PROBLEMS


def test_problems_do_not_repeat_the_sent_values() -> None:
    secret = "whsec_secret"
    for raw in ('{"name": ["whsec_secret"]}', '{"parts": ["whsec_secret"]}', '{"parts": [{"size": "whsec_secret"}]}'):
        assert all(secret not in str(found) for found in problems(raw.encode()))


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.integers(-(10**37), 10**37) | st.text(st.characters(exclude_categories=["Cs"])),
    )
)
def test_arbitrary_json_is_parsed_unchanged(free: dict[str, Any]) -> None:
    from chalicelib.core.json_codec import to_json

    assert body(to_json({"free": free}).encode(), max_bytes=10**7).free == free


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_parsed_or_rejected(raw: bytes) -> None:
    with suppress(RequestInvalid):
        body(raw)


def test_a_query_is_parsed_with_the_types_of_its_model() -> None:
    assert read_query({"limit": ["3"], "total": ["true"]}, Parameters) == Parameters(limit=3, total=True)
    assert read_query({}, Parameters) == Parameters()


@pytest.mark.parametrize(
    ("parameters", "location", "type_"),
    [
        ({"limit": ["0"]}, ("query", "limit"), "greater_than_equal"),
        ({"limit": ["11"]}, ("query", "limit"), "less_than_equal"),
        ({"limit": ["a"]}, ("query", "limit"), "int_parsing"),
        ({"limit": [""]}, ("query", "limit"), "int_parsing"),
        ({"limit": ["9" * 5000]}, ("query", "limit"), "int_parsing_size"),
        ({"total": ["2"]}, ("query", "total"), "bool_parsing"),
        ({"limit": ["1", "1"]}, ("query", "limit"), "repeated"),
        ({"colour": ["1"]}, ("query", "colour"), "extra_forbidden"),
        ({"": [""]}, ("query", ""), "extra_forbidden"),
    ],
)
def test_a_problem_of_the_query_has_its_location_and_type(
    parameters: dict[str, list[str]], location: tuple[str, ...], type_: str
) -> None:
    (found,) = query_problems(parameters)
    assert (found.location, found.type) == (location, type_)


@given(
    st.dictionaries(
        st.sampled_from(["limit", "total", "search"]) | st.text(), st.lists(st.text(), min_size=1, max_size=2)
    )
)
def test_arbitrary_queries_are_parsed_or_rejected(parameters: dict[str, list[str]]) -> None:
    with suppress(RequestInvalid):
        read_query(parameters, Parameters)
