"""Which permissions the calls of a client need, as IAM has them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from botocore.client import BaseClient

from tests.support.template import ROOT
from tests.support.world import World

# IAM knows no action of transactions, only those of their steps.
_STEPS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
_REMOVES = "DeleteObjects"


class Permission(NamedTuple):
    """An action on a table, on an index of it written as `table/index/name`, or on the keys `bucket/first/*`."""

    action: str
    resource: str


def needed(operation: str, parameters: Mapping[str, Any]) -> Iterator[Permission]:
    """The permissions that one call of the DynamoDB or the S3 API needs."""
    if operation == "ListObjectsV2":
        yield Permission("s3:ListBucket", parameters["Bucket"])
    elif "Bucket" in parameters:
        keys = [parameters["Key"]] if "Key" in parameters else [o["Key"] for o in parameters["Delete"]["Objects"]]
        action = "DeleteObject" if operation == _REMOVES else operation
        for key in keys:
            yield Permission(f"s3:{action}", f"{parameters['Bucket']}/{key.partition('/')[0]}/*")
    elif operation == "TransactWriteItems":
        for item in parameters["TransactItems"]:
            ((kind, step),) = item.items()
            yield Permission(f"dynamodb:{_STEPS[kind]}", step["TableName"])
    elif operation in ("BatchGetItem", "BatchWriteItem"):
        for table in parameters["RequestItems"]:
            yield Permission(f"dynamodb:{operation}", table)
    else:
        index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
        yield Permission(f"dynamodb:{operation}", parameters["TableName"] + index)


def granted(policy: str) -> set[Permission]:
    """What a function's policy allows on tables and files, named by their logical ids."""
    statements = json.loads((ROOT / ".chalice" / f"policy-{policy}.json").read_text())["Statement"]
    return {
        Permission(action, _name(resource))
        for statement in statements
        for action in statement["Action"]
        for resource in statement["Resource"]
        if action.startswith(("dynamodb:", "s3:"))
    }


def logical_ids(world: World) -> dict[str, str]:
    """The logical ids of a world's things, by their names."""
    return {
        world.tables.catalog: "CatalogTable",
        world.tables.objects: "ObjectsTable",
        world.settings.blob_bucket: "BlobBucket",
    }


def renamed(used: Iterable[Permission], names: Mapping[str, str]) -> set[Permission]:
    """The same permissions with the logical ids of the things that these names are of."""
    found = set()
    for action, resource in used:
        thing, slash, rest = resource.partition("/")
        found.add(Permission(action, names[thing] + slash + rest))
    return found


def _name(resource: Mapping[str, Any]) -> str:
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"][0])
    return str(resource["Fn::Sub"]).replace("${", "").replace(".Arn}", "")


@contextmanager
def permissions_used(*clients: BaseClient) -> Iterator[set[Permission]]:
    """The permissions that the clients' calls need, and whoever uses a URL that they sign, while this lasts."""
    used: set[Permission] = set()

    def record(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        used.update(needed(model.name, params))

    for client in clients:
        client.meta.events.register(_event(client), record)
    try:
        yield used
    finally:
        for client in clients:
            client.meta.events.unregister(_event(client), record)


def _event(client: BaseClient) -> Any:
    return f"before-parameter-build.{client.meta.service_model.service_name}"
