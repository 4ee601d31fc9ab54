"""The calls that tests make to moto without HTTP requests have the same results as calls with HTTP requests."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.clients import dynamodb_client
from chalicelib.local.client import isolated_session
from chalicelib.local.moto.backends import Backends
from chalicelib.local.moto.direct_calls import ACTIONS, call_directly
from chalicelib.local.tables import create_tables
from chalicelib.settings import Settings
from tests.support.faults import Faults, error_response

CATALOG, OBJECTS = "catalog", "objects"
KEY = {"pk": {"S": "p"}, "sk": {"S": "s"}}
VALUES: dict[str, Any] = {
    "string": {"S": "\u00e4 null"},
    "number": {"N": "1.50"},
    "flag": {"BOOL": False},
    "none": {"NULL": True},
    "strings": {"SS": ["b", "a"]},
    "numbers": {"NS": ["2", "1"]},
    "deep": {"M": {"list": {"L": [{"NS": ["3"]}, {"M": {"S": {"S": ""}}}]}, "empty": {"M": {}}, "L": {"L": []}}},
}
ROW = {**KEY, **VALUES}
OTHER = {**KEY, "sk": {"S": "t"}}
BYTES = {**KEY, "sk": {"S": "u"}, "deep": {"L": [{"B": b"\0\1"}, {"BS": [b"\2"]}]}}
NAMES, NEW = {"#n": "number"}, {":new": {"N": "2"}}
UPDATE = {
    "Key": KEY,
    "UpdateExpression": "SET #n = :new",
    "ExpressionAttributeNames": NAMES,
    "ExpressionAttributeValues": NEW,
}
IF_NEW = "attribute_not_exists(pk)"
PARTITION = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": KEY["pk"]}}
PUTS = [{"Put": {"TableName": CATALOG, "Item": row, "ConditionExpression": IF_NEW}} for row in (ROW, OTHER)]
# In this order, so that each call finds what the earlier ones have written.
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("get_item", {"Key": KEY}),
    ("transact_write_items", {"TransactItems": PUTS}),
    ("transact_write_items", {"TransactItems": PUTS}),  # is cancelled
    ("transact_get_items", {"TransactItems": [{"Get": {"TableName": CATALOG, "Key": key}} for key in (KEY, OTHER)]}),
    ("put_item", {"Item": ROW, "ReturnValues": "ALL_OLD", "ReturnConsumedCapacity": "INDEXES"}),
    ("put_item", {"Item": OTHER}),
    ("put_item", {"Item": ROW, "ConditionExpression": IF_NEW, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}),
    ("put_item", {"Item": {"pk": {"S": ""}, "sk": {"S": "s"}}}),  # is invalid
    ("put_item", {"Item": BYTES}),
    *(("update_item", {**UPDATE, "ReturnValues": kind}) for kind in ("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_NEW")),
    ("update_item", {**UPDATE, "ConditionExpression": IF_NEW}),
    ("get_item", {"Key": KEY, "ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL"}),
    ("get_item", {"Key": KEY, "ProjectionExpression": "#n, deep", "ExpressionAttributeNames": NAMES}),
    ("get_item", {"Key": BYTES}),  # is no key
    ("query", PARTITION),
    ("query", {**PARTITION, "Limit": 1, "ScanIndexForward": False}),
    ("query", {**PARTITION, "Select": "COUNT"}),
    ("query", {**PARTITION, "KeyConditionExpression": "sk = :p"}),  # is invalid
    ("scan", {"Limit": 2}),
    ("batch_get_item", {"RequestItems": {CATALOG: {"Keys": [KEY, OTHER]}}}),
    ("batch_write_item", {"RequestItems": {CATALOG: [{"PutRequest": {"Item": {**OTHER, "sk": {"S": "v"}}}}]}}),
    ("delete_item", {"Key": KEY, "ReturnValues": "ALL_OLD"}),
    ("delete_item", {"Key": KEY, "ConditionExpression": "attribute_exists(pk)"}),
    ("batch_write_item", {"RequestItems": {CATALOG: [{"DeleteRequest": {"Key": OTHER}}]}}),
    ("put_item", {"TableName": "unknown", "Item": ROW}),
    ("scan", {}),
]


def new_client(kind: str, *, directly: bool) -> tuple[Any, Backends]:
    """Returns the client of the service, or a default client of botocore, with empty tables of its own."""
    backends = Backends()
    client: Any
    if kind == "service":
        client = dynamodb_client(Settings())
    else:
        session = isolated_session()
        client = session.create_client(
            "dynamodb", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b", verify=False
        )
    backends.attach(client)
    if directly:
        call_directly(client, backends)
    create_tables(client, catalog=CATALOG, objects=OBJECTS)
    return client, backends


def outcome(client: Any, method: str, parameters: dict[str, Any]) -> Any:
    """Returns the response or the error of a call, without the fields that differ between any two calls."""
    if "RequestItems" not in parameters and "TransactItems" not in parameters:
        parameters = {"TableName": CATALOG, **parameters}
    try:
        response = getattr(client, method)(**parameters)
        error = None
    except ClientError as raised:
        response, error = raised.response, type(raised).__name__
    metadata = response.pop("ResponseMetadata")
    return response, metadata["HTTPStatusCode"], metadata["RetryAttempts"], error


def written(value: Any, kind: str) -> Any:
    """Returns the parameters with bytes in the form that this kind of client expects."""
    if isinstance(value, dict):
        return {name: written(each, kind) for name, each in value.items()}
    if isinstance(value, list):
        return [written(each, kind) for each in value]
    return "AAE=" if kind == "service" and isinstance(value, bytes) else value


@pytest.mark.parametrize("kind", ["service", "default"])
def test_every_call_has_the_same_result_as_with_a_request(kind: str) -> None:
    (direct, _), (other, _) = new_client(kind, directly=True), new_client(kind, directly=False)
    for method, given in CALLS:
        parameters = written(given, kind)
        assert outcome(direct, method, parameters) == outcome(other, method, parameters), (method, parameters)


def test_every_action_is_compared() -> None:
    assert {"".join(map(str.capitalize, method.split("_"))) for method, _ in CALLS} == ACTIONS


def test_only_bytes_nulls_errors_and_other_actions_need_a_request() -> None:
    client, backends = new_client("service", directly=True)
    with patch.object(backends, "perform", wraps=backends.perform) as perform:
        client.put_item(TableName=CATALOG, Item=ROW)
        client.get_item(TableName=CATALOG, Key=KEY)
        assert not perform.called
        client.put_item(TableName=CATALOG, Item=written(BYTES, "service"))
        client.put_item(TableName=CATALOG, Item=ROW, ConditionExpression=None)
        with pytest.raises(ClientError):
            client.put_item(TableName=CATALOG, Item=ROW, ConditionExpression=IF_NEW)
        client.describe_table(TableName=CATALOG)
    assert perform.call_count == 4


def test_a_fault_replaces_a_call() -> None:
    client, _ = new_client("service", directly=True)
    Faults(client).on(1, error_response("ThrottlingException"))
    with pytest.raises(ClientError, match="ThrottlingException"):
        client.put_item(TableName=CATALOG, Item=ROW)
    assert "Item" not in client.get_item(TableName=CATALOG, Key=KEY)


def test_a_response_shares_nothing_with_the_stored_rows() -> None:
    client, _ = new_client("service", directly=True)
    client.put_item(TableName=CATALOG, Item=ROW)
    found = client.get_item(TableName=CATALOG, Key=KEY)["Item"]
    found["strings"]["SS"].append("c")
    found["deep"]["M"]["list"]["L"].clear()
    assert client.get_item(TableName=CATALOG, Key=KEY)["Item"] == ROW
