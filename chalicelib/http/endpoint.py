"""The wrapper around every view: reads the request once, admits it, answers in the one envelope.

Chalice turns an exception of a view into its own body before any middleware sees it, so refusals are
translated here, inside the view, where CORS headers are still added to the answer.
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
from chalicelib.core.errors import ApiError
from chalicelib.core.json_codec import to_json
from chalicelib.http import envelope
from chalicelib.http.operation import Call, JsonResponse, Operation
from chalicelib.http.parsing import check_names, read_body, read_query

if TYPE_CHECKING:
    from pydantic import BaseModel

# What it took to find that a caller may not have something tells whether it is there, and how large it is.
_COST_TELLS = (401, 403, 404)

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
    """The Chalice view of an operation.

    `request` gives the current request (it is asked once). The call goes through the `guards` in turn: each
    refuses it or adds to it what it knows, and what it added is in the log line of whatever comes of the call.
    Whatever happens inside, the view returns a response whose body is already a string, with `X-Request-Id`,
    and with `X-Consumed-Capacity` for a request with `X-Show-Cost: true`.
    """

    def view(**path: str) -> Response:
        started = time.perf_counter()
        received = request()
        assert received is not None, "Chalice calls a view for a request"
        request_id = request_id_of(received)
        with track_usage() as meter, time_limit(operation.time_limit_seconds):
            outcome = _outcome(operation, received, path, request_id, guards)
        outcome.headers["X-Request-Id"] = request_id
        if outcome.status not in _COST_TELLS and received.headers.get("x-show-cost", "").lower() == "true":
            outcome.headers["X-Consumed-Capacity"] = _cost(meter)
        seconds = time.perf_counter() - started
        log_request(
            operation.method,
            operation.path,
            request_id,
            outcome.status,
            seconds,
            meter,
            organization=outcome.organization_id,
            error=outcome.error,
        )
        return Response(outcome.body, headers=outcome.headers, status_code=outcome.status)  # type: ignore[arg-type]

    view.__name__ = operation.name
    return view


def _cost(meter: Usage) -> str:
    """What a request took so far, as a dictionary of RFC 8941."""
    return (
        f"round-trips={meter.round_trips}, read-units={meter.read_units}, "
        f"write-units={meter.write_units}, s3-requests={meter.s3_requests}"
    )


def request_id_of(request: Request | None) -> str:
    """The gateway's id of a request, or a new one where there is no gateway."""
    given = request.context.get("requestId") if request is not None else None
    return str(given or uuid.uuid4())


def _outcome(
    operation: Operation, request: Request, path: Mapping[str, str], request_id: str, guards: Iterable[Guard]
) -> _Outcome:
    call = Call(request_id, {}, {})
    try:
        try:
            _read_address(request, path, call)
            for guard in guards:
                guard(operation, call)
            _read_words(operation, request, call)
            answer = operation.run(call)
            return _Outcome(answer.status, _text(answer), _headers(answer), call.organization_id)
        except ApiError as refusal:
            body = envelope.error_body(refusal)
            headers = {"Content-Type": "application/json", **envelope.error_headers(refusal)}
            return _Outcome(body["status"], to_json(body), headers, call.organization_id)
    except Exception as error:  # the last resort, also for a refusal that cannot be told: logged, and fixed words
        told = to_json(envelope.internal_error(request_id))
        return _Outcome(500, told, {"Content-Type": "application/json"}, call.organization_id, error)


def _read_address(request: Request, path: Mapping[str, str], call: Call) -> None:
    # Path variables arrive percent-encoded and stay so; `+` is literal in a path.
    call.path = {name: unquote(value) if "%" in value else value for name, value in path.items()}
    call.headers = request.headers
    call.origin = _origin(request.context, request.path)


def _origin(context: Mapping[str, Any], resource: str) -> str:
    """The address of the API as its own gateway knows it; a client's Host header has no say in it.

    The gateway tells the whole path, and that of the resource. What stands before the resource is the stage,
    or with a domain of one's own the base path that the API is mapped to.
    """
    domain = context.get("domainName")
    if not domain:
        return ""
    base, found, _ = str(context.get("path")).partition(resource.partition("{")[0])
    return f"https://{domain}{base}" if found else f"https://{domain}"


def _read_words(operation: Operation, request: Request, call: Call) -> None:
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
    given = request.query_params
    values = {name: given.getlist(name) for name in given} if given else {}
    if operation.query is not None:
        return read_query(values, operation.query())
    check_names(values, {})
    return None


def _text(answer: JsonResponse) -> str:
    return "" if answer.body is None else to_json(answer.body)


def _headers(answer: JsonResponse) -> dict[str, str]:
    return {"Content-Type": "application/json", **answer.headers}


def log_request(
    method: str,
    route: str,
    request_id: str,
    status: int,
    seconds: float,
    meter: Usage,
    *,
    organization: str = "",
    error: BaseException | None = None,
) -> None:
    """The one line that every request leaves in the log."""
    fields: dict[str, Any] = {
        "request_id": request_id,
        "method": method,
        "route": route,
        "status": status,
        "duration_ms": round(seconds * 1000, 2),
        "organization": organization,
        "round_trips": meter.round_trips,
        "read_units": meter.read_units,
        "write_units": meter.write_units,
        "s3_requests": meter.s3_requests,
    }
    log.log("request", level=log.ERROR if status >= 500 else log.INFO, error=error, **fields)
