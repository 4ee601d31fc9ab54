"""`GET /openapi.json`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from chalicelib.http.operation import Call, JsonResponse, Operation


def openapi_operations(described: Sequence[Operation]) -> list[Operation]:
    """Returns the operation whose response is the OpenAPI document of the `described` operations."""

    @cache
    def document() -> dict[str, Any]:
        # Imported here because only this operation needs the generator. Other cold starts do not load it.
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
            description="Returns the OpenAPI document of this API.",
            run=get,
            scope="open",
            response=lambda: dict[str, Any],
        )
    ]
