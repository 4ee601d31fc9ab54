"""The API as one Chalice application: every room's operations, each behind the same wrapper."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from chalice.app import Chalice, CORSConfig, Request, Response

from chalicelib.access.models import Caller
from chalicelib.aws.usage import Usage
from chalicelib.buckets.errors import BucketNotFound
from chalicelib.buckets.routes import bucket_operations
from chalicelib.core.errors import MethodNotAllowed
from chalicelib.deletion.routes import deletion_operations
from chalicelib.health.routes import health_operations
from chalicelib.http.endpoint import Guard, endpoint, log_request, request_id_of
from chalicelib.http.envelope import envelope, internal_error, refused
from chalicelib.http.operation import Call, Operation
from chalicelib.namespaces.errors import NamespaceHeaderMissing, NamespaceNotActive, NamespaceUnresolved
from chalicelib.namespaces.routes import namespace_operations
from chalicelib.objects.routes import object_operations
from chalicelib.openapi.routes import openapi_operations
from chalicelib.services import Services
from chalicelib.tasks.routes import task_operations

# No namespace has this id, so nothing is there.
NOWHERE = ""
CORS = CORSConfig(
    allow_origin="*",
    allow_headers=["X-Namespace", "X-Request-Id", "X-Show-Cost", "If-Match", "If-None-Match"],
    expose_headers=["ETag", "X-Request-Id", "Retry-After", "X-Namespace-Unresolved", "X-Consumed-Capacity"],
    max_age=600,
)


def all_operations(services: Callable[[], Services]) -> list[Operation]:
    """Every operation of the API, documentation included."""
    operations = [
        *health_operations(lambda: services().checks),
        *namespace_operations(lambda: services().namespaces),
        *bucket_operations(lambda: services().buckets),
        *object_operations(lambda: services().objects),
        *task_operations(lambda: services().tasks),
        *deletion_operations(lambda: services().deletions),
    ]
    return [*operations, *openapi_operations(operations)]


def create_app(services: Callable[[], Services]) -> Chalice:
    """A Chalice application over these services, which are asked for at the first request."""
    # Chalice would write itself into AWS_EXECUTION_ENV, once more for every application of the process.
    app = Chalice(app_name="buckets-api", configure_logs=False, env={})
    app.api.binary_types = []  # all that is said and taken here is JSON
    app.middleware("http")(one_envelope)
    for operation in all_operations(services):
        view = endpoint(operation, lambda: app.current_request, (authentication(services), authorization(services)))
        # Which content types are JSON is decided by the body reader, and only where there is a body.
        app.route(operation.path, methods=[operation.method], cors=CORS, content_types=[])(view)
    return app


def authentication(services: Callable[[], Services]) -> Guard:
    """Who is calling: 401."""

    def authenticate(operation: Operation, call: Call) -> None:
        if operation.scope != "open":
            call.caller = services().access.authenticate(call.headers.get("authorization"))
            call.organization_id = call.caller.organization_id

    return authenticate


def authorization(services: Callable[[], Services]) -> Guard:
    """May they, and in which namespace: 403, then 400 or 404.

    To a scoped key what it does not see is not there: the answer is that for a place that does not exist.
    """

    def authorize(operation: Operation, call: Call) -> None:
        if operation.scope == "open":
            return
        caller: Caller = call.caller
        caller.check_permission(operation.permission)
        if operation.scope == "organization":
            caller.check_scope(operation.permission, namespace_ids=(), bucket_id=None)
            return
        identifier = _namespace_identifier(operation, call)
        # A namespace whose time is over can still be looked at and given more time, under its own path.
        place = services().namespaces.find(
            caller.organization_id, identifier, include_expired=operation.scope == "namespace_path"
        )
        ids = (place.namespace_id, place.name) if place else (identifier,)
        _check_place(caller, operation, call, ids, is_there=place is not None)
        if (
            place is not None
            and place.is_being_deleted
            and operation.scope == "namespace"
            and operation.permission != "read"
        ):
            raise NamespaceNotActive()
        call.namespace_id = place.namespace_id if place else NOWHERE
        call.can_see = lambda bucket_id: caller.can_see(namespace_ids=ids, bucket_id=bucket_id)

    return authorize


def _check_place(caller: Caller, operation: Operation, call: Call, ids: tuple[str, ...], *, is_there: bool) -> None:
    """Raises BucketNotFound or NamespaceUnresolved for what the caller does not see, OutOfReach for what it may not."""
    identifier, bucket_id = _namespace_identifier(operation, call), call.path.get("bucket_identifier")
    # Whoever is bound to buckets may learn of no namespace, so to them a missing one is one without the bucket.
    by_bucket = bucket_id is not None and caller.has_bucket_scope()
    if not caller.can_see(namespace_ids=ids, bucket_id=bucket_id):
        raise BucketNotFound(str(bucket_id)) if by_bucket else NamespaceUnresolved(identifier)
    caller.check_scope(operation.permission, namespace_ids=ids, bucket_id=bucket_id)
    if not is_there and not by_bucket:
        raise NamespaceUnresolved(identifier)


def _namespace_identifier(operation: Operation, call: Call) -> str:
    if operation.scope == "namespace_path":
        return call.path["namespace_identifier"]
    identifier = call.headers.get("x-namespace", "").strip()
    if not identifier:
        raise NamespaceHeaderMissing()
    return identifier


def one_envelope(event: Request | None, get_response: Callable[[Request | None], Response]) -> Response:
    """Rewrites the bodies that Chalice itself makes, such as that of a 405, into the envelope, and logs them."""
    started = time.perf_counter()
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
        seconds = time.perf_counter() - started
        method, route = (event.method, event.path) if event is not None else ("", "")
        log_request(method, route, request_id, response.status_code, seconds, Usage())
    return response


def _chalice_error(response: Response, request_id: str) -> dict[str, Any]:
    if response.status_code == 405:
        return refused(MethodNotAllowed())
    if response.status_code < 500:
        return envelope(response.status_code, "BadRequestError", str(response.body.get("Message")))
    return internal_error(request_id)
