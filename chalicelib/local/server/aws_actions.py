"""The AWS actions that the endpoint serves: those that the service and its command line use.

The engine's queue is in the memory of its process, so no SQS action is needed.
"""

from __future__ import annotations

from collections.abc import Collection

TARGET_PREFIX = "DynamoDB_20120810."
DYNAMODB_ACTIONS = frozenset(
    {
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "TransactWriteItems",
        "UpdateItem",
    }
)
_OBJECT_ACTIONS = {"GET": "GetObject", "PUT": "PutObject"}
# Query parameters that do not select another action. Some SDKs add `x-id` with the name of the action.
_OBJECT_PARAMETERS = {
    "GetObject": {
        "x-id",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
    },
    "PutObject": {"x-id"},
}
_LIST_PARAMETERS = {
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "list-type",
    "max-keys",
    "prefix",
    "start-after",
    "x-id",
}
_DELETE_PARAMETERS = {"delete", "x-id"}


def dynamodb_action(method: str, path: str, parameters: Collection[str], target: str) -> str | None:
    """Returns the DynamoDB action of a request, or None if it is not served. `target` is the header X-Amz-Target."""
    if method != "POST" or path != "/" or parameters or not target.startswith(TARGET_PREFIX):
        return None
    action = target.removeprefix(TARGET_PREFIX)
    return action if action in DYNAMODB_ACTIONS else None


def s3_action(method: str, path: str, parameters: Collection[str], headers: Collection[str]) -> str | None:
    """Returns the S3 action of a request with a path-style URL, or None if it is not served.

    `parameters` are the names in the query string without those of the signature; `headers` are names in lower case.
    """
    names = set(parameters)
    bucket, _, key = path.removeprefix("/").partition("/")
    if not bucket or "x-amz-copy-source" in headers:  # the header makes a PutObject a CopyObject
        return None
    if key:
        action = _OBJECT_ACTIONS.get(method)
        return action if action and names <= _OBJECT_PARAMETERS[action] else None
    if method == "GET" and "list-type" in names and names <= _LIST_PARAMETERS:
        return "ListObjectsV2"
    if method == "POST" and "delete" in names and names <= _DELETE_PARAMETERS:
        return "DeleteObjects"
    return None
