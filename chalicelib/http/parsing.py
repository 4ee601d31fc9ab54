"""From the words of a request to our models; what does not fit is a `RequestInvalid` naming the place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib.core.errors import (
    MediaTypeUnsupported,
    Problem,
    RequestInvalid,
    TooLarge,
    invalid,
)
from chalicelib.core.json_codec import check_json

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound="BaseModel")

# A hostile body can be wrong in a hundred thousand places; the answer names the first of them.
MAX_PROBLEMS = 100


def read_body(
    raw: bytes, model: type[M], *, media_type: str | None = None, required: bool = False, max_bytes: int
) -> M:
    """The body as a `model`; an empty body is an empty object unless one is `required`.

    Raises MediaTypeUnsupported, TooLarge, or RequestInvalid whose locations start with `body`.
    """
    if not raw.strip():
        if required:
            raise invalid("body", message="A JSON object is required as the body", type="missing")
        return _validated(model, b"{}")
    if not _is_json(media_type):
        raise MediaTypeUnsupported(details={"content_type": media_type})
    if len(raw) > max_bytes:
        raise TooLarge(f"The body is larger than {max_bytes} bytes", details={"max_bytes": max_bytes})
    check_json(raw)
    return _validated(model, raw)


def read_query(given: Mapping[str, Sequence[str]], model: type[M]) -> M:
    """The query string as a `model`: unknown names and names given twice are refused, not ignored."""
    from pydantic import ValidationError

    check_names(given, model.model_fields)
    try:
        return model.model_validate_strings({name: values[0] for name, values in given.items()})
    except ValidationError as error:
        raise RequestInvalid(_problems(error, "query", model)) from None


def check_names(given: Mapping[str, Sequence[str]], known: Mapping[str, Any]) -> None:
    """Refuses a query string that names something unknown, or something twice."""
    problems = [_unknown(name, known) for name in given if name not in known]
    problems += [_repeated(name) for name, values in given.items() if len(values) > 1]
    if problems:
        raise RequestInvalid(problems[:MAX_PROBLEMS])


def problems_of(error: ValidationError, *location: str | int) -> list[Problem]:
    """pydantic's findings as ours, under a location."""
    return [
        Problem((*location, *found["loc"]), found["msg"], found["type"])
        for found in error.errors(include_url=False, include_context=False, include_input=False)[:MAX_PROBLEMS]
    ]


def _validated(model: type[M], raw: bytes) -> M:
    from pydantic import ValidationError

    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise RequestInvalid(_problems(error, "body", model)) from None


def _problems(error: ValidationError, place: str, model: type[BaseModel]) -> list[Problem]:
    return [
        _unknown(problem.location[1], model.model_fields, place=place)
        if problem.type == "extra_forbidden" and len(problem.location) == 2
        else problem
        for problem in problems_of(error, place)
    ]


def _unknown(name: str | int, known: Mapping[str, Any], *, place: str = "query") -> Problem:
    accepted = ", ".join(sorted(known)) or "none"
    return Problem((place, name), f"{name!r} is not accepted here; accepted: {accepted}", "extra_forbidden")


def _repeated(name: str) -> Problem:
    return Problem(("query", name), f"{name!r} is given more than once", "repeated")


def _is_json(media_type: str | None) -> bool:
    # Clients that set no type at all (curl --data without -H sends a form's) are told; no header is JSON.
    essence = (media_type or "application/json").partition(";")[0].strip().lower()
    return essence == "application/json" or (essence.startswith("application/") and essence.endswith("+json"))
