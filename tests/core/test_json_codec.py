from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import RequestInvalid, TooLarge
from chalicelib.core.json_codec import MAX_DEPTH, MAX_DIGITS, Document, bounded, check_json, text_of, to_json

LARGEST = 10**MAX_DIGITS - 1
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=30)


def problem(raw: bytes | str) -> str:
    """Returns the type of the only problem of a text that is rejected."""
    with pytest.raises(RequestInvalid) as error:
        check_json(raw if isinstance(raw, bytes) else raw.encode())
    (found,) = error.value.problems
    assert found.location == ("body",)
    assert found.message
    return found.type


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + closing * levels


@given(VALUES, st.booleans(), st.sampled_from([None, 2, "\t"]))
def test_json_within_the_limits_is_accepted(value: Any, ascii_only: bool, indent: Any) -> None:
    check_json(json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode())


@given(VALUES)
def test_encoded_values_are_accepted(value: Any) -> None:
    text = to_json(value)
    check_json(text.encode())
    assert json.loads(text) == value


@given(st.binary())
def test_any_bytes_are_accepted_or_rejected_with_request_invalid(raw: bytes) -> None:
    try:
        check_json(raw)
    except RequestInvalid:
        return
    json.loads(raw)


@given(st.text(alphabet='[]{}",:\\u0d8e1.-+ "nulltrefas'))
def test_accepted_text_is_json_for_other_parsers(text: str) -> None:
    try:
        check_json(text.encode())
    except RequestInvalid:
        return
    json.loads(text, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1,]",
        "{'a': 1}",
        '{"a" 1}',
        "nul",
        '"a',
        '"\x00"',
        '"\n"',
        "01",
        "+1",
        "1.",
        ".5",
        "1 2",
        "{,}",
        "//",
        "\v1",
    ],
)
def test_text_that_is_not_json_is_rejected(text: str) -> None:
    assert problem(text) == "json_invalid"


@pytest.mark.parametrize(
    "raw", [b"\xff", b'"\xed\xa0\x80"', b'"\xc0\xaf"', "é".encode("latin-1"), "[]".encode("utf-16")]
)
def test_bytes_that_are_not_utf_8_are_rejected(raw: bytes) -> None:
    assert problem(raw) == "json_invalid"


def test_a_byte_order_mark_is_rejected() -> None:
    assert problem(b"\xef\xbb\xbf{}") == "json_invalid"


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", '[1, {"a": 1E+999}]'])
def test_a_number_that_is_not_finite_is_rejected(text: str) -> None:
    assert problem(text) == "finite_number"


@pytest.mark.parametrize("text", ["1e308", "-1.7976931348623157e308", "-0", "0.1", "5e-324"])
def test_a_finite_number_is_accepted(text: str) -> None:
    check_json(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "0.0", "-0.0", "0e999", "0.00e-999", "1e23", "1.50", "100.000", "1E+2", "9007199254740992.0",
        "0.1000000000000000000000000000", "0.10000000000000001", "0.1000000000000000055511151231257827",
        "4.9E-324", "2.2250738585072014e-308", "123456789.12345678", "0." + "0" * 300 + "1",
        f"{5e-324:.1000f}",
    ],
)  # fmt: skip
def test_any_notation_of_a_double_is_accepted(text: str) -> None:
    check_json(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "3.14159265358979323846264338327950288419716939937510",
        "0." + "3" * 39,
        "1" * 39 + ".0",
        "9007199254740993.0",
        "12345678901234567890e1",
        "12345678901234.567",
        "1e-400",
        "-0." + "0" * 400 + "1",
        "0.1" + "0" * 100_000 + "1",
        '{"a": [-1.23456789012345678]}',
    ],
)
def test_a_decimal_number_that_no_double_keeps_is_rejected(text: str) -> None:
    assert problem(text) == "number_too_precise"


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(16, 40))
def test_a_double_is_accepted_with_any_number_of_digits_that_identifies_it(number: float, digits: int) -> None:
    text = f"{number:.{digits}e}"
    check_json(text.encode())
    assert float(text) == number


