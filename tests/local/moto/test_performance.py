"""moto quickened answers as it ever did."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import backend_index
from moto.core.responses import BaseResponse
from moto.dynamodb.comparisons import ConditionExpressionParser, get_filter_expression
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType, Item

from chalicelib.local.moto.patches import install
from chalicelib.local.moto.performance import MAX_ITEM_BYTES

SIZES = st.sampled_from(
    [0, 1, 1_000, 200_000, MAX_ITEM_BYTES - 3, MAX_ITEM_BYTES - 2, MAX_ITEM_BYTES - 1, MAX_ITEM_BYTES]
)


@pytest.fixture(autouse=True)
def _installed() -> None:
    install()


@given(st.text())
def test_a_text_is_itself_and_as_long_as_its_bytes(text: str) -> None:
    value = DynamoType({"S": text})
    assert (value.cast_value, value.size()) == (text, len(text.encode()))


def made(attributes: dict[str, int]) -> dict[str, Any] | None:
    """What a new row of texts so long holds; None where it is too large."""
    try:
        row = Item(DynamoType({"S": "k"}), None, {name: {"S": "x" * size} for name, size in attributes.items()})
    except ItemSizeTooLarge:
        return None
    return row.to_json()


@given(st.dictionaries(st.sampled_from("abcé"), SIZES))
def test_a_row_has_room_for_what_it_ever_had(attributes: dict[str, int]) -> None:
    mended: Any = Item.__init__
    seen = made(attributes)
    with patch.object(Item, "__init__", mended.__wrapped__):
        assert seen == made(attributes)


CONDITIONS = ["attribute_exists(#a) AND b = :one", "NOT (b < :one OR a IN (:one, :two))", "b BETWEEN :one AND :two"]
ROWS = [{}, {"a": {"N": "1"}}, {"a": {"N": "1"}, "b": {"N": "1"}}, {"b": {"N": "2"}}]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_means_what_it_meant_however_often_it_is_read(condition: str) -> None:
    def met() -> list[bool]:
        names, values = {"#a": "a"}, {":one": {"N": "1"}, ":two": {"N": "2"}}
        parsed = get_filter_expression(condition, names, values)
        return [bool(parsed.expr(Item(DynamoType({"S": "k"}), None, row))) for row in ROWS]

    mended: Any = ConditionExpressionParser._lex_condition_expression
    with patch.object(ConditionExpressionParser, "_lex_condition_expression", mended.__wrapped__):
        expected = met()
    assert [met(), met()] == [expected, expected]
    assert len(set(expected)) == 2


@pytest.mark.parametrize("body", ["", "{}", b"<a/>", "<a><RequestId>old</RequestId></a>"])
def test_an_answer_has_the_id_of_its_request_where_it_had_one(body: Any) -> None:
    headers, answered = BaseResponse._enrich_response({}, body)
    (identifier,) = headers.values()
    assert answered == (body.replace("old", identifier) if isinstance(body, str) else body)


def test_text_in_a_row_is_no_place_for_the_id_of_a_request() -> None:
    body = '{"Items":[{"a":{"S":"<RequestId>one</RequestId>"}},{"a":{"S":"<RequestId>two</RequestId>"}}]}'
    assert BaseResponse._enrich_response({}, body)[1] == body


def test_the_services_that_we_use_are_asked_first() -> None:
    first = {service for service, _ in backend_index.backend_url_patterns[:5]}
    assert {"dynamodb", "s3", "sqs"} <= first
