"""Dotted paths into JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chalicelib.core.errors import invalid

# What a request may name: each dot may part two keys or be part of one, so following a path takes time for each.
MAX_PATH = 500
MAX_DOTS = 20


class _Missing:
    """What stands at a path that leads nowhere."""


MISSING: Final = _Missing()


def check_path(path: str, *place: str | int, named: bool) -> None:
    """Refuses a path that would take too long to follow: RequestInvalid at `place`.

    `named` says that the last part of the place is the path itself; one that is too long is left out of it.
    """
    if len(path) > MAX_PATH:
        place = place[:-1] if named else place
        raise invalid(*place, message=f"A dotted path has at most {MAX_PATH} characters", type="string_too_long")
    if path.count(".") > MAX_DOTS:
        raise invalid(*place, message=f"A dotted path has at most {MAX_DOTS} dots", type="path_too_deep")


def value_at(value: Any, path: str) -> Any:
    """The value at a dotted path of keys and list indexes, or MISSING. A key that holds dots is found too."""
    if isinstance(value, Mapping):
        if path in value:
            return value[path]
        places = [place for place, char in enumerate(path) if char == "."]
        for place in places:
            if path[:place] in value:
                found = value_at(value[path[:place]], path[place + 1 :])
                if found is not MISSING:
                    return found
        return MISSING
    if isinstance(value, list):
        head, dot, rest = path.partition(".")
        if head.isascii() and head.isdigit() and len(head) < 10 and int(head) < len(value):
            return value_at(value[int(head)], rest) if dot else value[int(head)]
    return MISSING


def keys_to(value: Mapping[str, Any], path: str) -> list[str] | None:
    """The keys on the way to what `value_at` finds, up to the first list; None where there is nothing."""
    if path in value:
        return [path]
    for place in (place for place, char in enumerate(path) if char == "."):
        name, rest = path[:place], path[place + 1 :]
        inner = value.get(name)
        if isinstance(inner, list) and value_at(inner, rest) is not MISSING:
            return [name]
        if isinstance(inner, Mapping) and (names := keys_to(inner, rest)) is not None:
            return [name, *names]
    return None
