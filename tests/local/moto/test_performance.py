"""The performance patches of moto do not change its results."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models.dynamo_type import DynamoType

from chalicelib.local.engine import Engine
from chalicelib.local.moto.patches import install
from tests.local.conftest import CATALOG, new_row


@pytest.fixture(autouse=True)
def _installed() -> None:
    install()


@given(st.text())
def test_the_value_and_the_size_of_a_string_are_correct(text: str) -> None:
    value = DynamoType({"S": text})
    assert (value.cast_value, value.size()) == (text, len(text.encode()))


VALUES: dict[str, dict[str, Any]] = {
    "string": {"S": "\u00e4"},
    "number": {"N": "1.50"},
    "flag": {"BOOL": False},
    "null": {"NULL": True},
    "bytes": {"B": "AAH/"},
    "strings": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2"]},
    "list": {"L": [{"S": ""}, {"M": {"n": {"N": "0"}}}]},
    "map": {"M": {"S": {"S": "x"}, "L": {"L": []}}},
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_of_every_type_is_read_as_without_the_patch(engine: Engine, name: str) -> None:
    row = {**new_row("p"), name: VALUES[name]}
    client = engine.dynamodb()
    client.put_item(TableName=CATALOG, Item=row)
    patched: Any = BaseJSONSerializer._serialize_type_structure
    item = client.get_item(TableName=CATALOG, Key=new_row("p"))["Item"]
    with patch.object(BaseJSONSerializer, "_serialize_type_structure", patched.__wrapped__):
        assert item == client.get_item(TableName=CATALOG, Key=new_row("p"))["Item"] == row
