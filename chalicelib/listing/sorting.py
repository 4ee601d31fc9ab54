"""Sorting: a total order over rows of JSON, whatever their fields hold.

Ascending, false and true come first, then numbers, text, lists, objects, and last what is null or missing;
descending is the exact reverse. Text is compared by its first `MAX_COMPARED_CHARACTERS` characters, shared among the
keys, because a cursor carries them. Lists tie with lists and objects with objects. Ties go by id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import total_ordering
from typing import Any

from chalicelib.core.errors import invalid
from chalicelib.core.json_path import MISSING, check_path, value_at
from chalicelib.core.text import fold

MAX_SORTS = 8
# Written as JSON and base64, even control characters fit into a cursor, and a cursor into a URL.
MAX_COMPARED_CHARACTERS = 900
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
    if sorts is not None and sorts != []:
        if not isinstance(sorts, list) or len(sorts) > MAX_SORTS:
            raise invalid("body", "sorts", message=f"A list of at most {MAX_SORTS} sorts", type="list_type")
        return tuple(_read(entry, ("body", "sorts", index), case_sensitive) for index, entry in enumerate(sorts))
    if sort is None or sort == {}:
        return ()
    return (_read(sort, ("body", "sort"), case_sensitive),)


def _read(entry: Any, place: tuple[str | int, ...], case_sensitive: bool) -> SortKey:
    if not isinstance(entry, dict):
        raise invalid(*place, message="A sort is an object with `field` and `direction`", type="dict_type")
    for name in entry:
        if name not in ("field", "direction"):
            raise invalid(*place, name, message="Not accepted in a sort", type="extra_forbidden")
    field, direction = entry.get("field"), entry.get("direction")
    if not isinstance(field, str) or not field:
        raise invalid(*place, "field", message="The name of a field is required", type="missing")
    check_path(field, *place, "field", named=False)
    return SortKey(field, _descending(direction, place), case_sensitive)


def _descending(direction: Any, place: tuple[str | int, ...]) -> bool:
    if direction is None:
        return False
    if not isinstance(direction, str) or direction.lower() not in ("asc", "desc"):
        raise invalid(*place, "direction", message="asc or desc", type="enum")
    return direction.lower() == "desc"


def position(row: Mapping[str, Any], sorts: Sequence[SortKey], id: str) -> list[Any]:
    """Where a row stands: what is compared of its value for each key, then its id. JSON, and short."""
    longest = MAX_COMPARED_CHARACTERS // max(len(sorts), 1)
    return [*(_compared(value_at(row, sort.field), longest) for sort in sorts), id]


def _compared(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return value[:longest]
    if isinstance(value, list | dict):
        return type(value)()
    return None if value is MISSING else value


def key(position: Sequence[Any], sorts: Sequence[SortKey]) -> SortPosition:
    """The position as something that compares; ties go by id, in the direction of the first key."""
    parts = [_Part(_rank(value, sort), sort.descending) for value, sort in zip(position, sorts, strict=False)]
    descending = bool(sorts) and sorts[0].descending
    return SortPosition((*parts, _Part((0, str(position[-1])), descending)))


@dataclass(frozen=True, slots=True, order=True)
class SortPosition:
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
    # Values of different types never compare: their ranks do.
    rank = next((rank for type_, rank in _RANKS if isinstance(value, type_)), LAST)
    if isinstance(value, str):
        return (rank, value if sort.case_sensitive else fold(value))
    return (rank, value if isinstance(value, int | float) else 0)
