"""The health operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from chalicelib.foundation.operations import Answer, Call, Operation
from chalicelib.health.checks import DEPENDENCIES, NOT_DEPLOYED, Checks


class HealthQuery(BaseModel):
    """The query string of the health operations."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    deep: bool = Field(default=False, description="Ask the dependencies too")
    metrics: bool = Field(default=False, description="Ask the dependencies too, and add how long each took")


class Dependencies(TypedDict):
    """Whether each dependency answers. What this deployment does not have counts as answering."""

    cache: bool
    metadata: bool
    vector_store: bool
    object_storage: bool
    task_queue: bool
    inference: bool


class HealthCheckResponse(TypedDict):
    """The state of the service; the light answer is its `status` alone."""

    status: Literal["OK", "DEGRADED"]
    data: NotRequired[Dependencies]
    errors: NotRequired[dict[str, str | None]]
    meta: NotRequired[dict[str, Any] | None]


class LivenessResponse(TypedDict):
    """The process answers."""

    status: Annotated[Literal["ok"], Field(default="ok")]


def health_operations(checks: Callable[[], Checks]) -> list[Operation]:
    """Light, liveness and deep."""

    def light(call: Call) -> Answer:
        return deep(call) if call.query.deep or call.query.metrics else Answer({"status": "OK"})

    def deep(call: Call) -> Answer:
        return Answer(_report(checks(), timed=call.query.metrics))

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
            answer=LivenessResponse,
        ),
        _operation(path="/v1/health/deep", name="deep_health", summary="Deep Health", run=deep, scope="organization"),
    ]


def _operation(**given: Any) -> Operation:
    described = {"description": "Whether the service answers; `deep` asks what it stands on as well."}
    return Operation(
        **{
            "tag": "Health",
            "method": "GET",
            "query": HealthQuery,
            "answer": HealthCheckResponse,
            **described,
            **given,
        }
    )


def _report(checks: Checks, *, timed: bool) -> HealthCheckResponse:
    found = checks.run()
    errors = {name: found[name].error if name in found else None for name in DEPENDENCIES}
    meta: dict[str, Any] = {"not_deployed": list(NOT_DEPLOYED)}
    if timed:
        meta["milliseconds"] = {name: check.milliseconds for name, check in found.items()}
    return {
        "status": "DEGRADED" if any(errors.values()) else "OK",
        "data": {name: errors[name] is None for name in DEPENDENCIES},  # type: ignore[typeddict-item]
        "errors": errors,
        "meta": meta,
    }
