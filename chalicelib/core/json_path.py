"""Dotted paths into JSON values, such as `metadata.tags.0`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from chalicelib.core.errors import invalid

# Limits of paths in requests. A dot may separate two keys or be part of a key, so each dot makes the lookup longer.
MAX_PATH = 500
MAX_DOTS = 20


class _Missing:
    """The type of `MISSING`."""


MISSING: Final = _Missing()


def check_path(path: str, *location: str | int, named: bool) -> None:
    """Raises RequestInvalid at `location` if the path exceeds `MAX_PATH` characters or `MAX_DOTS` dots.

    `named` means that the last part of the location is the path itself. The error omits a path that is too long.
    """
    if len(path) > MAX_PATH:
        location = location[:-1] if named else location
        raise invalid(*location, message=f"A dotted path has at most {MAX_PATH} characters", type="string_too_long")
    if path.count(".") > MAX_DOTS:
        raise invalid(*location, message=f"A dotted path has at most {MAX_DOTS} dots", type="path_too_deep")


def value_at(value: Any, path: str) -> Any:
    """Returns the value at a dotted path of keys and list indexes, or MISSING. Keys that contain dots are found too."""
    if isinstance(value, Mapping):
        if path in value:
            return value[path]
        for key, rest in _splits(path):
            if key in value:
                found = value_at(value[key], rest)
                if found is not MISSING:
                    return found
        return MISSING
    if isinstance(value, list):
        head, dot, rest = path.partition(".")
        if head.isascii() and head.isdigit() and len(head) < 10 and int(head) < len(value):
            return value_at(value[int(head)], rest) if dot else value[int(head)]
    return MISSING


def keys_to(value: Mapping[str, Any], path: str) -> list[str] | None:
    """Returns the keys that lead to the value at a path, up to the first list; None if there is no such value.

    The value is the one that `value_at` returns.
    """
    if path in value:
        return [path]
    for key, rest in _splits(path):
        inner = value.get(key)
        if isinstance(inner, list) and value_at(inner, rest) is not MISSING:
            return [key]
        if isinstance(inner, Mapping) and (keys := keys_to(inner, rest)) is not None:
            return [key, *keys]
    return None


def _splits(path: str) -> Iterator[tuple[str, str]]:
    """Yields the first key and the rest of a path, split at each of its dots, from left to right."""
    for position, char in enumerate(path):
        if char == ".":
            yield path[:position], path[position + 1 :]
