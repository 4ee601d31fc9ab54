"""Filters: a tree, a shorthand, or both mixed, read once and evaluated on every row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chalicelib.core.errors import invalid
from chalicelib.core.json_path import check_path
from chalicelib.listing.filters.operators import OPERATORS, Test, read_operator
from chalicelib.listing.filters.subjects import RowValues

LOGICAL = ("AND", "OR", "NOT")
MAX_DEPTH = 10
MAX_NODES = 200
# Each may keep some megabytes for its search.
MAX_PATTERNS = 10
Location = tuple[str | int, ...]

__all__ = ["MAX_DEPTH", "MAX_NODES", "MAX_PATTERNS", "OPERATORS", "Filter", "Leaf", "read_filter"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One comparison of the value at a path."""

    field: str
    operator: str
    value: Any
    case_sensitive: bool
    test: Test

    def holds(self, subjects: RowValues) -> bool:
        """Whether the comparison holds for the row."""
        return self.test(subjects.at(self.field))


@dataclass(frozen=True, slots=True)
class Node:
    """Several conditions: all of them, any of them, or none of them."""

    logic: Literal["AND", "OR", "NOT"]
    members: tuple[Node | Leaf, ...]

    def holds(self, subjects: RowValues) -> bool:
        """Whether the node holds for the row. An empty AND or NOT holds, an empty OR does not."""
        if self.logic == "AND":
            return all(member.holds(subjects) for member in self.members)
        found = any(member.holds(subjects) for member in self.members)
        return found if self.logic == "OR" else not found


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter, read."""

    root: Node

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether the row passes."""
        return self.root.holds(RowValues(row))

    def required(self) -> list[Leaf]:
        """The comparisons without which no row passes."""
        return list(_required(self.root))


def read_filter(raw: object, *, case_sensitive: bool = False, location: Location = ("body", "filters")) -> Filter:
    """The filter in a JSON value. Raises RequestInvalid with the place of what does not fit.

    `case_sensitive` beside a node or a leaf turns it on for everything below; false beside one, which the
    official client adds everywhere, turns nothing off.
    """
    return Filter(_Reader().node(raw, case_sensitive, location, 1))


def _required(node: Node | Leaf) -> Iterator[Leaf]:
    if isinstance(node, Leaf):
        yield node
    elif node.logic == "AND":
        for member in node.members:
            yield from _required(member)


class _Reader:
    """Reads one filter, counting its parts."""

    def __init__(self) -> None:
        self._parts = 0
        self._patterns = 0

    def node(self, raw: object, case_sensitive: bool, place: Location, depth: int) -> Node:
        """An object whose keys are all to hold."""
        return Node("AND", tuple(self._members(raw, case_sensitive, place, depth)))

    def _members(self, raw: object, case_sensitive: bool, place: Location, depth: int) -> Iterator[Node | Leaf]:
        self._count(place)
        if not isinstance(raw, dict):
            raise invalid(*place, message="A filter is an object", type="dict_type")
        if depth > MAX_DEPTH:
            message = f"Filters are nested at most {MAX_DEPTH} deep"
            raise invalid(*place, message=message, type="filter_too_deep")
        case_sensitive = _case(raw, case_sensitive, place)
        if "field" in raw:
            yield self._leaf(raw, case_sensitive, place)
            return
        for name, value in raw.items():
            if name in LOGICAL:
                yield self._logical(name, value, case_sensitive, (*place, name), depth)
            elif name != "case_sensitive":
                self._count(place)
                check_path(name, *place, name, named=True)
                yield _compare(name, "eq", value, case_sensitive, place, (*place, name))

    def _logical(self, name: Any, value: object, case_sensitive: bool, place: Location, depth: int) -> Node:
        if name == "NOT" and isinstance(value, dict):
            return Node(name, (self.node(value, case_sensitive, place, depth + 1),))
        if not isinstance(value, list):
            raise invalid(*place, message=f"{name} takes a list of filters", type="list_type")
        members = (self.node(member, case_sensitive, (*place, index), depth + 1) for index, member in enumerate(value))
        return Node(name, tuple(members))

    def _leaf(self, raw: dict[str, Any], case_sensitive: bool, place: Location) -> Leaf:
        for name in raw:
            if name not in ("field", "operator", "value", "case_sensitive"):
                raise invalid(*place, name, message="Not accepted beside `field`", type="extra_forbidden")
        field = raw["field"]
        if not isinstance(field, str) or not field:
            raise invalid(*place, "field", message="A dotted path is required", type="string_type")
        check_path(field, *place, "field", named=False)
        if "value" not in raw:
            raise invalid(*place, "value", message="Field required", type="missing")
        operator = raw.get("operator", "eq")
        self._count_pattern(operator, place)
        return _compare(field, operator, raw["value"], case_sensitive, place, (*place, "value"))

    def _count(self, place: Location) -> None:
        self._parts += 1
        if self._parts > MAX_NODES:
            message = f"A filter has at most {MAX_NODES} parts"
            raise invalid(*place, message=message, type="filter_too_large")

    def _count_pattern(self, operator: object, place: Location) -> None:
        self._patterns += operator == "regex"
        if self._patterns > MAX_PATTERNS:
            message = f"A filter has at most {MAX_PATTERNS} regular expressions"
            raise invalid(*place, message=message, type="filter_too_large")


def _refuse_dynamic(value: Any, place: Location) -> None:
    if isinstance(value, dict) and value.get("type") == "dynamic":
        raise invalid(*place, message="Dynamic values are not supported here", type="value_error")


def _case(raw: dict[str, Any], outer: bool, place: Location) -> bool:
    own = raw.get("case_sensitive")
    if own is not None and not isinstance(own, bool):
        raise invalid(*place, "case_sensitive", message="true or false", type="bool_type")
    return outer or bool(own)


def _compare(
    field: str, operator: Any, value: Any, case_sensitive: bool, place: Location, value_place: Location
) -> Leaf:
    _refuse_dynamic(value, value_place)
    for index, member in enumerate(value if isinstance(value, list) else ()):
        _refuse_dynamic(member, (*value_place, index))
    if not isinstance(operator, str) or operator not in OPERATORS:
        message = f"Unsupported operator; supported: {', '.join(OPERATORS)}"
        raise invalid(*place, "operator", message=message, type="enum")
    test = read_operator(operator, value, case_sensitive=case_sensitive, place=value_place)
    return Leaf(field, operator, value, case_sensitive, test)
