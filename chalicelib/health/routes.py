"""The health operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from chalicelib.health.checks import BUDGET_SECONDS, DEPENDENCIES, NOT_ASKED, NOT_DEPLOYED, Checks, Found
from chalicelib.http.operation import Answer, Call, Operation

if TYPE_CHECKING:
    from chalicelib.health.models import HealthCheckResponse


def health_operations(checks: Callable[[], Checks]) -> list[Operation]:
    """Light, liveness and deep."""

    def light(call: Call) -> Answer:
        return deep(call) if call.query.deep or call.query.metrics else Answer({"status": "OK"})

    def deep(call: Call) -> Answer:
        return Answer(_report(checks().run(deep=call.query.deep), timed=call.query.metrics))

    def alive(_: Call) -> Answer:
        return Answer({"status": "ok"})

    return [
        _operation(path="/v1/health", name="health", summary="Health", run=light, scope="open"),
        _operation(
            path="/v1/health/liveness",
            name="liveness",
            summary="Liveness",
            run=alive,
            scope="open",
            query=None,
            answer=lambda: _models().LivenessResponse,
        ),
        _operation(
            path="/v1/health/deep",
            name="deep_health",
            summary="Deep Health",
            run=deep,
            scope="organization",
            query=lambda: _models().DeepHealthQuery,
            # Whether the key is one is asked of a dependency too.
            patience_seconds=BUDGET_SECONDS,
        ),
    ]


def _models() -> ModuleType:
    from chalicelib.health import models

    return models


def _operation(**given: Any) -> Operation:
    described = {"description": "Whether the service answers; `deep` asks what it stands on, half a second each."}
    return Operation(
        **{
            "tag": "Health",
            "method": "GET",
            "query": lambda: _models().HealthQuery,
            "answer": lambda: _models().HealthCheckResponse,
            **described,
            **given,
        }
    )


def _report(found: Mapping[str, Found], *, timed: bool) -> HealthCheckResponse:
    errors = {name: found[name].error if name in found else None for name in DEPENDENCIES}
    meta: dict[str, Any] = {"not_deployed": list(NOT_DEPLOYED), "not_asked": list(NOT_ASKED)}
    if timed:
        meta["milliseconds"] = {name: check.milliseconds for name, check in found.items()}
    return {
        "status": "DEGRADED" if any(errors.values()) else "OK",
        "data": {name: errors[name] is None for name in DEPENDENCIES},  # type: ignore[typeddict-item]
        "errors": errors,
        "meta": meta,
    }
