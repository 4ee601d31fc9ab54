"""The operators of filters, one by one."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import RequestInvalid
from chalicelib.listing.filters.operators import MAX_VALUES, OPERATORS
from chalicelib.listing.filters.patterns import MAX_PATTERN_LENGTH
from chalicelib.listing.filters.subjects import words_of
from chalicelib.listing.filters.tree import read_filter

ABSENT = object()
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 0.5]) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)
times = st.datetimes(
    datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))])
)


def holds(operator: str, value: Any, operand: Any, *, case_sensitive: bool = False) -> bool:
    row = {} if value is ABSENT else {"a": value}
    leaf = {"field": "a", "operator": operator, "value": operand}
    return read_filter(leaf, case_sensitive=case_sensitive).matches(row)


@pytest.mark.parametrize(
    ("operator", "operand", "yes", "no"),
    [
        ("eq", "Films", ["films", "FILMS"], ["film", None, ABSENT, ["films"]]),
        ("eq", "straße", ["STRASSE"], ["strase"]),
        ("eq", 1, [1, 1.0], [True, "1", 2, None, ABSENT]),
        ("eq", True, [True], [1, "true", False, ABSENT]),
        ("eq", 0, [0, 0.0], [False, "", None, ABSENT]),
        ("eq", None, [None], [ABSENT, 0, "", False]),
        ("eq", ["a", {"b": "C"}], [["A", {"b": "c"}]], [["a"], ["a", {"B": "C"}], [{"b": "C"}, "a"], ABSENT]),
        ("eq", {}, [{}], [[], None, ABSENT]),
        ("ne", "films", ["film", None, ABSENT, 1], ["FILMS"]),
        ("ne", 1, [True, "1", ABSENT], [1.0]),
        ("gt", 1, [2, 1.5], [1, True, "2", None, ABSENT, [2]]),
        ("gte", 1, [1, 1.0, 2], [0, True, "1", ABSENT]),
        ("lt", 1.5, [1, -5], [1.5, 2, False, "1", ABSENT]),
        ("lte", 1, [1, 1.0], [2, False, None, ABSENT]),
        ("gt", "b", ["c", "C", "ba"], ["B", "a", 5, None, ABSENT, ["c"]]),
        ("lt", "b", ["A", "a"], ["B", "c", 1, True]),
        ("in", ["a", 1, None], ["A", 1.0, None], [True, "b", ABSENT, ["a"]]),
        ("in", [["X"]], [["x"]], ["x", [["x"]]]),
        ("in", [], [], ["a", ABSENT]),
        ("nin", ["a", 1], ["b", True, ABSENT, None], ["A", 1.0]),
        ("contains", "LM", ["films"], ["fims", 5, None, ABSENT, {"lm": 1}, ["films"]]),
        ("contains", "red", [["RED", 1], "bored"], [["reddish"], []]),
        ("contains", 1, [[1.0], [2, 1]], [[True], ["1"], "1", 1]),
        ("contains", {"b": "C"}, [[{"b": "c"}]], [{"b": "c"}]),
        ("starts_with", "FI", ["films"], ["a fi", 5, ["films"], ABSENT]),
        ("ends_with", "MS", ["films"], ["films ", None, ABSENT]),
        ("text", "LM", ["films"], ["fims", ["lm"], ABSENT]),
        ("phrase", "Red car", ["a red, CAR!", "Red-car"], ["red cars", "car red", "a redcar", "scared car"]),
        ("phrase", "red", ["red"], ["redder", ABSENT, 1]),
        ("phrase", "a a b", ["a a a b"], ["a b a a"]),
        ("words", "car red", ["red fast CAR", "car,red"], ["red", "cars red", ABSENT]),
        ("words", "été", ["l'ÉTÉ"], ["ete"]),
        ("words", "हिन्दी", ["हिन्दी भाषा", "(हिन्दी)"], ["हिन", "हिन्दीभाषा"]),
        ("words", "न", ["न"], ["हिन्दी भाषा"]),
        ("words", "भाषा हिन्दी", ["हिन्दी भाषा"], ["हिन्दी"]),
        ("words", "e\u0301te\u0301", ["l'E\u0301TE\u0301!"], ["ete", "e\u0301 te\u0301"]),
        ("words", "\u0645\u06cc\u200c\u062e", ["\u0645\u06cc\u062e"], ["\u0645\u06cc \u062e"]),
        ("words", "coop", ["a co\u00adop\u200f"], ["co\u200bop"]),
        ("words", "\u0301", ["any"], [1]),
        ("phrase", "न् दी", ["न् दी है"], ["हिन्दी", "न्दी"]),
        ("phrase", "ไทย", ["(ไทย)"], ["ไทยๆ", "ไท ย", "ภาษาไทย"]),
        ("regex", "^f.l", ["films", "FELL"], ["a film", 5, ["film"], None, ABSENT]),
        ("regex", "l(m|n)$|x", ["film", "X", "axa"], ["films"]),
        ("exists", True, [1, None, "", []], [ABSENT]),
        ("exists", False, [ABSENT], [1, None]),
        ("is_null", True, [None], [ABSENT, 0, "", False, []]),
        ("is_null", False, [0, "", ABSENT], [None]),
    ],
)  # fmt: skip
def test_an_operator_holds_for_some_values_and_not_for_others(
    operator: str, operand: Any, yes: list[Any], no: list[Any]
) -> None:
    assert [value for value in yes if not holds(operator, value, operand)] == []
    assert [value for value in no if holds(operator, value, operand)] == []


@pytest.mark.parametrize(
    ("operator", "operand", "other"),
    [
        ("eq", "Aa", "aA"),
        ("eq", [{"k": "Aa"}], [{"k": "aA"}]),
        ("in", ["Aa"], "aA"),
        ("contains", "Aa", "aA"),
        ("contains", "Aa", ["aA"]),
        ("starts_with", "Aa", "aA"),
        ("ends_with", "Aa", "aA"),
        ("phrase", "Aa", "aA"),
        ("words", "Aa", "aA"),
        ("regex", "^Aa$", "aA"),
        ("gte", "a", "A"),
    ],
)
def test_case_is_compared_only_on_request(operator: str, operand: Any, other: Any) -> None:
    assert holds(operator, other, operand)
    assert not holds(operator, other, operand, case_sensitive=True)


@given(st.text(st.sampled_from("aBß1_ -.\u00a0\u0301\u0941\u093f\u200b\u200d\u20e3न漢é")))
def test_words_are_maximal_and_have_no_boundary_before_a_mark(text: str) -> None:
    words = words_of(text)
    assert "".join(words) == "".join(c for word in words for c in word if is_in_words(c))
    assert all(word[0].isalnum() or word[0] == "_" for word in words)
    assert words_of(" ".join(words)) == words
    # A mark always stays with the letter, digit or underscore before it.
    bases = [(one, other) for one, other in pairwise(text) if is_in_words(one) and one.isalnum() and is_mark(other)]
    assert all(any(one + other in word for word in words) for one, other in bases)
    assert sum(c.isalnum() or c == "_" for c in text) == sum(c.isalnum() or c == "_" for word in words for c in word)


def is_mark(char: str) -> bool:
    return unicodedata.category(char).startswith("M")


def is_in_words(char: str) -> bool:
    return char.isalnum() or char == "_" or is_mark(char)


def test_words_of_a_long_text_of_marks_are_found_in_linear_time() -> None:
    assert holds("words", "a " + "न्दी " * 30_000, "न्दी a")


def test_text_always_ignores_case() -> None:
    assert holds("text", "FILMS", "films", case_sensitive=True)


@given(json_values)
def test_every_value_equals_itself_and_its_json(value: Any) -> None:
    for case_sensitive in (False, True):
        assert holds("eq", json.loads(json.dumps(value)), value, case_sensitive=case_sensitive)
        assert holds("in", value, [value], case_sensitive=case_sensitive)


@given(json_values, json_values)
def test_equality_is_that_of_json_text_except_for_the_form_of_numbers(one: Any, other: Any) -> None:
    def written(value: Any) -> str:
        if isinstance(value, dict):
            return (
                "{" + ",".join(sorted(f"{json.dumps(name)}:{written(member)}" for name, member in value.items())) + "}"
            )
        if isinstance(value, list):
            return "[" + ",".join(map(written, value)) + "]"
        return json.dumps(float(value) + 0.0 if type(value) in (int, float) else value)

    assert holds("eq", one, other, case_sensitive=True) is (written(one) == written(other))


@given(times, times)
def test_dates_and_times_compare_by_time_in_any_notation(one: datetime, other: datetime) -> None:
    spellings = (one.isoformat(), one.isoformat(sep=" "), one.astimezone(UTC).isoformat().replace("+00:00", "Z"))
    for spelling in spellings:
        assert holds("gt", spelling, other.isoformat()) is (one > other)
        assert holds("lte", spelling, other.isoformat()) is (one <= other)
        assert holds("eq", spelling, other.isoformat()) is (one == other)
        assert holds("in", spelling, [other.isoformat()]) is (one == other)
        assert holds("eq", spelling, one.isoformat())
        assert holds("contains", [spelling], one.isoformat())


def test_nine_decimals_of_a_second_are_compared() -> None:
    time, later = "2026-01-02T00:00:00.123456788Z", "2026-01-02T00:00:00.123456789Z"
    assert holds("lt", time, later)
    assert holds("gt", later, time)
    assert holds("ne", time, later)
    assert holds("eq", later, "2026-01-02T01:00:00.1234567890+01:00")


def test_text_operators_compare_the_notation_of_a_time() -> None:
    assert holds("contains", "2026-01-02T00:00:00Z", "T00:00:00z")
    assert not holds("contains", "2026-01-02T00:00:00Z", "2026-01-02T01:00:00+01:00")
    assert not holds("starts_with", "2026-01-02T00:00:00Z", "2026-01-02T01:00:00+01:00")


@pytest.mark.parametrize("time", ["2026-01-02", "2026-01-02T00:00:00", "2026-01-02T00:00:00Z"])
def test_a_time_without_a_zone_is_in_utc(time: str) -> None:
    assert holds("gte", time, "2026-01-02T00:00:00.000Z")
    assert holds("lte", time, "2026-01-02T01:00:00+01:00")


def test_text_that_is_not_a_time_is_compared_as_text() -> None:
    assert holds("lt", "2026-01-02x", "2026-01-03")
    assert holds("gt", "20260102", "2026-01-03")


@pytest.mark.parametrize(
    ("operator", "operand", "type_"),
    [
        ("in", "a", "list_type"),
        ("nin", {"a": 1}, "list_type"),
        ("gt", None, "value_error"),
        ("gte", True, "value_error"),
        ("lt", [1], "value_error"),
        ("lte", {}, "value_error"),
        ("exists", "true", "bool_type"),
        ("is_null", 1, "bool_type"),
        *(
            (operator, 5, "string_type")
            for operator in ("starts_with", "ends_with", "text", "phrase", "words", "regex")
        ),
        ("regex", "(", "regex"),
        ("regex", "a{2,1}", "regex"),
        ("regex", r"(a)\1", "regex"),
        ("regex", "(?=a)b", "regex"),
        ("regex", "(?<!a)b", "regex"),
        ("regex", "a" * (MAX_PATTERN_LENGTH + 1), "string_too_long"),
        ("regex", "(a?){1000}", "regex"),
        ("regex", "((a{9}){9}){9}", "regex"),
        ("regex", "a{9}{9}{9}{9}", "regex"),
        ("regex", "a{40}?{40}", "regex"),
        ("regex", "(?x)a{9 0 0 0}", "regex"),
        ("regex", r"\w{180}\w{180}\w{180}", "regex"),
        ("regex", r"\b\w+\b.{0,900}\b\d\b", "regex"),
        ("regex", "a(?ix:b)", "regex"),
        ("regex", r"\\(?x)a", "regex"),
        ("regex", "[!-[](?x)a", "regex"),
        ("regex", "[[a]-](?x)a]", "regex"),
        ("regex", "[-](?x)a", "regex"),
    ],
)
def test_an_invalid_operand_is_rejected(operator: str, operand: Any, type_: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        holds(operator, "a", operand)
    assert [(found.location, found.type) for found in caught.value.problems] == [(("body", "filters", "value"), type_)]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", "01234567-89AB-cdef-0123-456789abcdef"),
        (r"^(\d{1,3}\.){3}\d{1,3}$", "127.0.0.1"),
        (r"^[^@\s]{1,64}@[^@\s]{1,255}$", "a@b.example"),
        (r"^.{0,255}$", "any"),
        (r"^main\(?x\)?$", "main(x)"),
        (r"^\(\?x", "(?x"),
        ("^[(?x]+$", "x(?"),
        ("^[](?x]+$", "](?x"),
        ("^[a[(?x]--x]$", "?"),
        ("(?-x)a", "a"),
        ("(?P<x>a)", "a"),
        ("", ""),
    ],
)
def test_common_patterns_are_accepted(pattern: str, text: str) -> None:
    assert holds("regex", text, pattern)


@given(st.text(max_size=MAX_PATTERN_LENGTH), st.text(max_size=50))
def test_any_pattern_is_accepted_or_rejected_without_another_error(pattern: str, text: str) -> None:
    try:
        holds("regex", text, pattern)
    except RequestInvalid as error:
        assert error.problems[0].type == "regex"  # noqa: PT017


def test_patterns_that_cause_backtracking_elsewhere_are_searched_fast() -> None:
    assert not holds("regex", "a" * 50_000 + "!", "^(a+)+$")
    assert not holds("regex", "a" * 50_000 + "!", "(a|aa)*$a")


def test_long_values_are_compared_in_linear_time() -> None:
    assert not holds("phrase", "a " * 200_000, "a " * 100_000 + "b")
    assert holds("contains", list(range(200_000)), 1)


@pytest.mark.parametrize("operator", ["in", "nin"])
def test_a_list_of_values_has_a_maximum_length(operator: str) -> None:
    assert holds(operator, 1, [1] * MAX_VALUES) is (operator == "in")
    with pytest.raises(RequestInvalid) as caught:
        holds(operator, 1, [1] * (MAX_VALUES + 1))
    assert [(found.location, found.type) for found in caught.value.problems] == [
        (("body", "filters", "value"), "too_long")
    ]


@given(st.sampled_from(OPERATORS), json_values, json_values)
def test_no_operator_raises_another_error_for_any_value(operator: str, value: Any, operand: Any) -> None:
    try:
        assert holds(operator, value, operand) in (True, False)
        assert holds(operator, ABSENT, operand) in (True, False)
    except RequestInvalid as error:
        assert error.problems[0].location == ("body", "filters", "value")  # noqa: PT017
