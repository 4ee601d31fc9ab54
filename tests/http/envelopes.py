"""Checks of the error format that clients can rely on."""

from __future__ import annotations

from typing import Any

from tests.support.api import ApiResponse


def header(reply: ApiResponse, name: str) -> str | None:
    """Returns a header of the response; names are case-insensitive."""
    return next((str(value) for key, value in reply.headers.items() if key.lower() == name.lower()), None)


def assert_envelope(reply: ApiResponse, status: int | None = None, type: str | None = None) -> dict[str, Any]:
    """Checks that an error response has the error format, and returns its `error` object."""
    assert status in (None, reply.status), reply.text
    assert reply.status >= 400, reply.text
    body = reply.json
    assert set(body) == {"success", "status", "error"} | ({"detail"} if reply.status == 422 else set()), body
    assert body["success"] is False
    assert body["status"] == reply.status
    error: dict[str, Any] = body["error"]
    assert set(error) == {"message", "type", "code", "details"}
    assert type in (None, error["type"]), body
    assert isinstance(error["type"], str)
    assert error["type"]
    assert isinstance(error["message"], str)
    assert error["message"]
    assert error["code"] is None or isinstance(error["code"], str)
    assert error["details"] is None or isinstance(error["details"], dict)
    assert header(reply, "X-Request-Id")
    assert header(reply, "Access-Control-Allow-Origin") == "*"
    assert (header(reply, "Content-Type") or "").startswith("application/json")
    if reply.status == 422:
        _assert_both_shapes(body)
    if reply.status == 503:
        assert int(header(reply, "Retry-After") or "") > 0
        assert (error["details"] or {}).get("retryable") is True
    return error


def _assert_both_shapes(body: dict[str, Any]) -> None:
    assert body["error"]["type"] == "ValidationError"
    errors, detail = body["error"]["details"]["validation_errors"], body["detail"]
    assert errors
    assert [(p["type"], p["location"], p["message"]) for p in errors] == [
        (p["type"], p["loc"], p["msg"]) for p in detail
    ]
    for problem in detail:
        assert problem["loc"][0] in ("body", "query", "path", "header")
        assert all(isinstance(step, str | int) for step in problem["loc"])
        assert isinstance(problem["msg"], str)
        assert problem["msg"]
