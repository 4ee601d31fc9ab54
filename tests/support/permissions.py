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
# S3 actions that do not have the name of the operation. HeadObject is permitted to those who may read the content, and
# responds with 404 for a missing key only to those who may list the keys.
_S3_ACTIONS = {
    "DeleteObjects": "DeleteObject",
    "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
}
_SENDS = "SendMessageBatch"


class Permission(NamedTuple):
    """An action and its resource.

    The resource is a table, an index (`table/index/name`), a key prefix (`bucket/prefix/*`), the URL of a queue, or the
    ARN of a function.
    """

    action: str
    resource: str


def required_permissions(operation: str, parameters: Mapping[str, Any]) -> Iterator[Permission]:
    """Yields the permissions that a call of the DynamoDB, S3, SQS or Lambda API requires."""
    if "QueueUrl" in parameters:
        yield Permission(f"sqs:{'SendMessage' if operation == _SENDS else operation}", parameters["QueueUrl"])
    elif operation == "Invoke":
        yield Permission("lambda:InvokeFunction", parameters["FunctionName"])
    elif operation == "ListObjectsV2":
        yield Permission("s3:ListBucket", parameters["Bucket"])
    elif operation == "CopyObject":
        yield from _of_copy(parameters)
    elif "Bucket" in parameters:
        keys = [parameters["Key"]] if "Key" in parameters else [o["Key"] for o in parameters["Delete"]["Objects"]]
        for key in keys:
            yield Permission(f"s3:{_S3_ACTIONS.get(operation, operation)}", _folder(parameters["Bucket"], key))
        if operation == "HeadObject":
            yield Permission("s3:ListBucket", parameters["Bucket"])
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


def _of_copy(parameters: Mapping[str, Any]) -> Iterator[Permission]:
    source = parameters["CopySource"]
    # botocore has replaced the bucket and the key by one text.
    bucket, _, key = (source if isinstance(source, str) else "{Bucket}/{Key}".format(**source)).partition("/")
    yield Permission("s3:GetObject", _folder(bucket, key))
    yield Permission("s3:PutObject", _folder(parameters["Bucket"], parameters["Key"]))


def _folder(bucket: str, key: str) -> str:
    return f"{bucket}/{key.partition('/')[0]}/*"


TABLES_AND_FILES = ("dynamodb:", "s3:")


def granted(policy: str, services: tuple[str, ...] = TABLES_AND_FILES) -> set[Permission]:
    """Returns the permissions in the policy of a function, by default those on tables and S3 buckets.

    Resources are logical ids. Statements under a condition are included.
    """
    statements = json.loads((ROOT / ".chalice" / f"policy-{policy}.json").read_text())["Statement"]
    return {
        Permission(action, _name(resource))
        for statement in (each["Fn::If"][1] if "Fn::If" in each else each for each in statements)
        for action in statement["Action"]
        for resource in statement["Resource"]
        if action.startswith(services)
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
        if action.startswith(("sqs:", "lambda:")):  # URLs and ARNs are not folders
            permissions.add(Permission(action, names[resource]))
            continue
        name, slash, rest = resource.partition("/")
        permissions.add(Permission(action, names[name] + slash + rest))
    return permissions


def _name(resource: Mapping[str, Any]) -> str:
    if "Ref" in resource:
        return str(resource["Ref"])
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
