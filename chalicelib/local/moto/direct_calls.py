"""Makes the calls of a DynamoDB client to moto without HTTP requests, which take more than half of the time of a call.

botocore still serializes the parameters of a call to JSON, and its events `before-call` and `after-call` are emitted,
so that tests can inject faults. Then moto's handler of the action is called, and its result is returned in the types
that botocore reads from the response. A call that fails is made again with an HTTP request, so that its error is the
real one: a rejected call has changed nothing.

The clients of the AWS endpoint, the tests of `tests/local/moto`, and all tests on DynamoDB Local make HTTP requests.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders
from botocore.model import OperationModel
from botocore.parsers import JSONParser
from moto.core.utils import camelcase_to_underscores, get_service_model
from moto.dynamodb.responses import DynamoHandler

from chalicelib.local.moto.backends import Backends, not_saved
from chalicelib.local.moto.rows import REGION
from chalicelib.local.server.aws_actions import DYNAMODB_ACTIONS

# Those of the service, and those of the tests.
ACTIONS = DYNAMODB_ACTIONS | {"Scan", "TransactGetItems"}
# The types of bytes. moto decodes bytes when it reads a request, so requests that may contain them are left to it.
_BYTES = (b'"B"', b'"BS"')
_URL = f"https://dynamodb.{REGION}.amazonaws.com/"
_PLAIN: dict[str, Callable[[Any], Any]] = {
    "string": str,
    "integer": int,
    "long": int,
    "double": float,
    "boolean": bool,
}
Response = tuple[AWSResponse, dict[str, Any]]


class NeedsRequest(Exception):
    """moto can perform this action only as an HTTP request."""


def call_directly(client: BaseClient, backends: Backends) -> None:
    """Makes further calls of this client, which is attached to these backends, without HTTP requests."""
    parser: Any = JSONParser()

    def respond(model: OperationModel, params: dict[str, Any], **_: Any) -> Response | None:
        if model.name not in ACTIONS:
            return None
        body: bytes = params["body"]
        with backends.lock:
            change = backends.change_of(AWSPreparedRequest("POST", params["url"], params["headers"], body, False))
            try:
                result = perform_directly(backends.account, model.name, body)
            except Exception:
                return None
            try:
                backends.save(change)
            except OSError as error:
                return _response(500, {"Error": not_saved(error)})
            # Within the lock, because the result refers to stored rows.
            content = _serialized(model.name, result)
        return _response(200, parser._parse_shape(model.output_shape, content))

    client.meta.events.register_last("before-call", respond)  # type: ignore[arg-type]


def perform_directly(account: str, action: str, body: bytes) -> Any:
    """Returns moto's result of an action, which refers to the stored rows. Does not save a change.

    Raises NeedsRequest, or an exception of moto if the action is rejected; then nothing has changed. The caller must
    hold the lock.
    """
    if any(name in body for name in _BYTES):
        raise NeedsRequest()
    handler: Any = DynamoHandler()
    handler.current_account, handler.region, handler.body = account, REGION, json.loads(body)
    if b"null" in body and _has_null(handler.body):  # which moto drops when it reads a request
        raise NeedsRequest()
    return getattr(handler, camelcase_to_underscores(action))().result


def _response(status: int, parsed: dict[str, Any]) -> Response:
    parsed["ResponseMetadata"] = {"HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0}
    http: Any = AWSResponse(_URL, status, HTTPHeaders(), None)
    return http, parsed


def _has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_null, value.values()))
    return any(map(_has_null, value)) if isinstance(value, list) else value is None


def _serialized(action: str, result: Any) -> Any:
    """Returns what the JSON of moto's response to this action contains."""
    shape = get_service_model("dynamodb").operation_model(action).output_shape
    return _serializer(shape)(result)


@cache
def _serializer(shape: Any) -> Callable[[Any], Any]:
    """Returns the function that changes a result of moto as its serializer does: it copies the members of the model."""
    if shape.name == "AttributeValue":
        return _attribute_value
    if shape.type_name == "structure":
        members = [(name, _serializer(member)) for name, member in shape.members.items()]
        return lambda value: {name: copy(value[name]) for name, copy in members if value.get(name) is not None}
    if shape.type_name == "map":
        copy_value = _serializer(shape.value)
        return lambda value: {key: copy_value(each) for key, each in value.items()}
    if shape.type_name == "list":
        copy_member = _serializer(shape.member)
        return lambda value: [copy_member(each) for each in value]
    return _PLAIN[shape.type_name]


def _attribute_value(value: dict[str, Any]) -> dict[str, Any]:
    ((type_name, content),) = value.items()
    if type_name == "M":
        return {"M": {name: _attribute_value(each) for name, each in content.items()}}
    if type_name == "L":
        return {"L": [_attribute_value(each) for each in content]}
    if type_name == "B":
        return {"B": _base64(content)}
    if type_name == "BS":
        return {"BS": [_base64(each) for each in content]}
    return {type_name: list(content) if isinstance(content, list) else content}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
