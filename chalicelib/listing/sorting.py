"""Sorting: a total order of rows, for any JSON values in their fields.

In ascending order, false and true come first, then numbers, texts, lists and objects; null and missing values come
last. Texts that are dates or times are ordered by instant. Descending order is the exact reverse. Two lists are equal
in this order, and so are two objects. Rows with equal values are ordered by id.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import total_ordering
from typing import Any

from chalicelib.core.errors import invalid
from chalicelib.core.json_path import MISSING, check_path, value_at
from chalicelib.core.record import record
from chalicelib.listing.cursors import fingerprint
from chalicelib.listing.filters.hints import sort_here
from chalicelib.listing.filters.tree import check_field
from chalicelib.listing.text_keys import text_key_of

MAX_SORTS = 8
# The maximum number of characters of texts in a cursor, shared among the sort keys. JSON escapes a control character
# with six characters, so even texts of control characters fit into a cursor and a URL. The share of a key is more than
# a date or time may have, so a shortened text is neither.
MAX_CURSOR_CHARACTERS = 800
_TEXT_RANK = 2
_RANK_AFTER_TEXTS = 3
_RANKS: tuple[tuple[type | tuple[type, ...], int], ...] = (
    (bool, 0),
    ((int, float), 1),
    (str, _TEXT_RANK),
    (list, 4),
    (dict, 5),
)
_NULL_RANK = 6
_LAST_CHARACTER = "\U0010ffff"


@record
class SortKey:
    """One field to sort by."""

    field: str
    descending: bool = False
    case_sensitive: bool = False


def read_sorts(
    sort: Any, sorts: Any, *, case_sensitive: bool = False, fields: Collection[str] | None = None
) -> tuple[SortKey, ...]:
    """Returns the sort keys of a list request; none if both values are null or empty. `sorts` takes precedence.

    `fields` are the only fields that a row can have at its root; None if it can have any. Raises RequestInvalid.
    """
    if sorts is not None and sorts != []:
        if not isinstance(sorts, list) or len(sorts) > MAX_SORTS:
            raise invalid("body", "sorts", message=f"A list of at most {MAX_SORTS} sorts", type="list_type")
        return tuple(
            _read(entry, ("body", "sorts", index), case_sensitive, fields) for index, entry in enumerate(sorts)
        )
    if sort is None or sort == {}:
        return ()
    return (_read(sort, ("body", "sort"), case_sensitive, fields),)


def _read(entry: Any, location: tuple[str | int, ...], case_sensitive: bool, fields: Collection[str] | None) -> SortKey:
    if not isinstance(entry, dict):
        raise invalid(*location, message=f"A sort is an object: {sort_here(entry)}", type="dict_type")
    for name in entry:
        if name not in ("field", "direction"):
            message = f"Not accepted in a sort: {sort_here(entry)}"
            raise invalid(*location, name, message=message, type="extra_forbidden")
    field, direction = entry.get("field"), entry.get("direction")
    if not isinstance(field, str) or not field:
        raise invalid(*location, "field", message="The name of a field is required", type="missing")
    check_path(field, *location, "field", named=False)
    key = SortKey(field, _descending(direction, location), case_sensitive)
    check_field(field, fields, (*location, "field"))
    return key


def _descending(direction: Any, location: tuple[str | int, ...]) -> bool:
    if direction is None:
        return False
    if not isinstance(direction, str) or direction.lower() not in ("asc", "desc"):
        raise invalid(*location, "direction", message="The direction is asc or desc", type="enum")
    return direction.lower() == "desc"


def position(row: Mapping[str, Any], sorts: Sequence[SortKey], id: str) -> list[Any]:
    """Returns a row's position in the order of `sorts`: a JSON value for each sort key, then the id."""
    return [*(_comparable(value_at(row, sort.field)) for sort in sorts), id]


def _comparable(value: Any) -> Any:
    if isinstance(value, list | dict):
        return type(value)()
    return None if value is MISSING else value


