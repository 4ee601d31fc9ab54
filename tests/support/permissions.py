"""Which permissions the calls of a client need, as IAM has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from mypy_boto3_dynamodb import DynamoDBClient

# IAM knows no action of transactions, only those of their steps.
_STEPS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
_EVENT = "before-parameter-build.dynamodb"


class Permission(NamedTuple):
    """An action on a table, or on an index of it written as `table/index/name`."""

    action: str
    resource: str


def needed(operation: str, parameters: Mapping[str, Any]) -> Iterator[Permission]:
    """The permissions that one call of the DynamoDB API needs."""
    if operation == "TransactWriteItems":
        for item in parameters["TransactItems"]:
            ((kind, step),) = item.items()
            yield Permission(f"dynamodb:{_STEPS[kind]}", step["TableName"])
    elif operation == "BatchGetItem":
        for table in parameters["RequestItems"]:
            yield Permission("dynamodb:BatchGetItem", table)
    else:
        index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
        yield Permission(f"dynamodb:{operation}", parameters["TableName"] + index)


@contextmanager
def permissions_used(client: DynamoDBClient) -> Iterator[set[Permission]]:
    """The permissions that the client's calls need, while this lasts."""
    used: set[Permission] = set()

    def record(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        used.update(needed(model.name, params))

    client.meta.events.register(_EVENT, record)
    try:
        yield used
    finally:
        client.meta.events.unregister(_EVENT, record)