@given(st.decimals(allow_nan=False, allow_infinity=False), st.booleans())
def test_an_accepted_decimal_number_is_returned_with_the_same_digits(number: Decimal, exponent: bool) -> None:
    text = f"{number:E}" if exponent else f"{number:f}"
    text = text if "." in text or "E" in text else f"{text}.0"
    try:
        check_json(text.encode())
    except RequestInvalid:
        return
    digits = len(number.normalize().as_tuple().digits)
    assert Decimal(f"{float(text):.{digits - 1}e}") == number


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(-290, 290))
def test_fifteen_digits_are_always_kept(digits: int, exponent: int) -> None:
    text = f"{digits}e{exponent}"
    check_json(text.encode())
    assert Decimal(repr(float(text))) == Decimal(text)


@pytest.mark.parametrize("sign", ["", "-"])
def test_an_integer_is_accepted_up_to_the_maximum_number_of_digits(sign: str) -> None:
    check_json(f"{sign}{LARGEST}".encode())
    assert problem(f"{sign}{LARGEST + 1}") == "number_too_long"
    assert problem(f'{{"a": [{sign}{"9" * 5000}]}}') == "number_too_long"


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '[{"b": {"a": 1, "c": 2, "a": 3}}]', '{"a": 1, "\\u0061": 2}'])
def test_a_duplicate_key_is_rejected_at_any_depth(text: str) -> None:
    assert problem(text) == "duplicate_key"


def test_the_same_key_in_two_objects_is_not_a_duplicate() -> None:
    check_json(b'[{"a": {"a": 1}}, {"a": 1, "A": 2}]')


@pytest.mark.parametrize(
    "text", ['"\\ud800"', '{"\\udfff": 1}', '["a\\ud83d"]', '"\\ud83d\\ud83d\\ude00"', '"\\uDc00"']
)
def test_an_unpaired_surrogate_is_rejected(text: str) -> None:
    assert problem(text) == "string_unicode"


def test_a_surrogate_pair_and_other_escapes_are_accepted() -> None:
    check_json(b'{"\\ud83d\\ude00": "\\u0000\\\\ud800 \\uFFFF"}')


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_the_number_of_levels_is_limited(opening: str, closing: str) -> None:
    inside = opening * (MAX_DEPTH - 1) + "[]" + closing * (MAX_DEPTH - 1)
    check_json(inside.encode())
    assert problem(f"[{inside}]") == "json_too_deep"


@pytest.mark.parametrize("levels", [2_000, 100_000, 500_000])
def test_very_deep_nesting_is_rejected_with_the_same_error(levels: int) -> None:
    assert problem(nested(levels)) == "json_too_deep"
    assert problem('{"a":' * levels + "1" + "}" * levels) == "json_too_deep"


def test_many_brackets_on_few_levels_are_accepted() -> None:
    check_json(json.dumps([[]] * 10_000 + [{"[[[[": "{" * 1_000}]).encode())


@pytest.mark.parametrize("text", ["[" * 500_000, '{"a":' * 100_000, '"' + "\\" * 99_999, "[1" + ",1" * 400_000])
def test_truncated_text_is_rejected(text: str) -> None:
    assert problem(text) in ("json_invalid", "json_too_deep")


def test_a_document_keeps_its_text_and_is_encoded_only_if_it_has_no_text() -> None:
    assert text_of(Document({"a": 1}, '{ "a": 1 }')) == '{ "a": 1 }'
    assert text_of(Document({"a": 1})) == text_of({"a": 1}) == '{"a":1}'
    assert Document({"a": 1}, "x") == {"a": 1}


def test_a_copy_of_a_document_is_encoded_again() -> None:
    copy = Document(Document({"a": 1}, "read"))
    copy["b"] = True
    assert text_of(copy) == '{"a":1,"b":true}'


@pytest.mark.parametrize("letter", ["a", "é", "€", "😀"])
def test_the_size_of_a_text_is_limited_in_bytes_of_utf_8(letter: str) -> None:
    size = 12 * len(letter.encode())
    assert bounded(letter * 12, size, TooLarge) == letter * 12
    with pytest.raises(TooLarge):
        bounded(letter * 12, size - 1, TooLarge)
    assert bounded("", 0, TooLarge) == ""
