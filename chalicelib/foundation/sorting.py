"""Sorting: a total order over rows of JSON, whatever their fields hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import total_ordering
from typing import Any

from chalicelib.foundation.paths import MISSING, value_at
from chalicelib.foundation.refusals import invalid
from chalicelib.foundation.search import fold

MOST = 8
# Values of different types never compare: the types themselves have an order, and what is missing is last.
_RANKS: tuple[tuple[type | tuple[type, ...], int], ...] = (
    (bool, 0),
    ((int, float), 1),
    (str, 2),
    (list, 3),
    (dict, 4),
)
LAST = 5


@dataclass(frozen=True, slots=True)
class SortKey:
    """One field to sort by."""

    field: str
    descending: bool = False
    case_sensitive: bool = False


def read_sorts(sort: Any, sorts: Any, *, case_sensitive: bool = False) -> tuple[SortKey, ...]:
    """The sort keys of a list request; `sorts` wins over `sort`, and nothing is asked for by empty ones."""
    if sorts:
        if not isinstance(sorts, list) or len(sorts) > MOST:
            raise invalid("body", "sorts", message=f"A list of at most {MOST} sorts")
        return tuple(_read(entry, ("body", "sorts", index), case_sensitive) for index, entry in enumerate(sorts))
    return (_read(sort, ("body", "sort"), case_sensitive),) if sort else ()


def _read(entry: Any, place: tuple[str | int, ...], case_sensitive: bool) -> SortKey:
    if not isinstance(entry, dict):
        raise invalid(*place, message="A sort is an object with `field` and `direction`", type="dict_type")
    for name in entry:
        if name not in ("field", "direction"):
            raise invalid(*place, name, message="Not accepted in a sort", type="extra_forbidden")
    field, direction = entry.get("field"), entry.get("direction", "asc")
    if not isinstance(field, str) or not field:
        raise invalid(*place, "field", message="The name of a field is required", type="missing")
    if not isinstance(direction, str) or direction.lower() not in ("asc", "desc"):
        raise invalid(*place, "direction", message="asc or desc", type="enum")
    return SortKey(field, direction.lower() == "desc", case_sensitive)


def position(row: Mapping[str, Any], sorts: Sequence[SortKey], id: str) -> list[Any]:
    """Where a row stands: its value for each key, then its id."""
    values = (value_at(row, key.field) for key in sorts)
    return [*(None if value is MISSING else value for value in values), id]


def key(position: Sequence[Any], sorts: Sequence[SortKey]) -> Place:
    """The position as something that compares; ties go by id, in the direction of the first key."""
    parts = [_Part(_rank(value, sort), sort.descending) for value, sort in zip(position, sorts, strict=False)]
    descending = bool(sorts) and sorts[0].descending
    return Place((*parts, _Part((0, str(position[-1])), descending)))


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A row's place in the order asked for."""

    parts: tuple[_Part, ...]


@total_ordering
class _Part:
    __slots__ = ("descending", "value")

    def __init__(self, value: tuple[int, Any], descending: bool) -> None:
        self.value, self.descending = value, descending

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Part) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __lt__(self, other: _Part) -> bool:
        return other.value < self.value if self.descending else self.value < other.value


def _rank(value: Any, sort: SortKey) -> tuple[int, Any]:
    rank = next((rank for type_, rank in _RANKS if isinstance(value, type_)), LAST)
    if rank == LAST:
        return (rank, 0)
    if isinstance(value, str):
        return (rank, value if sort.case_sensitive else fold(value))
    if isinstance(value, list | dict):
        return (rank, json.dumps(value, sort_keys=True))
    return (rank, value)
