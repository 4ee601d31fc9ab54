"""The API operations for health checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.core.lazy_module import LazyModule
from chalicelib.health.checks import (
    CHECK_TIME_LIMIT_SECONDS,
    DEPENDENCIES,
    NOT_CHECKED,
    NOT_DEPLOYED,
    CheckResult,
    Checks,
)
from chalicelib.http.operation import Call, JsonResponse, Operation

if TYPE_CHECKING:
    from chalicelib.health import models
    from chalicelib.health.models import HealthCheckResponse
else:
    models = LazyModule("chalicelib.health.models")

operation = partial(
    Operation,
    method="GET",
    tag="Health",
    description="Reports whether the service responds. `deep` checks its dependencies, each for half a second at most.",
)


def health_operations(checks: Callable[[], Checks]) -> list[Operation]:
    """Returns the operations for the shallow, liveness and deep checks."""

    def shallow(call: Call) -> JsonResponse:
        return deep(call) if call.query.deep or call.query.metrics else JsonResponse({"status": "OK"})

    def deep(call: Call) -> JsonResponse:
        return JsonResponse(_report(checks().run(deep=call.query.deep), timed=call.query.metrics))

    def alive(_: Call) -> JsonResponse:
        return JsonResponse({"status": "ok"})

    return [
        operation(
            path="/v1/health",
            name="health",
            summary="Health",
            run=shallow,
            response=lambda: models.HealthCheckResponse,
            query=lambda: models.HealthQuery,
            scope="open",
        ),
        operation(
            path="/v1/health/liveness",
            name="liveness",
            summary="Liveness",
            run=alive,
            scope="open",
            response=lambda: models.LivenessResponse,
        ),
        operation(
            path="/v1/health/deep",
            name="deep_health",
            summary="Deep Health",
            run=deep,
            scope="organization",
            response=lambda: models.HealthCheckResponse,
            query=lambda: models.DeepHealthQuery,
            # Authentication reads the database, too.
            time_limit_seconds=CHECK_TIME_LIMIT_SECONDS,
        ),
    ]


def _report(results: Mapping[str, CheckResult], *, timed: bool) -> HealthCheckResponse:
    errors = {name: results[name].error if name in results else None for name in DEPENDENCIES}
    meta: dict[str, Any] = {"not_deployed": list(NOT_DEPLOYED), "not_asked": list(NOT_CHECKED)}
    if timed:
        meta["milliseconds"] = {name: result.milliseconds for name, result in results.items()}
    return {
        "status": "DEGRADED" if any(errors.values()) else "OK",
        "data": {name: errors[name] is None for name in DEPENDENCIES},  # type: ignore[typeddict-item]
        "errors": errors,
        "meta": meta,
    }
