"""Creates the Chalice application with the operations of all packages, and authorizes their requests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from chalice.app import Chalice, CORSConfig, Request, Response

from chalicelib.access.models import Caller
from chalicelib.aws.usage import Usage
from chalicelib.batches.organization_routes import organization_batch_operations
from chalicelib.batches.routes import batch_operations
from chalicelib.buckets.errors import BucketNotFound
from chalicelib.buckets.routes import bucket_operations
from chalicelib.core.errors import MethodNotAllowed
from chalicelib.deletion.routes import deletion_operations
from chalicelib.deliveries.adapter_routes import adapter_operations
from chalicelib.deliveries.routes import webhook_operations
from chalicelib.health.routes import health_operations
from chalicelib.http.endpoint import Guard, endpoint, log_request, request_ids_of
from chalicelib.http.envelope import envelope, error_body, internal_error
from chalicelib.http.operation import Call, Operation
from chalicelib.namespaces.errors import NamespaceHeaderMissing, NamespaceNotActive, NamespaceUnresolved
from chalicelib.namespaces.routes import namespace_operations
from chalicelib.namespaces.service import ResolvedNamespace
from chalicelib.objects.routes import object_operations
from chalicelib.openapi.routes import openapi_operations
from chalicelib.services import Services
from chalicelib.tasks.routes import task_operations
from chalicelib.uploads.routes import upload_operations

# No namespace has this id, so operations find nothing in it.
NO_NAMESPACE = ""
CORS = CORSConfig(
    allow_origin="*",
    allow_headers=["X-Namespace", "X-Request-Id", "X-Show-Cost", "If-Match", "If-None-Match"],
    expose_headers=["ETag", "X-Request-Id", "Retry-After", "X-Namespace-Unresolved", "X-Consumed-Capacity"],
    max_age=600,
)


def all_operations(services: Callable[[], Services]) -> list[Operation]:
    """Returns all operations of the API, including the one for the OpenAPI document."""
    operations = [
        *health_operations(lambda: services().checks),
        *namespace_operations(lambda: services().namespaces),
        *bucket_operations(lambda: services().buckets),
        *object_operations(lambda: services().objects, lambda: services().batches.auto),
        *batch_operations(lambda: services().batches),
        *organization_batch_operations(lambda: services().batches),
        *adapter_operations(lambda: services().deliveries),
        *webhook_operations(lambda: services().webhooks),
        *upload_operations(lambda: services().uploads),
        *task_operations(lambda: services().tasks),
        *deletion_operations(lambda: services().deletions),
    ]
    return [*operations, *openapi_operations(operations)]


def create_app(services: Callable[[], Services]) -> Chalice:
    """Returns a Chalice application. `services` is called when the first request needs it.

    Chalice stores the current request in the application, so each thread needs an application of its own.
    """
    # With the default `env`, each Chalice application of the process would append its version to AWS_EXECUTION_ENV.
    app = Chalice(app_name="buckets-api", configure_logs=False, env={})
    app.api.binary_types = []  # all bodies are JSON
    app.middleware("http")(use_error_envelope)
    for operation in all_operations(services):
        view = endpoint(operation, lambda: app.current_request, (authentication(services), authorization(services)))
        # `http.parsing` checks the content type, and only for requests with a body.
        app.route(operation.path, methods=[operation.method], cors=CORS, content_types=[])(view)
    return app


def authentication(services: Callable[[], Services]) -> Guard:
    """Returns the guard that identifies the caller by the API key. It raises KeyRefused (401)."""

    def authenticate(operation: Operation, call: Call) -> None:
        if operation.scope != "open":
            call.caller = services().access.authenticate(call.headers.get("authorization"))
            call.organization_id = call.caller.organization_id

    return authenticate


def authorization(services: Callable[[], Services]) -> Guard:
    """Returns the guard that checks permissions and scopes of the caller and finds the namespace.

    It raises errors with the status 403, 400 or 404. For a namespace or bucket outside the scopes of the API key it
    raises the same error as for one that does not exist.
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
        # A namespace after its `expires_at` can still be read and updated with the namespace operations.
        namespace = _find_namespace(
            services(), caller, call, identifier, include_expired=operation.scope == "namespace_path"
        )
        ids = (namespace.namespace_id, namespace.name) if namespace else (identifier,)
        call.namespace_id = namespace.namespace_id if namespace else NO_NAMESPACE
        _check_scope(caller, operation, call, identifier, ids, namespace_exists=namespace is not None)
        if (
            namespace is not None
            and namespace.is_being_deleted
            and operation.scope == "namespace"
            and operation.permission != "read"
        ):
            if not caller.can_see(namespace_ids=ids):
                # Only a bucket of the namespace is visible. Raises BucketNotFound if the bucket is in another one.
                services().buckets.get(call.partition, call.path["bucket_identifier"])
            raise NamespaceNotActive()
        call.can_see = lambda bucket_id: caller.can_see(namespace_ids=ids, bucket_id=bucket_id)

    return authorize


