"""The performance patches of moto do not change its results."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models.dynamo_type import DynamoType

from chalicelib.local.client import isolated_session
from chalicelib.local.engine import Engine
from chalicelib.local.moto.backends import Backends
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
    "deep": {"M": {"bytes": {"B": "AAH/"}, "list": {"L": [{"NS": ["3"]}, {"NULL": True}]}, "empty": {"M": {}}}},
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


def test_requests_to_dynamodb_within_the_process_are_not_signed_and_others_are() -> None:
    backends = Backends()
    with patch.object(backends, "perform", wraps=backends.perform) as perform:
        for service in ("dynamodb", "s3"):
            client: Any = isolated_session().create_client(
                service, "us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
            )
            backends.attach(client)
            client.list_tables() if service == "dynamodb" else client.list_buckets()
    sent = [call.args[0].headers for call in perform.call_args_list]
    assert ["Authorization" in headers for headers in sent] == [False, True]
    assert "Signature" in client.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
