"""Determines the IAM permissions that the calls of a client require."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from botocore.client import BaseClient

from tests.support.template import ROOT
from tests.support.world import World

# IAM has no action for a transaction. Each of its writes requires the action of that write.
_STEPS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
_REMOVES = "DeleteObjects"


class Permission(NamedTuple):
    """An action and its resource: a table, an index (`table/index/name`), or a key prefix (`bucket/prefix/*`)."""

    action: str
    resource: str


def required_permissions(operation: str, parameters: Mapping[str, Any]) -> Iterator[Permission]:
    """Yields the permissions that a call of the DynamoDB or S3 API requires."""
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
    """Returns the permissions on tables and S3 buckets in the policy of a function. Resources are logical ids."""
    statements = json.loads((ROOT / ".chalice" / f"policy-{policy}.json").read_text())["Statement"]
    return {
        Permission(action, _name(resource))
        for statement in statements
        for action in statement["Action"]
        for resource in statement["Resource"]
        if action.startswith(("dynamodb:", "s3:"))
    }


def logical_ids(world: World) -> dict[str, str]:
    """Returns the logical ids of the tables and the S3 bucket of a test, by their names."""
    return {
        world.tables.catalog: "CatalogTable",
        world.tables.objects: "ObjectsTable",
        world.settings.blob_bucket: "BlobBucket",
    }


def renamed(used: Iterable[Permission], names: Mapping[str, str]) -> set[Permission]:
    """Returns the same permissions with names replaced by logical ids."""
    permissions = set()
    for action, resource in used:
        name, slash, rest = resource.partition("/")
        permissions.add(Permission(action, names[name] + slash + rest))
    return permissions


def _name(resource: Mapping[str, Any]) -> str:
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"][0])
    return str(resource["Fn::Sub"]).replace("${", "").replace(".Arn}", "")


@contextmanager
def permissions_used(*clients: BaseClient) -> Iterator[set[Permission]]:
    """Collects the permissions that the clients' calls, and the URLs that they sign, require inside the block."""
    used: set[Permission] = set()

    def record(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        used.update(required_permissions(model.name, params))

    for client in clients:
        client.meta.events.register(_event(client), record)
    try:
        yield used
    finally:
        for client in clients:
            client.meta.events.unregister(_event(client), record)


def _event(client: BaseClient) -> Any:
    return f"before-parameter-build.{client.meta.service_model.service_name}"
