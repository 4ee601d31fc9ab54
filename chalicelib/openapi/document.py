"""Makes the OpenAPI 3.1 document from operations; nothing in it is written twice."""

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
# What a request may meet on any operation, beside the refusals that the operation declares.
ALWAYS = (422, 429, 500, 503)
WITH_KEY = (401, 403)
WITH_NAMESPACE = (400, 404)
WITH_BODY = (413, 415)
REQUEST_ID = {"X-Request-Id": {"schema": {"type": "string"}, "description": "Names this request in the logs"}}
SHOW_COST = {
    "name": "X-Show-Cost",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "With `true` the answer tells in `X-Consumed-Capacity` what the request took",
}
COST = {
    "X-Consumed-Capacity": {
        "schema": {"type": "string"},
        "description": "With `X-Show-Cost: true`: calls to AWS, DynamoDB units read and written, calls to S3",
    }
}
ETAG = {"ETag": {"schema": {"type": "string"}, "description": "Names this state, for If-Match and If-None-Match"}}
NO_CONTENT = 204
RETRY = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait"}}


def openapi(operations: Sequence[Operation]) -> dict[str, Any]:
    """The document for these operations, as a JSON value."""
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
    """The JSON schemas of all models of the operations, and references to them."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        given = {named() for o in operations for named in (o.body, o.query) if named is not None}
        shown = [ErrorResponse, HTTPValidationError, *(o.response() for o in operations if o.status != NO_CONTENT)]
        shown += [o.error_body() for o in operations if o.error_body is not None]
        wanted: list[Any] = [(str(model), "validation", TypeAdapter(model)) for model in given]
        wanted += [(str(model), "serialization", TypeAdapter(model)) for model in shown]
        self._refs, rest = TypeAdapter.json_schemas(wanted, ref_template=REF)
        self.schemas: dict[str, Any] = rest.get("$defs", {})

    def given(self, model: Any) -> dict[str, Any]:
        """The schema of what a client sends."""
        return dict(self._refs[str(model), "validation"])

    def shown(self, model: Any) -> dict[str, Any]:
        """The schema of what a client receives."""
        return dict(self._refs[str(model), "serialization"])

    def properties(self, model: Any) -> dict[str, Any]:
        """The fields of what a client sends, each with its schema."""
        schema = self.given(model)
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
        content = {JSON: {"schema": models.given(operation.body())}}
        described["requestBody"] = {"required": operation.body_required, "content": content}
    if operation.scope != "open":
        named = ["HTTPBearer", *(["NamespaceHeader"] if operation.scope == "namespace" else [])]
        described["security"] = [{name: [] for name in named}]
    return described


def _parameters(operation: Operation, models: _Models) -> list[dict[str, Any]]:
    path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    given = models.properties(operation.query()) if operation.query else {}
    query = [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in given.items()]
    return path + query + _preconditions(operation) + [SHOW_COST]


def _preconditions(operation: Operation) -> list[dict[str, Any]]:
    header = {"no": None, "read": "If-None-Match", "write": "If-Match"}[operation.conditional]
    if header is None:
        return []
    return [{"name": header, "in": "header", "required": False, "schema": {"type": "string"}}]


def _responses(operation: Operation, models: _Models) -> dict[str, Any]:
    tagged = ETAG if operation.response_has_etag else {}
    success: dict[str, Any] = {"description": "Successful Response", "headers": {**REQUEST_ID, **COST, **tagged}}
    if operation.status != NO_CONTENT:
        success["content"] = {JSON: {"schema": models.shown(operation.response())}}
    responses: dict[str, Any] = {str(operation.status): success}
    if operation.conditional == "read":
        responses["304"] = {
            "description": "The caller has this state already",
            "headers": {**REQUEST_ID, **ETAG},
        }
    for status in _error_statuses(operation):
        responses[str(status)] = _error(status, operation.errors, models)
    if operation.error_body is not None:
        schema = responses["422"]["content"][JSON]
        schema["schema"] = {"anyOf": [schema["schema"], models.shown(operation.error_body())]}
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
        "content": {JSON: {"schema": models.shown(model)}},
    }
