"""`GET /openapi.json`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from chalicelib.http.operation import Call, JsonResponse, Operation


def openapi_operations(described: Sequence[Operation]) -> list[Operation]:
    """The operation that answers with the description of the others."""

    @cache
    def document() -> dict[str, Any]:
        # The generator is needed by this one operation; every other cold start does without it.
        from chalicelib.openapi.document import openapi

        return openapi(described)

    def get(_: Call) -> JsonResponse:
        return JsonResponse(document())

    return [
        Operation(
            method="GET",
            path="/openapi.json",
            name="openapi",
            tag="Documentation",
            summary="OpenAPI",
            description="This API, described.",
            run=get,
            scope="open",
            response=lambda: dict[str, Any],
        )
    ]
