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


class Words(BaseModel):
    model_config = ConfigDict(extra="forbid")
    limit: int | None = Field(default=None, ge=1, le=10)
    total: bool = False
    search: str | None = None


def body(
    raw: bytes, *, media_type: str | None = "application/json", required: bool = False, most: int = 10_000
) -> Thing:
    return read_body(raw, Thing, media_type=media_type, required=required, max_bytes=most)


def problems(raw: bytes, **more: Any) -> list[Problem]:
    with pytest.raises(RequestInvalid) as refusal:
        body(raw, **more)
    return list(refusal.value.problems)


def query_problems(given_: dict[str, list[str]]) -> list[Problem]:
    with pytest.raises(RequestInvalid) as refusal:
        read_query(given_, Words)
    return list(refusal.value.problems)


@pytest.mark.parametrize("raw", [b"", b" ", b"\r\n\t "])
@pytest.mark.parametrize("media_type", [None, "application/json", "text/plain", "application/x-www-form-urlencoded"])
def test_an_empty_body_is_an_empty_object_whatever_its_type(raw: bytes, media_type: str | None) -> None:
    assert body(raw, media_type=media_type) == Thing()


@pytest.mark.parametrize("raw", [b"", b" \n"])
def test_an_empty_body_where_one_is_needed_is_missing(raw: bytes) -> None:
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
def test_json_goes_by_several_names(media_type: str | None) -> None:
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
def test_what_says_it_is_no_json_is_not_read(media_type: str) -> None:
    with pytest.raises(MediaTypeUnsupported):
        body(b'{"name": "a"}', media_type=media_type)


def test_a_body_is_bounded_to_the_byte() -> None:
    raw = b'{"name": "a"}'
    assert body(raw, most=len(raw)).name == "a"
    with pytest.raises(TooLarge) as refusal:
        body(raw, most=len(raw) - 1)
    assert refusal.value.details == {"max_bytes": len(raw) - 1}


@pytest.mark.parametrize("raw", [b"null", b"[]", b"1", b'"a"', b"true"])
def test_a_body_that_is_no_object_is_refused_as_a_whole(raw: bytes) -> None:
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
def test_a_problem_names_its_place_and_kind(raw: bytes, location: tuple[str | int, ...], type_: str) -> None:
    (found,) = problems(raw)
    assert (found.location, found.type) == (location, type_)


def test_an_undeclared_key_is_told_with_those_that_are_accepted() -> None:
    (found,) = problems(b'{"colour": 1}')
    assert "'colour'" in found.message
    assert "free, name, parts" in found.message


def test_all_problems_are_named_up_to_a_bound() -> None:
    assert len(problems(b'{"name": 1, "parts": [{}], "x": 1}')) == 3
    assert len(problems(b'{"parts": [' + b",".join([b"{}"] * 500) + b"]}")) == MAX_PROBLEMS


def test_what_was_sent_is_not_repeated_in_the_problems() -> None:
    secret = "whsec_secret"
    for raw in ('{"name": ["whsec_secret"]}', '{"parts": ["whsec_secret"]}', '{"parts": [{"size": "whsec_secret"}]}'):
        assert all(secret not in str(found) for found in problems(raw.encode()))


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.integers(-(10**37), 10**37) | st.text(st.characters(exclude_categories=["Cs"])),
    )
)
def test_free_json_arrives_as_it_was_sent(free: dict[str, Any]) -> None:
    from chalicelib.core.json_codec import to_json

    assert body(to_json({"free": free}).encode(), most=10**7).free == free


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_nothing_else(raw: bytes) -> None:
    with suppress(RequestInvalid):
        body(raw)


def test_a_query_is_read_by_the_types_of_its_model() -> None:
    assert read_query({"limit": ["3"], "total": ["true"]}, Words) == Words(limit=3, total=True)
    assert read_query({}, Words) == Words()


@pytest.mark.parametrize(
    ("given_", "location", "type_"),
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
def test_a_problem_of_the_query_names_its_place_and_kind(
    given_: dict[str, list[str]], location: tuple[str, ...], type_: str
) -> None:
    (found,) = query_problems(given_)
    assert (found.location, found.type) == (location, type_)


@given(
    st.dictionaries(
        st.sampled_from(["limit", "total", "search"]) | st.text(), st.lists(st.text(), min_size=1, max_size=2)
    )
)
def test_any_query_is_read_or_refused_and_nothing_else(given_: dict[str, list[str]]) -> None:
    with suppress(RequestInvalid):
        read_query(given_, Words)
