"""Generates the OpenAPI 3.1 document from the operations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter

from chalicelib.core.errors import ApiError
from chalicelib.http.api_models import ErrorResponse, HTTPValidationError
from chalicelib.http.envelope import status_and_type
from chalicelib.http.operation import Operation

VERSION = "0.82"
REF = "#/components/schemas/{model}"
JSON = "application/json"

INFO = {
    "title": "Mixpeek API",
    "version": VERSION,
    "description": "A self-hosted Buckets API, compatible on the wire with Mixpeek's.",
}
SECURITY_SCHEMES = {
    "HTTPBearer": {"type": "http", "scheme": "bearer", "description": "An API key: `Bearer sk_…`"},
    "NamespaceHeader": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Namespace",
        "description": "The id or the name of the namespace that the request works in",
    },
}
# Error statuses that all operations may return, besides those that an operation declares.
ALWAYS = (422, 429, 500, 503)
WITH_KEY = (401, 403)
WITH_NAMESPACE = (400, 404)
WITH_BODY = (413, 415)
REQUEST_ID = {
    "X-Request-Id": {
        "schema": {"type": "string"},
        "description": "Identifies this request in the logs: the `X-Request-Id` of the request, if it has a valid one",
    }
}
CLIENT_REQUEST_ID = {
    "name": "X-Request-Id",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "An id for this request: up to 128 printable ASCII characters; any other value is replaced",
}
SHOW_COST = {
    "name": "X-Show-Cost",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "With `true` the response has the header `X-Consumed-Capacity`",
}
COST = {
    "X-Consumed-Capacity": {
        "schema": {"type": "string"},
        "description": "With `X-Show-Cost: true`: calls to AWS, DynamoDB units read and written, calls to S3",
    }
}
ETAG = {"ETag": {"schema": {"type": "string"}, "description": "Identifies this state, for If-Match and If-None-Match"}}
NO_CONTENT = 204
RETRY = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait"}}


def openapi(operations: Sequence[Operation]) -> dict[str, Any]:
    """Returns the OpenAPI document of these operations, as a JSON value."""
    models = _Models(operations)
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, models)
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": [{"url": "/", "description": "This deployment"}],
        "security": [],
        "paths": paths,
        "components": {"schemas": models.schemas, "securitySchemes": SECURITY_SCHEMES},
    }


class _Models:
    """The JSON schemas of all models of the operations, and the references to them."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        requests = {model() for o in operations for model in (o.body, o.query) if model is not None}
        responses = [ErrorResponse, HTTPValidationError, *(o.response() for o in operations if o.status != NO_CONTENT)]
        responses += [o.error_body() for o in operations if o.error_body is not None]
        adapters: list[Any] = [(str(model), "validation", TypeAdapter(model)) for model in requests]
        adapters += [(str(model), "serialization", TypeAdapter(model)) for model in responses]
        self._refs, definitions = TypeAdapter.json_schemas(adapters, ref_template=REF)
        self.schemas: dict[str, Any] = definitions.get("$defs", {})

    def request(self, model: Any) -> dict[str, Any]:
        """Returns the schema of a request model."""
        return dict(self._refs[str(model), "validation"])

    def response(self, model: Any) -> dict[str, Any]:
        """Returns the schema of a response model."""
        return dict(self._refs[str(model), "serialization"])

    def properties(self, model: Any) -> dict[str, Any]:
        """Returns the fields of a request model, each with its schema."""
        schema = self.request(model)
        if "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        return dict(schema.get("properties", {}))


def _operation(operation: Operation, models: _Models) -> dict[str, Any]:
    described: dict[str, Any] = {
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "operationId": operation.name,
        "parameters": _parameters(operation, models),
        "responses": _responses(operation, models),
    }
    if operation.body is not None:
        content = {JSON: {"schema": models.request(operation.body())}}
        described["requestBody"] = {"required": operation.body_required, "content": content}
    if operation.scope != "open":
        schemes = ["HTTPBearer", *(["NamespaceHeader"] if operation.scope == "namespace" else [])]
        described["security"] = [{name: [] for name in schemes}]
    return described


def _parameters(operation: Operation, models: _Models) -> list[dict[str, Any]]:
    path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    fields = models.properties(operation.query()) if operation.query else {}
    query = [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in fields.items()]
    return path + query + _preconditions(operation) + [SHOW_COST, CLIENT_REQUEST_ID]


def _preconditions(operation: Operation) -> list[dict[str, Any]]:
    header = {"no": None, "read": "If-None-Match", "write": "If-Match"}[operation.conditional]
    if header is None:
        return []
    return [{"name": header, "in": "header", "required": False, "schema": {"type": "string"}}]


def _responses(operation: Operation, models: _Models) -> dict[str, Any]:
    etag = ETAG if operation.response_has_etag else {}
    success: dict[str, Any] = {"description": "Successful Response", "headers": {**REQUEST_ID, **COST, **etag}}
    if operation.status != NO_CONTENT:
        success["content"] = {JSON: {"schema": models.response(operation.response())}}
    responses: dict[str, Any] = {str(operation.status): success}
    if operation.conditional == "read":
        responses["304"] = {
            "description": "The resource still has the ETag in If-None-Match",
            "headers": {**REQUEST_ID, **ETAG},
        }
    for status in _error_statuses(operation):
        responses[str(status)] = _error(status, operation.errors, models)
    if operation.error_body is not None:
        schema = responses["422"]["content"][JSON]
        schema["schema"] = {"anyOf": [schema["schema"], models.response(operation.error_body())]}
    return responses


def _error_statuses(operation: Operation) -> list[int]:
    statuses = {*ALWAYS, *(status_and_type(error)[0] for error in operation.errors)}
    if operation.scope != "open":
        statuses |= {*WITH_KEY}
    if operation.scope.startswith("namespace"):
        statuses |= {*WITH_NAMESPACE}
    if operation.body is not None:
        statuses |= {*WITH_BODY}
    if operation.query is not None and "cursor" in operation.query().model_fields:
        statuses.add(400)
    return sorted(statuses)


def _error(status: int, errors: Sequence[type[ApiError]], models: _Models) -> dict[str, Any]:
    reasons = [r.__doc__.partition("\n")[0] for r in errors if status_and_type(r)[0] == status and r.__doc__]
    model = HTTPValidationError if status == 422 else ErrorResponse
    return {
        "description": " ".join([HTTPStatus(status).phrase + ".", *reasons]),
        "headers": {**REQUEST_ID, **(RETRY if status in (429, 503) else {})},
        "content": {JSON: {"schema": models.response(model)}},
    }
