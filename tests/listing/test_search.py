from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import RequestInvalid
from chalicelib.core.text import fold
from chalicelib.listing.search import MAX_SEARCH_LENGTH, read_search, strings_in

terms = st.text("aAbB*ßsS.\\\n", min_size=1, max_size=8).filter(lambda term: term.strip() != "")
texts = st.text("aAbBßsS.\\\n*", max_size=12)


def found(term: str, *texts: str, case_sensitive: bool = False) -> bool:
    search = read_search(term, case_sensitive=case_sensitive)
    assert search is not None
    return search.matches(texts)


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("film", "My Films 2026"),
        ("FILM", "films"),
        ("f*s", "films"),
        ("*films*", "films"),
        ("my*20*6", "My Films 2026"),
        ("f**s", "films"),
        ("*", "films"),
        ("strasse", "Straße"),
        ("a.c", "xa.c"),
        ("two words", "two words here"),
    ],
)
def test_a_term_is_found_anywhere_and_a_star_matches_any_characters(term: str, text: str) -> None:
    assert found(term, "other", text)


@pytest.mark.parametrize(
    ("term", "text"), [("b*a", "ab"), ("aa*aa", "aaa"), ("a.c", "abc"), ("[a]", "a"), ("a b", "ab")]
)
def test_pieces_must_come_in_order_and_have_no_special_characters(term: str, text: str) -> None:
    assert not found(term, text)


def test_all_pieces_must_be_in_one_text() -> None:
    assert not found("a*b", "a", "b")
    assert not found("a")


def test_case_is_compared_only_on_request() -> None:
    assert found("Film", "Films", case_sensitive=True)
    assert not found("film", "Films", case_sensitive=True)


@pytest.mark.parametrize("term", [None, "", " ", "\t\n "])
def test_a_blank_term_is_no_search(term: str | None) -> None:
    assert read_search(term) is None


def test_the_length_of_a_term_is_limited() -> None:
    assert read_search("a" * MAX_SEARCH_LENGTH) is not None
    with pytest.raises(RequestInvalid) as caught:
        read_search("a" * (MAX_SEARCH_LENGTH + 1))
    problem = caught.value.problems[0]
    assert (problem.location, problem.type) == (("body", "search"), "string_too_long")


@given(terms, st.lists(texts, max_size=3), st.booleans())
def test_a_search_finds_the_same_as_a_regular_expression(term: str, over: list[str], case_sensitive: bool) -> None:
    def folded(text: str) -> str:
        return text if case_sensitive else fold(text)

    pattern = re.compile(".*".join(map(re.escape, folded(term).split("*"))), re.DOTALL)
    expected = any(pattern.search(folded(text)) for text in over)
    assert found(term, *over, case_sensitive=case_sensitive) is expected


@given(terms, st.lists(texts, min_size=1, max_size=3), st.booleans())
def test_the_folded_text_of_a_match_contains_every_needle(term: str, over: list[str], case_sensitive: bool) -> None:
    search = read_search(term, case_sensitive=case_sensitive)
    assert search is not None
    if search.matches(over):
        assert any(all(needle in fold(text) for needle in search.needles) for text in over)
    assert all(needle and needle == fold(needle) and "*" not in needle for needle in search.needles)


def test_a_term_with_many_stars_is_searched_fast() -> None:
    assert not found("a*" * 240 + "b", "a" * 1_000_000)


def test_strings_are_found_at_any_depth_except_in_keys() -> None:
    value: Any = {"key": "a", "list": ["b", 1, None, True, {"deep": ["c"]}], "none": {}}
    assert list(strings_in(value)) == ["a", "b", "c"]
    assert list(strings_in("a")) == ["a"]
    assert list(strings_in(5)) == []
