"""Creates Chalice views. A view authorizes and parses a request, runs the operation, and logs the request.

Chalice converts exceptions of a view to response bodies of its own before it calls middleware. Therefore the view
itself converts errors to responses. Chalice adds the CORS headers to them.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from chalice.app import Request, Response

from chalicelib.aws.usage import Usage, track_usage
from chalicelib.core import log, metrics
from chalicelib.core.deadline import time_limit
from chalicelib.core.errors import ApiError, NotEnabled
from chalicelib.core.ids import is_id
from chalicelib.core.json_codec import to_json
from chalicelib.core.record import record
from chalicelib.http import envelope
from chalicelib.http.operation import Call, JsonResponse, Operation
from chalicelib.http.parsing import check_names, check_size, read_body, read_query

if TYPE_CHECKING:
    from pydantic import BaseModel

# Statuses of responses without the cost header: the cost would reveal whether a resource exists and how large it is.
_STATUSES_WITHOUT_COST = (401, 403, 404)

# A request id of a client: visible ASCII characters and spaces.
_CLIENT_REQUEST_ID = re.compile(r"[ -~]{1,128}")
# Paths may have any text where an id is expected, and the log has only ids.
_OBJECT_ID = re.compile(r"obj_[0-9a-z]{1,40}")

# Empty texts in the line of a request for which they are not known.
LOGGED_FIELDS = ("organization", "key_id", "namespace", "bucket", "object", "error_type", "error_code")

Guard = Callable[[Operation, Call], None]


@record
class RequestIds:
    """The id of a request, which clients see, and the id that the gateway gave it: empty without a gateway."""

    request_id: str
    gateway_request_id: str


@dataclass(slots=True)
class _Outcome:
    status: int
    body: str
    headers: dict[str, str]
    error_type: str = ""
    error_code: str = ""
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
        ids = request_ids_of(received)
        call = Call(ids.request_id, {}, {})
        with (
            track_usage() as usage,
            time_limit(operation.time_limit_seconds),
            log.request_context(ids.request_id) as fields,
        ):
            outcome = _outcome(operation, received, path, call, guards)
        outcome.headers["X-Request-Id"] = ids.request_id
        if outcome.status not in _STATUSES_WITHOUT_COST and received.headers.get("x-show-cost", "").lower() == "true":
            outcome.headers["X-Consumed-Capacity"] = _cost(usage)
        seconds = time.perf_counter() - started
        log_request(
            operation.method,
            operation.path,
            ids,
            outcome.status,
            seconds,
            usage,
            fields={
                **_described(call),
                "error_type": outcome.error_type,
                "error_code": outcome.error_code,
                **fields.found,
            },
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


def request_ids_of(request: Request | None) -> RequestIds:
    """Returns the ids of a request. Its id is the one in the header `X-Request-Id`, if it is valid.

    Otherwise it is the one of the gateway, or a new id if there is no gateway.
    """
    of_gateway = str(request.context.get("requestId") or "") if request is not None else ""
    of_client = str(request.headers.get("x-request-id") or "").strip(" ") if request is not None else ""
    is_valid = _CLIENT_REQUEST_ID.fullmatch(of_client) is not None
    return RequestIds(of_client if is_valid else of_gateway or str(uuid.uuid4()), of_gateway)


def _described(call: Call) -> dict[str, str]:
    """Returns the caller and the resources of a request, for its log line. Empty texts stand for what is not known."""
    # The URL of a webhook has the variable `bucket_id`.
    bucket = call.path.get("bucket_identifier") or call.path.get("bucket_id", "")
    object_id = call.path.get("object_identifier", "")
    return {
        "organization": call.organization_id,
        "key_id": call.caller.key_id if call.caller is not None else "",
        "namespace": call.namespace_id,
        "bucket": bucket if is_id(bucket, "bkt") else "",
        "object": object_id if _OBJECT_ID.fullmatch(object_id) else "",
    }


def _outcome(
    operation: Operation, request: Request, path: Mapping[str, str], call: Call, guards: Iterable[Guard]
) -> _Outcome:
    try:
        try:
            _read_path_and_headers(request, path, call)
            for guard in guards:
                guard(operation, call)
            _check_preconditions(operation, call)
            _read_query_and_body(operation, request, call)
            response = operation.run(call)
            return _Outcome(response.status, _text(response), _headers(response))
        except ApiError as error:
            body = envelope.error_body(error)
            headers = {"Content-Type": "application/json", **envelope.error_headers(error)}
            return _Outcome(body["status"], to_json(body), headers, body["error"]["type"], error.code or "")
    except Exception as fault:  # includes errors in the handler above, such as a body that cannot be encoded
        status, error_type = envelope.INTERNAL_ERROR
        text = to_json(envelope.internal_error(call.request_id))
        return _Outcome(status, text, {"Content-Type": "application/json"}, error_type, "", fault)


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
    if operation.raw:
        call.raw_body, call.raw_query = _raw_body(request, operation.max_body_bytes), dict(request.query_params or {})
        return
    call.query = _read_query(operation, request)
    if operation.body is not None:
        call.body = read_body(
            _bytes(request.raw_body),
            operation.body(),
            media_type=request.headers.get("content-type"),
            required=operation.body_required,
            max_bytes=operation.max_body_bytes,
        )


def _raw_body(request: Request, max_bytes: int) -> bytes:
    """Returns the body as it was sent: the gateway may have encoded it in base64. Raises TooLarge."""
    raw = _bytes(request.raw_body)
    check_size(raw, max_bytes)
    return raw


def _bytes(raw: bytes | str) -> bytes:
    return raw if isinstance(raw, bytes) else raw.encode()


def _read_query(operation: Operation, request: Request) -> BaseModel | None:
    params = request.query_params
    values = {name: params.getlist(name) for name in params} if params else {}
    if operation.query is not None:
        return read_query(values, operation.query())
    check_names(values, {})
    return None


def _text(response: JsonResponse) -> str:
    if response.is_text:
        return str(response.body)
    return "" if response.body is None else to_json(response.body)


def _headers(response: JsonResponse) -> dict[str, str]:
    return {"Content-Type": "text/plain" if response.is_text else "application/json", **response.headers}


def log_request(
    method: str,
    route: str,
    ids: RequestIds,
    status: int,
    seconds: float,
    usage: Usage,
    *,
    fields: Mapping[str, str] = MappingProxyType({}),
    error: BaseException | None = None,
) -> None:
    """Writes the log line of a request. `seconds` is the duration, `fields` what is known about the request."""
    duration_ms = round(seconds * 1000, 2)
    line: dict[str, Any] = {
        "request_id": ids.request_id,
        "gateway_request_id": ids.gateway_request_id,
        "method": method,
        "route": route,
        "status": status,
        "duration_ms": duration_ms,
        **dict.fromkeys(LOGGED_FIELDS, ""),
        **fields,
        "round_trips": usage.round_trips,
        "read_units": usage.read_units,
        "write_units": usage.write_units,
        "s3_requests": usage.s3_requests,
        **metrics.request_metrics(status, duration_ms, usage.read_units + usage.write_units),
    }
    log.log("request", level=log.ERROR if status >= 500 else log.INFO, error=error, **line)
