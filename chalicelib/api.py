"""The API as one Chalice application: every room's operations, each behind the same wrapper."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chalice.app import Chalice, CORSConfig, Request, Response

from chalicelib.buckets.routes import bucket_operations
from chalicelib.foundation.endpoint import endpoint, request_id_of
from chalicelib.foundation.envelope import envelope, refused, unforeseen
from chalicelib.foundation.operations import Call, Operation
from chalicelib.foundation.refusals import MethodNotAllowed
from chalicelib.health.routes import health_operations
from chalicelib.namespaces.refusals import NamespaceHeaderMissing
from chalicelib.namespaces.routes import namespace_operations
from chalicelib.openapi.routes import openapi_operations
from chalicelib.wiring import Services

CORS = CORSConfig(
    allow_origin="*",
    allow_headers=["X-Namespace", "X-Request-Id", "If-Match", "If-None-Match"],
    expose_headers=["ETag", "X-Request-Id", "Retry-After", "X-Namespace-Unresolved"],
    max_age=600,
)


def all_operations(services: Callable[[], Services]) -> list[Operation]:
    """Every operation of the API, documentation included."""
    operations = [
        *health_operations(lambda: services().checks),
        *namespace_operations(lambda: services().namespaces),
        *bucket_operations(lambda: services().buckets),
    ]
    return [*operations, *openapi_operations(operations)]


def create_app(services: Callable[[], Services]) -> Chalice:
    """A Chalice application over these services, which are asked for at the first request."""
    app = Chalice(app_name="buckets-api", configure_logs=False)
    app.middleware("http")(one_envelope)
    for operation in all_operations(services):
        view = endpoint(operation, lambda: app.current_request, admission(services))
        # Which content types are JSON is decided by the body reader, and only where there is a body.
        app.route(operation.path, methods=[operation.method], cors=CORS, content_types=[])(view)
    return app


def admission(services: Callable[[], Services]) -> Callable[[Operation, Call], Call]:
    """Who is calling, may they, and in which namespace: 401, then 403, then 400 or 404."""

    def admit(operation: Operation, call: Call) -> Call:
        if operation.scope == "open":
            return call
        caller = services().access.authenticate(call.headers.get("authorization"))
        caller.check(operation.permission)
        if operation.scope == "organization":
            caller.check_reach(operation.permission, namespace_ids=(), bucket_id=None)
            return replace(call, organization_id=caller.organization_id)
        identifier = _namespace_identifier(operation, call)
        # A namespace whose time is over can still be looked at and given more time, under its own path.
        place = services().namespaces.resolve(
            caller.organization_id, identifier, ended_too=operation.scope == "namespace_path"
        )
        caller.check_reach(
            operation.permission,
            namespace_ids=(place.namespace_id, place.name),
            bucket_id=call.path.get("bucket_identifier"),
        )
        return replace(call, organization_id=caller.organization_id, namespace_id=place.namespace_id)

    return admit


def _namespace_identifier(operation: Operation, call: Call) -> str:
    if operation.scope == "namespace_path":
        return call.path["namespace_identifier"]
    identifier = call.headers.get("x-namespace", "").strip()
    if not identifier:
        raise NamespaceHeaderMissing()
    return identifier


def one_envelope(event: Request, get_response: Callable[[Request], Response]) -> Response:
    """Rewrites the bodies that Chalice itself makes, such as that of a 405, into the envelope."""
    response = get_response(event)
    if isinstance(response.body, dict) and "Code" in response.body:
        request_id = request_id_of(event)
        response.body = json.dumps(_chalice_error(response, request_id))
        response.headers = {
            **response.headers,
            **CORS.get_access_control_headers(),
            "Content-Type": "application/json",
            "X-Request-Id": request_id,
        }
    return response


def _chalice_error(response: Response, request_id: str) -> dict[str, Any]:
    if response.status_code == 405:
        return refused(MethodNotAllowed())
    if response.status_code < 500:
        return envelope(response.status_code, "BadRequestError", str(response.body.get("Message")))
    return unforeseen(request_id)
