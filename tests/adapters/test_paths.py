"""Dotted paths and JMESPath expressions into payloads, and the limit on their work."""

from __future__ import annotations

import math
from typing import Any

import pytest

from chalicelib.adapters.errors import Unmappable
from chalicelib.adapters.expressions import compiled
from chalicelib.adapters.paths import MISSING, find
from chalicelib.adapters.payload_values import MAX_VALUE_DEPTH, Steps, check_value

PAYLOAD: dict[str, Any] = {
    "data": {"id": "a1", "playback_ids": [{"id": "p1", "policy": "public"}, {"id": "p2", "policy": "signed"}]},
    "none": None,
    "": {"": "empty keys"},
    "a.b": {"c": "dots"},
    "0": "a key of digits",
    "numbers": [1, 2, 3],
}


def reason_of(path: str, payload: Any, steps: Steps | None = None) -> str:
    with pytest.raises(Unmappable) as caught:
        find(payload, path, steps or Steps())
    return caught.value.reason


# Dotted paths


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.id", "a1"),
        ("data.playback_ids.0.id", "p1"),
        ("data.playback_ids.1", {"id": "p2", "policy": "signed"}),
        ("data.playback_ids.01.id", "p2"),
        ("none", None),
        (".", "empty keys"),
        ("0", "a key of digits"),
        ("numbers", [1, 2, 3]),
    ],
)
def test_a_dotted_path_leads_through_keys_and_indexes(path: str, value: Any) -> None:
    assert find(PAYLOAD, path, Steps()) == value


@pytest.mark.parametrize(
    "path",
    [
        "missing",
        "data.missing",
        "data.id.more",
        "data.playback_ids.2",
        "data.playback_ids.-1",
        "data.playback_ids.first",
        "data.playback_ids.²",
        "data.playback_ids.9999999999",
        "none.more",
        "a.b.c",
        "data.",
        "JMESPATH:data",
    ],
)
def test_a_missing_path_is_absent_and_not_null(path: str) -> None:
    assert find(PAYLOAD, path, Steps()) is MISSING


@pytest.mark.parametrize("payload", [None, 1, "text", [], [{"data": 1}], True])
def test_a_path_into_another_value_than_an_object_is_absent(payload: Any) -> None:
    assert find(payload, "data.id", Steps()) is MISSING


# JMESPath


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("data.id", "a1"),
        ('"a.b".c', "dots"),
        ("data.playback_ids[?policy=='public'].id | [0]", "p1"),
        ("data.playback_ids[].id", ["p1", "p2"]),
        ("join('-', data.playback_ids[].id)", "p1-p2"),
        ("{id: data.id, count: length(data.playback_ids)}", {"id": "a1", "count": 2}),
        ("not_null(none, missing, data.id)", "a1"),
        ("numbers[::-1]", [3, 2, 1]),
        ("numbers[?@ > `1`]", [2, 3]),
        ("max_by(data.playback_ids, &id).policy", "signed"),
        ("data.id == 'a1' && contains(numbers, `2`)", True),
    ],
)
def test_an_expression_is_evaluated_as_jmespath_specifies(expression: str, value: Any) -> None:
    assert find(PAYLOAD, f"jmespath:{expression}", Steps()) == value


@pytest.mark.parametrize("expression", ["missing", "none", "data.id.more", "data[0]", "numbers[9]", "`null`"])
def test_an_expression_that_is_null_is_absent(expression: str) -> None:
    assert find(PAYLOAD, f"jmespath:{expression}", Steps()) is MISSING


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("length(`1`)", "length() does not accept a value of type number"),
        ("sum(data.playback_ids)", "sum() does not accept"),
        ("'a' < `1`", "does not accept the values"),
        ("contains(data.id, `1`)", "does not accept the values"),
        ("ceil(to_number('1e999'))", "does not accept the values"),
        ("data.items[", "Not a JMESPath expression"),
        ("unknown(data)", "There is no function unknown()"),
        ("map(data, numbers)", "map() does not accept"),
        ("!" * 490 + "a", "too complex"),
    ],
)
def test_an_expression_that_fails_names_itself_and_the_cause(expression: str, part: str) -> None:
    reason = reason_of(f"jmespath:{expression}", PAYLOAD)
    assert part in reason
    assert f"jmespath:{expression}"[:50] in reason