def shortened(position: Sequence[Any]) -> list[Any]:
    """Returns a position for a cursor: of each long text only its start and a hash of the entire text."""
    max_length = MAX_CURSOR_CHARACTERS // max(len(position) - 1, 1)
    return [*(_shortened(value, max_length) for value in position[:-1]), position[-1]]


def _shortened(value: Any, max_length: int) -> Any:
    if not isinstance(value, str) or len(value) <= max_length:
        return value
    return {"start": value[:max_length], "hash": fingerprint(value)}


def is_shortened(position: Sequence[Any]) -> bool:
    """Returns whether a position of a cursor lacks the rest of a long text."""
    return any(_start(value) is not None for value in position)


def _start(value: Any) -> str | None:
    """Returns the start of a shortened text, or None for any other value."""
    if isinstance(value, dict) and value.keys() == {"start", "hash"} and isinstance(value["start"], str):
        return value["start"]
    return None


def resumed_position(cursor: Sequence[Any], current: Sequence[Any] | None, sorts: Sequence[SortKey]) -> SortPosition:
    """Returns the position in a cursor in a form that compares with `<`.

    `current` is the current position of the row that the cursor was made for, or None if it does not exist. It has the
    long texts of which the cursor has only the start. If such a text has changed since, the result is before all rows
    whose text has the same start. So some of them may be returned again, but none is lost.
    """
    full = shortened(current) if current is not None else [None] * len(cursor)
    known = [
        now if _start(value) is not None and short == value else value
        for value, short, now in zip(cursor, full, current or full, strict=False)
    ]
    return sort_position(known, sorts)


def sort_position(position: Sequence[Any], sorts: Sequence[SortKey]) -> SortPosition:
    """Returns a position made by `position` in a form that compares with `<`.

    Rows with equal values are ordered by id, in the direction of the first sort key.
    """
    ranks: dict[str, tuple[int, Any]] = {}  # several sort keys can have the same text, of up to 300 KB
    parts = []
    for value, sort in zip(position, sorts, strict=False):
        rank = ranks.get(value) if isinstance(value, str) else None
        if rank is None:
            rank = _rank(value, sort)
            if isinstance(value, str):
                ranks[value] = rank
        parts.append(_SortPart(rank, sort.descending))
    descending = bool(sorts) and sorts[0].descending
    return SortPosition((*parts, _SortPart((0, str(position[-1])), descending)))


def text_position(text: str, *, descending: bool) -> SortPosition:
    """Returns the position of a row that is ordered by this text alone, which is unique."""
    return SortPosition((_SortPart((_TEXT_RANK, text), descending),))


@dataclass(frozen=True, slots=True, order=True)
class SortPosition:
    """A row's position in the requested order. Compares with other positions of the same sort keys."""

    parts: tuple[_SortPart, ...]


@total_ordering
class _SortPart:
    """One value of a position. The order is reversed if the sort key is descending."""

    __slots__ = ("descending", "value")

    def __init__(self, value: tuple[int, Any], descending: bool) -> None:
        self.value, self.descending = value, descending

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _SortPart) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __lt__(self, other: _SortPart) -> bool:
        return other.value < self.value if self.descending else self.value < other.value


def _rank(value: Any, sort: SortKey) -> tuple[int, Any]:
    text_key = text_key_of(case_sensitive=sort.case_sensitive)
    if (start := _start(value)) is not None:
        return _rank_after(text_key(start)) if sort.descending else (_TEXT_RANK, text_key(start))
    # Python cannot compare values of different types. Their ranks differ, so the values are not compared.
    rank = next((rank for type_, rank in _RANKS if isinstance(value, type_)), _NULL_RANK)
    if isinstance(value, str):
        return (rank, text_key(value))
    return (rank, value if isinstance(value, int | float) else 0)


def _rank_after(start: str) -> tuple[int, Any]:
    """Returns the first rank after all texts that have this start."""
    rest = start.rstrip(_LAST_CHARACTER)
    return (_TEXT_RANK, f"{rest[:-1]}{chr(ord(rest[-1]) + 1)}") if rest else (_RANK_AFTER_TEXTS, "")
