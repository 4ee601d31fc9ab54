"""The bodies and headers of error responses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

import chalicelib
from chalicelib.core.errors import (
    ApiError,
    BadRequest,
    Forbidden,
    MethodNotAllowed,
    NotEnabled,
    NotFound,
    Problem,
    RequestInvalid,
    RouteNotFound,
    Unauthenticated,
    Unavailable,
    invalid,
)
from chalicelib.http.api_models import ErrorResponse, HTTPValidationError
from chalicelib.http.envelope import (
    STATUS,
    envelope,
    error_body,
    error_headers,
    error_response,
    internal_error,
    status_and_type,
)

ROOT = Path(chalicelib.__file__).parent


def all_error_classes() -> list[type[ApiError]]:
    """Returns all error classes, found by importing all modules."""
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return sorted(set(_subclasses(ApiError)), key=lambda class_: f"{class_.__module__}.{class_.__name__}")


def _subclasses(class_: type[ApiError]) -> Iterator[type[ApiError]]:
    for subclass in class_.__subclasses__():
        if subclass.__module__.startswith("chalicelib."):
            yield subclass
            yield from _subclasses(subclass)


def test_every_error_class_has_a_status() -> None:
    found = all_error_classes()
    assert len(found) > 20
    for class_ in found:
        status, type_ = status_and_type(class_)
        assert 400 <= status <= 503
        assert type_.endswith("Error")
        assert class_.__doc__


def test_no_error_class_follows_its_own_base_class() -> None:
    classes = list(STATUS)
    for index, class_ in enumerate(classes):
        assert not any(issubclass(class_, earlier) for earlier in classes[:index])


@pytest.mark.parametrize(
    ("class_", "status", "type_"),
    [
        (RouteNotFound, 404, "NotFoundError"),
        (NotEnabled, 403, "NotEnabledError"),
        (Forbidden, 403, "ForbiddenError"),
        (Unauthenticated, 401, "UnauthorizedError"),
        (RequestInvalid, 422, "ValidationError"),
        (BadRequest, 400, "BadRequestError"),
        (MethodNotAllowed, 405, "MethodNotAllowedError"),
    ],
)
def test_an_error_class_has_its_status_and_type(class_: type[ApiError], status: int, type_: str) -> None:
    assert status_and_type(class_) == (status, type_)


def test_the_base_class_has_no_status() -> None:
    with pytest.raises(LookupError):
        status_and_type(ApiError)


def test_a_body_has_message_code_and_details() -> None:
    body = error_body(NotFound("No such thing", code="gone", details={"id": "a"}))
    assert body == {
        "success": False,
        "status": 404,
        "error": {"message": "No such thing", "type": "NotFoundError", "code": "gone", "details": {"id": "a"}},
    }


def test_missing_details_and_codes_are_null() -> None:
    assert error_body(NotFound())["error"]["details"] is None
    assert error_body(NotFound())["error"]["code"] is None


def test_an_invalid_request_is_reported_in_both_published_formats() -> None:
    problems = [Problem(("body", "parts", 0), "Field required", "missing"), Problem(("query", "limit"), "Too small")]
    body = error_body(RequestInvalid(problems))
    assert body["status"] == 422
    assert body["error"]["type"] == "ValidationError"
    assert body["error"]["message"] == "Validation error at body.parts.0: Field required (and 1 more)"
    assert body["error"]["details"]["validation_errors"] == [
        {"type": "missing", "location": ["body", "parts", 0], "message": "Field required"},
        {"type": "value_error", "location": ["query", "limit"], "message": "Too small"},
    ]
    assert body["detail"] == [
        {"loc": ["body", "parts", 0], "msg": "Field required", "type": "missing"},
        {"loc": ["query", "limit"], "msg": "Too small", "type": "value_error"},
    ]


def test_the_time_to_wait_is_in_header_and_body() -> None:
    body = error_body(Unavailable(details={"a": 1}))
    assert error_headers(Unavailable()) == {"Retry-After": str(Unavailable.retry_after)}
    assert body["error"]["details"] == {"a": 1, "retryable": True, "retry_after_seconds": Unavailable.retry_after}


def test_an_unexpected_error_has_a_fixed_message_and_the_request_id() -> None:
    assert internal_error("a")["error"]["message"] == internal_error("b")["error"]["message"]
    assert (internal_error("a")["status"], internal_error("a")["error"]["details"]) == (500, {"request_id": "a"})


@pytest.mark.parametrize(
    "body",
    [
        error_body(NotFound()),
        error_body(Unavailable()),
        internal_error("a"),
        envelope(418, "Teapot", "No", code="c", details={}),
    ],
)
def test_every_body_matches_the_published_model(body: dict[str, object]) -> None:
    TypeAdapter(ErrorResponse).validate_python(body, strict=True)


def test_the_body_of_an_invalid_request_matches_its_published_model() -> None:
    TypeAdapter(HTTPValidationError).validate_python(error_body(invalid("body", 3, message="No")), strict=True)


def test_other_entry_points_use_the_same_format() -> None:
    status, headers, text = error_response(Unavailable(), "some-id")
    assert status == 503
    assert json.loads(text) == error_body(Unavailable())
    assert headers["X-Request-Id"] == "some-id"
    assert headers["Content-Type"] == "application/json"
    assert headers["Retry-After"]


SIMILAR_NAMES = st.builds(
    "{}{}{}".format, st.just("a" * 90), st.integers(0, 9) | st.text(max_size=200), st.just("b" * 90)
)


@given(st.dictionaries(SIMILAR_NAMES, st.integers(), min_size=1))
def test_no_detail_replaces_another_one_with_a_similar_name(details: dict[str, int]) -> None:
    assert envelope(409, "ConflictError", "Taken", details={"key": details})["error"]["details"] == {"key": details}
