"""Parses the query and the body of a request into models. Raises RequestInvalid with the location of each problem."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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

# A hostile body can have 100 000 problems. The response lists the first ones.
MAX_PROBLEMS = 100


def read_body(
    raw: bytes, model: type[M], *, media_type: str | None = None, required: bool = False, max_bytes: int
) -> M:
    """Returns the body as a `model`. An empty body counts as an empty object unless the body is `required`.

    Raises MediaTypeUnsupported, TooLarge, or RequestInvalid whose locations start with `body`.
    """
    if not raw.strip():
        if required:
            raise invalid("body", message="A JSON object is required as the body", type="missing")
        return _validated(model, b"{}")
    if not _is_json(media_type):
        raise MediaTypeUnsupported(details={"content_type": media_type})
    check_size(raw, max_bytes)
    check_json(raw)
    return _validated(model, raw)


def check_size(raw: bytes, max_bytes: int) -> None:
    """Raises TooLarge if a body has more bytes."""
    if len(raw) > max_bytes:
        message = f"The body has more than {max_bytes} bytes: {TooLarge.advice}"
        raise TooLarge(message, details={"max_bytes": max_bytes})


def read_query(params: Mapping[str, Sequence[str]], model: type[M]) -> M:
    """Returns the query parameters as a `model`. Raises RequestInvalid, also for unknown and repeated parameters."""
    from pydantic import ValidationError

    check_names(params, model.model_fields)
    try:
        return model.model_validate_strings({name: values[0] for name, values in params.items()})
    except ValidationError as error:
        raise RequestInvalid(problems_in_model(error, "query", model)) from None


def check_names(params: Mapping[str, Sequence[str]], known: Mapping[str, Any]) -> None:
    """Raises RequestInvalid if a query parameter is not among the `known` ones or is repeated."""
    problems = [_unknown(name, known) for name in params if name not in known]
    problems += [_repeated(name) for name, values in params.items() if len(values) > 1]
    if problems:
        raise RequestInvalid(problems[:MAX_PROBLEMS])


def problems_of(error: ValidationError, *location: str | int) -> list[Problem]:
    """Returns the problems of a pydantic ValidationError. `location` precedes the location of each."""
    return [
        Problem((*location, *found["loc"]), found["msg"], found["type"])
        for found in error.errors(include_url=False, include_context=False, include_input=False)[:MAX_PROBLEMS]
    ]


def problems_in_model(error: ValidationError, root: str, model: type[BaseModel]) -> list[Problem]:
    """Returns the problems as `problems_of`. For an unknown field, the message lists the known ones."""
    from chalicelib.http.model_paths import fields_at

    problems = problems_of(error, root)
    return [
        _unknown(problem.location[-1], known, *problem.location[:-1])
        if problem.type == "extra_forbidden" and (known := fields_at(model, problem.location[1:-1])) is not None
        else problem
        for problem in problems
    ]


def _validated(model: type[M], raw: bytes) -> M:
    from pydantic import ValidationError

    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise RequestInvalid(problems_in_model(error, "body", model)) from None


def _unknown(name: str | int, known: Iterable[str], *location: str | int) -> Problem:
    accepted = ", ".join(sorted(known)) or "none"
    path = (*(location or ("query",)), name)
    return Problem(path, f"{name!r} is not accepted here; accepted: {accepted}", "extra_forbidden")


def _repeated(name: str) -> Problem:
    return Problem(("query", name), f"{name!r} is given more than once", "repeated")


def _is_json(media_type: str | None) -> bool:
    # A missing header counts as JSON. `curl --data` without `-H` sends the type of a form, which is rejected.
    essence = (media_type or "application/json").partition(";")[0].strip().lower()
    return essence == "application/json" or (essence.startswith("application/") and essence.endswith("+json"))