def _find_namespace(
    services: Services, caller: Caller, call: Call, identifier: str, *, include_expired: bool
) -> ResolvedNamespace | None:
    """Returns the namespace of a request, or None if it does not exist or the caller cannot see it or its bucket."""
    namespaces, organization = services.namespaces, caller.organization_id
    if caller.can_see_all_namespaces():
        return namespaces.find(organization, identifier, include_expired=include_expired)
    sees_bucket = caller.has_bucket_in_scope(call.path.get("bucket_identifier"))
    return namespaces.find_for(
        organization,
        identifier,
        lambda ids: caller.can_see(namespace_ids=ids),
        bucket_key=caller.key_id if sees_bucket else "",
        include_expired=include_expired,
    )


def _check_scope(
    caller: Caller,
    operation: Operation,
    call: Call,
    identifier: str,
    ids: tuple[str, ...],
    *,
    namespace_exists: bool,
) -> None:
    """Raises BucketNotFound or NamespaceUnresolved for a resource that the caller cannot see.

    Raises OutOfReach for an operation that the scopes of the caller do not permit. `identifier` is that of the
    namespace in the request, `ids` are its id and its name.
    """
    bucket_id = call.path.get("bucket_identifier")
    # A key with bucket scopes must not learn which namespaces exist. It gets the error for a missing bucket instead.
    by_bucket = bucket_id is not None and caller.has_bucket_scope()
    if not caller.can_see(namespace_ids=ids, bucket_id=bucket_id):
        raise BucketNotFound(str(bucket_id)) if by_bucket else NamespaceUnresolved(identifier)
    caller.check_scope(operation.permission, namespace_ids=ids, bucket_id=bucket_id)
    if not namespace_exists and not by_bucket:
        raise NamespaceUnresolved(identifier)


def _namespace_identifier(operation: Operation, call: Call) -> str:
    if operation.scope == "namespace_path":
        return call.path["namespace_identifier"]
    identifier = call.headers.get("x-namespace", "").strip()
    if not identifier:
        raise NamespaceHeaderMissing()
    return identifier


def use_error_envelope(event: Request | None, get_response: Callable[[Request | None], Response]) -> Response:
    """Middleware that replaces Chalice's own error bodies, such as the body of a 405, and logs those requests."""
    started = time.perf_counter()
    response = get_response(event)
    if isinstance(response.body, dict) and "Code" in response.body:
        ids = request_ids_of(event)
        body = _chalice_error(response, ids.request_id)
        response.body = json.dumps(body)
        response.headers = {
            **response.headers,
            **CORS.get_access_control_headers(),
            "Content-Type": "application/json",
            "X-Request-Id": ids.request_id,
        }
        seconds = time.perf_counter() - started
        method, route = (event.method, event.path) if event is not None else ("", "")
        error = {"error_type": body["error"]["type"], "error_code": body["error"]["code"] or ""}
        log_request(method, route, ids, response.status_code, seconds, Usage(), fields=error)
    return response


def _chalice_error(response: Response, request_id: str) -> dict[str, Any]:
    if response.status_code == 405:
        return error_body(MethodNotAllowed())
    if response.status_code < 500:
        return envelope(response.status_code, "BadRequestError", str(response.body.get("Message")))
    return internal_error(request_id)
