"""Creates Chalice views. A view authorizes and parses a request, runs the operation, and logs the request.

Chalice converts exceptions of a view to response bodies of its own before it calls middleware. Therefore the view
itself converts errors to responses. Chalice adds the CORS headers to them.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from chalice.app import Request, Response

from chalicelib.aws.usage import Usage, track_usage
from chalicelib.core import log
from chalicelib.core.deadline import time_limit
from chalicelib.core.errors import ApiError, NotEnabled
from chalicelib.core.json_codec import to_json
from chalicelib.http import envelope
from chalicelib.http.operation import Call, JsonResponse, Operation
from chalicelib.http.parsing import check_names, read_body, read_query

if TYPE_CHECKING:
    from pydantic import BaseModel

# Statuses of responses without the cost header: the cost would reveal whether a resource exists and how large it is.
_STATUSES_WITHOUT_COST = (401, 403, 404)

Guard = Callable[[Operation, Call], None]


@dataclass(slots=True)
class _Outcome:
    status: int
    body: str
    headers: dict[str, str]
    organization_id: str = ""
    error: BaseException | None = None


def endpoint(
    operation: Operation, request: Callable[[], Request | None], guards: Iterable[Guard]
) -> Callable[..., Response]:
    """Returns the Chalice view of an operation.

    `request` returns the current request. The view calls the `guards` one after another before it parses the request; a
    guard raises an ApiError or sets attributes of the Call, such as the organization id. The view raises no exceptions.
    Its response has a body of type str and the header `X-Request-Id`, and `X-Consumed-Capacity` if the request has
    `X-Show-Cost: true`.
    """

    def view(**path: str) -> Response:
        started = time.perf_counter()
        received = request()
        assert received is not None, "Chalice sets the current request before it calls a view"
        request_id = request_id_of(received)
        with track_usage() as usage, time_limit(operation.time_limit_seconds):
            outcome = _outcome(operation, received, path, request_id, guards)
        outcome.headers["X-Request-Id"] = request_id
        if outcome.status not in _STATUSES_WITHOUT_COST and received.headers.get("x-show-cost", "").lower() == "true":
            outcome.headers["X-Consumed-Capacity"] = _cost(usage)
        seconds = time.perf_counter() - started
        log_request(
            operation.method,
            operation.path,
            request_id,
            outcome.status,
            seconds,
            usage,
            organization=outcome.organization_id,
            error=outcome.error,
        )
        return Response(outcome.body, headers=outcome.headers, status_code=outcome.status)  # type: ignore[arg-type]

    view.__name__ = operation.name
    return view


def _cost(usage: Usage) -> str:
    """Returns the usage of a request as a dictionary of structured fields (RFC 8941, section 3.2)."""
    return (
        f"round-trips={usage.round_trips}, read-units={usage.read_units}, "
        f"write-units={usage.write_units}, s3-requests={usage.s3_requests}"
    )


def request_id_of(request: Request | None) -> str:
    """Returns the id that the gateway gave a request, or a new id if there is no gateway."""
    given = request.context.get("requestId") if request is not None else None
    return str(given or uuid.uuid4())


def _outcome(
    operation: Operation, request: Request, path: Mapping[str, str], request_id: str, guards: Iterable[Guard]
) -> _Outcome:
    call = Call(request_id, {}, {})
    try:
        try:
            _read_path_and_headers(request, path, call)
            for guard in guards:
                guard(operation, call)
            _check_preconditions(operation, call)
            _read_query_and_body(operation, request, call)
            response = operation.run(call)
            return _Outcome(response.status, _text(response), _headers(response), call.organization_id)
        except ApiError as error:
            body = envelope.error_body(error)
            headers = {"Content-Type": "application/json", **envelope.error_headers(error)}
            return _Outcome(body["status"], to_json(body), headers, call.organization_id)
    except Exception as fault:  # includes errors in the handler above, such as a body that cannot be encoded
        text = to_json(envelope.internal_error(request_id))
        return _Outcome(500, text, {"Content-Type": "application/json"}, call.organization_id, fault)


def _read_path_and_headers(request: Request, path: Mapping[str, str], call: Call) -> None:
    # Chalice does not decode path variables. In a path, `+` is a literal plus sign.
    call.path = {name: unquote(value) if "%" in value else value for name, value in path.items()}
    call.headers = request.headers
    call.origin = _origin(request.context, request.path)


def _check_preconditions(operation: Operation, call: Call) -> None:
    """Raises NotEnabled for a precondition on a write that does not support it, because it would be ignored."""
    if operation.permission == "read" or operation.conditional == "write":
        return
    for header in ("If-Match", "If-None-Match"):
        if call.headers.get(header.lower()) is not None:
            raise NotEnabled(f"{header} is not supported by this operation", details={"field": header})


def _origin(context: Mapping[str, Any], resource: str) -> str:
    """Returns the base URL of the API from the request context of the gateway, or an empty string without a gateway.

    The Host header is not used, because clients control it. `context["path"]` is the entire path. The part before the
    path of the resource is the stage or, with a custom domain, the base path of the API mapping.
    """
    domain = context.get("domainName")
    if not domain:
        return ""
    base, found, _ = str(context.get("path")).partition(resource.partition("{")[0])
    return f"https://{domain}{base}" if found else f"https://{domain}"


def _read_query_and_body(operation: Operation, request: Request, call: Call) -> None:
    call.query = _read_query(operation, request)
    if operation.body is not None:
        raw = request.raw_body
        call.body = read_body(
            raw if isinstance(raw, bytes) else raw.encode(),
            operation.body(),
            media_type=request.headers.get("content-type"),
            required=operation.body_required,
            max_bytes=operation.max_body_bytes,
        )


def _read_query(operation: Operation, request: Request) -> BaseModel | None:
    params = request.query_params
    values = {name: params.getlist(name) for name in params} if params else {}
    if operation.query is not None:
        return read_query(values, operation.query())
    check_names(values, {})
    return None


def _text(response: JsonResponse) -> str:
    return "" if response.body is None else to_json(response.body)


def _headers(response: JsonResponse) -> dict[str, str]:
    return {"Content-Type": "application/json", **response.headers}


def log_request(
    method: str,
    route: str,
    request_id: str,
    status: int,
    seconds: float,
    usage: Usage,
    *,
    organization: str = "",
    error: BaseException | None = None,
) -> None:
    """Writes the log line of a request. `seconds` is the duration."""
    fields: dict[str, Any] = {
        "request_id": request_id,
        "method": method,
        "route": route,
        "status": status,
        "duration_ms": round(seconds * 1000, 2),
        "organization": organization,
        "round_trips": usage.round_trips,
        "read_units": usage.read_units,
        "write_units": usage.write_units,
        "s3_requests": usage.s3_requests,
    }
    log.log("request", level=log.ERROR if status >= 500 else log.INFO, error=error, **fields)
