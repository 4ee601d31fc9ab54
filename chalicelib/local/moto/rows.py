"""The tables of an embedded engine, all rows at once: faster by far than asking for them page by page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REGION = "us-east-1"

_INDEX = ("IndexName", "KeySchema", "Projection")


def table_names(account: str) -> list[str]:
    """The tables of an account."""
    return list(dynamodb_backends[account][REGION].tables)


def rows_of(account: str, name: str) -> Iterator[dict[str, Any]]:
    """The rows of a table in DynamoDB's JSON."""
    table = dynamodb_backends[account][REGION].tables[name]
    for row in table.all_items():
        yield {attribute: _json(value) for attribute, value in row.attrs.items()}


def _json(value: DynamoType) -> dict[str, Any]:
    # moto's own way copies everything first, and gives bytes, which JSON has none of.
    held = value.value
    if value.type == "M":
        held = {name: _json(each) for name, each in held.items()}
    elif value.type == "L":
        held = [_json(each) for each in held]
    elif value.type == "BS":
        held = [_base64(each) for each in held]
    elif value.type == "B":
        held = _base64(held)
    return {value.type: held}


def _base64(held: bytes | str) -> str:
    return b64encode(held).decode() if isinstance(held, bytes) else held


def put_row(account: str, name: str, row: dict[str, Any]) -> None:
    """Puts a row as it was, unseen by the stream of the table: it is no news."""
    table: Table = dynamodb_backends[account][REGION].tables[name]
    stream, table.stream_shard = table.stream_shard, None
    try:
        table.put_item(row)
    finally:
        table.stream_shard = stream


def delete_tables(account: str) -> None:
    """Drops every table of an account from memory."""
    dynamodb_backends[account][REGION].reset()


def table_definition(client: DynamoDBClient, name: str) -> dict[str, Any]:
    """What CreateTable would take to make this table again."""
    table: Any = client.describe_table(TableName=name)["Table"]
    made: dict[str, Any] = {"TableName": name, "BillingMode": "PAY_PER_REQUEST"}
    made |= {key: table[key] for key in ("AttributeDefinitions", "KeySchema")}
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if table.get(kind):
            made[kind] = [{key: index[key] for key in _INDEX} for index in table[kind]]
    if table.get("StreamSpecification"):
        made["StreamSpecification"] = table["StreamSpecification"]
    return made
