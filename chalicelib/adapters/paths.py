"""Paths into payloads: dotted paths such as `data.playback_ids.0.id`, and JMESPath expressions after `jmespath:`.

A step of a dotted path is a key, or an index if the value is a list. A key that contains a dot can only be reached by
JMESPath, as in `jmespath:"a.b".c`: with several ways to split a path, a sender could choose the one that applies, and
finding it could take long.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.adapters.errors import Unmappable
from chalicelib.adapters.payload_values import Steps, TooManySteps
from chalicelib.core import json_path
from chalicelib.core.errors import invalid
from chalicelib.core.json_path import MISSING
from chalicelib.schemas.values import Location

__all__ = ["JMESPATH", "MISSING", "check_path", "find", "find_dotted"]

JMESPATH = "jmespath:"


def check_path(path: str, location: Location) -> None:
    """Raises RequestInvalid at `location` unless the path can be used: a short dotted path or a valid expression."""
    if not path.startswith(JMESPATH):
        json_path.check_path(path, *location, named=False)
        return
    from chalicelib.adapters.expressions import ExpressionInvalid, compiled

    try:
        compiled(path.removeprefix(JMESPATH))
    except ExpressionInvalid as error:
        raise invalid(*location, message=str(error), type="jmespath_invalid") from error


def find(payload: Any, path: str, steps: Steps) -> Any:
    """Returns the value at a path, or MISSING. The result of a JMESPath expression that is null counts as missing.

    The value may be anything that the payload contains; `check_value` checks it. Raises Unmappable if an expression is
    invalid, does not accept the payload, or needs too many steps.
    """
    if path.startswith(JMESPATH):
        return _evaluated(payload, path, steps)
    return find_dotted(payload, path)


def find_dotted(payload: Any, path: str) -> Any:
    """Returns the value at a dotted path, or MISSING."""
    value = payload
    for step in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(step, MISSING)
        elif isinstance(value, list) and _is_index(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return MISSING
    return value


def _is_index(step: str) -> bool:
    return step.isascii() and step.isdigit() and len(step) < 10


def _evaluated(payload: Any, path: str, steps: Steps) -> Any:
    from chalicelib.adapters.expressions import EvaluationFailed, ExpressionInvalid, evaluate

    try:
        value = evaluate(path.removeprefix(JMESPATH), payload, steps)
    except (EvaluationFailed, ExpressionInvalid) as error:
        raise Unmappable(f"{path!r} cannot be evaluated: {error}") from error
    except TooManySteps as error:
        raise Unmappable(f"{path!r} needs too many steps for this payload") from error
    return MISSING if value is None else value