def test_a_reason_does_not_contain_the_payload() -> None:
    assert len(reason_of("jmespath:sum(secrets)", {"secrets": ["hidden" * 10_000]})) < 200
    assert "hidden" not in reason_of("jmespath:sum(secrets)", {"secrets": ["hidden"]})


DOUBLED_8_TIMES = " | ".join(["[@, @][]"] * 8)
LARGE: dict[str, Any] = {
    "text": "x" * 400_000,
    "other": "x" * 399_999 + "y",
    "numbers": [*range(100_000)],
    "empty": [""] * 200_000,
}


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param(" | ".join(["[@, @][]"] * 19) + " | [0]", id="doubled lists"),
        pytest.param(" | ".join(["[@, @]"] * 36) + " | to_string(@)", id="text of a shared list"),
        pytest.param(" | ".join(["[@, @]"] * 36) + " | @ == [@, @]", id="comparison of shared lists"),
        pytest.param(" | ".join(["[@, @]"] * 36) + " | contains(@, [@, @])", id="search in shared lists"),
        pytest.param("join(text, empty)", id="long separators"),
        pytest.param("[numbers,numbers,numbers][]", id="flattened lists"),
        pytest.param(f"[numbers] | {DOUBLED_8_TIMES} | [*][0:]", id="many slices"),
        pytest.param(f"[text] | {DOUBLED_8_TIMES} | [?contains(@, 'z')]", id="many searches"),
        pytest.param(f"[{{x: text, y: other}}] | {DOUBLED_8_TIMES} | [?x == y]", id="many comparisons"),
        pytest.param("numbers[*].[@, @, @, @, @, @]", id="nested projections"),
        pytest.param("[empty, empty] | [*][?@ == 'x']", id="filters"),
    ],
)
def test_an_expensive_expression_is_stopped(expression: str) -> None:
    compiled(expression)  # each of them is a valid expression
    assert "too many steps" in reason_of(f"jmespath:{expression}", LARGE)


def test_a_filter_of_twenty_thousand_objects_is_not_stopped() -> None:
    payload = {"items": [{"kind": str(number % 7), "id": number} for number in range(20_000)]}
    assert len(find(payload, "jmespath:items[?kind == '3'].id", Steps())) == 2857


def test_the_lookups_of_one_payload_share_their_steps() -> None:
    steps = Steps(100)
    path = "jmespath:numbers[?@ == `2`]"
    assert find(PAYLOAD, path, steps) == [2]
    for _ in range(4):
        find(PAYLOAD, path, steps)
    assert "too many steps" in reason_of(path, PAYLOAD, steps)


# The values


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize("value", [None, True, "é😀", 0, -(10**38) + 1, 1.5, [], {"a": [{"b": None}]}, nested(63)])
def test_json_is_accepted(value: Any) -> None:
    check_value(value, "data", Steps())


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (math.nan, "not finite"),
        ([{"a": -math.inf}], "not finite"),
        (10**38, "more than 38 digits"),
        ([10**5000], "more than 38 digits"),
        ("a\ud800", "surrogate"),
        ({"\ud800": 1}, "invalid key"),
        ({1: 1}, "invalid key"),
        (object(), "not JSON"),
        (b"bytes", "not JSON"),
        (nested(MAX_VALUE_DEPTH + 1), "deeper than 63 levels"),
        (nested(100_000), "deeper than 63 levels"),
        ([0] * 300_000, "too large"),
        ([[[0] * 1000] * 1000] * 1000, "too large"),
    ],
)
def test_what_an_object_cannot_contain_is_rejected_with_its_path(value: Any, part: str) -> None:
    with pytest.raises(Unmappable, match=part) as caught:
        check_value(value, "data.x", Steps())
    assert "'data.x'" in caught.value.reason
