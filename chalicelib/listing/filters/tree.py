"""Filters of lists, in JSON: a tree of AND, OR and NOT, a shorthand of field and value, or both mixed.

A filter is read once per request and then evaluated on every row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

from chalicelib.core.errors import invalid
from chalicelib.core.json_path import check_path
from chalicelib.core.record import record
from chalicelib.listing.filters import hints
from chalicelib.listing.filters.operators import OPERATORS, Location, Test, read_operator
from chalicelib.listing.filters.patterns import MAX_EXPANDED_LENGTH, expanded_length
from chalicelib.listing.filters.subjects import RowValues

LOGICAL = ("AND", "OR", "NOT")
MAX_DEPTH = 10
MAX_NODES = 200
# Each compiled pattern may use several megabytes.
MAX_PATTERNS = 10
_NOT_BESIDE_FIELD = "Not accepted beside `field`; accepted: operator, value, case_sensitive"

__all__ = ["MAX_DEPTH", "MAX_NODES", "MAX_PATTERNS", "OPERATORS", "Filter", "Leaf", "read_filter"]


@record
class Leaf:
    """One comparison of the value at a dotted path."""

    field: str
    operator: str
    value: Any
    case_sensitive: bool
    test: Test

    def holds(self, row: RowValues) -> bool:
        """Whether the comparison holds for the row."""
        return self.test(row.at(self.field))


@record
class Node:
    """Conditions of which all (AND), any (OR) or none (NOT) must hold."""

    logic: Literal["AND", "OR", "NOT"]
    members: tuple[Node | Leaf, ...]

    def holds(self, row: RowValues) -> bool:
        """Whether the node holds for the row. An empty AND or NOT holds; an empty OR does not."""
        if self.logic == "AND":
            return all(member.holds(row) for member in self.members)
        found = any(member.holds(row) for member in self.members)
        return found if self.logic == "OR" else not found


@record
class Filter:
    """A checked filter."""

    root: Node

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether the row matches the filter."""
        return self.root.holds(RowValues(row))

    def paths(self) -> set[str]:
        """Returns the paths of all comparisons."""
        return set(_paths(self.root))

    def required(self) -> list[Leaf]:
        """Returns the comparisons that hold for every matching row. Callers use them to read fewer rows."""
        return list(_required(self.root))


def read_filter(
    raw: object,
    *,
    case_sensitive: bool = False,
    location: Location = ("body", "filters"),
    fields: Collection[str] | None = None,
) -> Filter:
    """Returns the filter in a JSON value. Raises RequestInvalid with the location of the error.

    `fields` are the only fields that a row can have at its root; None if it can have any.

    `"case_sensitive": true` in a node or a leaf applies to everything inside it. False has no effect, because the
    official client adds it to every node and leaf.
    """
    return Filter(_Reader(fields).node(raw, case_sensitive, location, 1))


def _required(node: Node | Leaf) -> Iterator[Leaf]:
    if isinstance(node, Leaf):
        yield node
    elif node.logic == "AND":
        for member in node.members:
            yield from _required(member)


def _paths(node: Node | Leaf) -> Iterator[str]:
    if isinstance(node, Leaf):
        yield node.field
    else:
        for member in node.members:
            yield from _paths(member)


class _Reader:
    """Reads one filter and counts its parts."""

    def __init__(self, fields: Collection[str] | None) -> None:
        self._fields = fields
        self._parts = 0
        self._patterns = 0
        self._expanded_length = 0

    def node(self, raw: object, case_sensitive: bool, location: Location, depth: int) -> Node:
        """Returns the node of a JSON object, whose members must all hold."""
        return Node("AND", tuple(self._members(raw, case_sensitive, location, depth)))

    def _members(self, raw: object, case_sensitive: bool, location: Location, depth: int) -> Iterator[Node | Leaf]:
        self._count(location)
        if not isinstance(raw, dict):
            raise invalid(*location, message="A filter is an object", type="dict_type")
        if depth > MAX_DEPTH:
            message = f"Filters are nested at most {MAX_DEPTH} deep"
            raise invalid(*location, message=message, type="filter_too_deep")
        case_sensitive = _case(raw, case_sensitive, location)
        if "field" in raw:
            yield self._leaf(raw, case_sensitive, location)
            return
        for name, value in raw.items():
            if name in LOGICAL:
                yield self._logical(name, value, case_sensitive, (*location, name), depth)
            elif name != "case_sensitive":
                self._count(location)
                check_path(name, *location, name, named=True)
                _reject_foreign(name, value, (*location, name))
                check_field(name, self._fields, (*location, name))
                yield _compare(name, "eq", value, case_sensitive, location, (*location, name))

    def _logical(self, name: Any, value: object, case_sensitive: bool, location: Location, depth: int) -> Node:
        if name == "NOT" and isinstance(value, dict):
            return Node(name, (self.node(value, case_sensitive, location, depth + 1),))
        if not isinstance(value, list):
            raise invalid(*location, message=f"{name} takes a list of filters", type="list_type")
        members = (
            self.node(member, case_sensitive, (*location, index), depth + 1) for index, member in enumerate(value)
        )
        return Node(name, tuple(members))

    def _leaf(self, raw: dict[str, Any], case_sensitive: bool, location: Location) -> Leaf:
        for name in raw:
            if name not in ("field", "operator", "value", "case_sensitive"):
                raise invalid(*location, name, message=_NOT_BESIDE_FIELD, type="extra_forbidden")
        field = raw["field"]
        if not isinstance(field, str) or not field:
            raise invalid(*location, "field", message="A dotted path is required", type="string_type")
        check_path(field, *location, "field", named=False)
        if "value" not in raw:
            raise invalid(*location, "value", message="Field required", type="missing")
        operator = raw.get("operator", "eq")
        if operator == "regex":
            self._count_pattern(raw["value"], location)
        leaf = _compare(field, operator, raw["value"], case_sensitive, location, (*location, "value"))
        check_field(field, self._fields, (*location, "field"))
        return leaf

    def _count(self, location: Location) -> None:
        self._parts += 1
        if self._parts > MAX_NODES:
            message = f"A filter has at most {MAX_NODES} parts"
            raise invalid(*location, message=message, type="filter_too_large")

    def _count_pattern(self, pattern: object, location: Location) -> None:
        self._patterns += 1
        if self._patterns > MAX_PATTERNS:
            message = f"A filter has at most {MAX_PATTERNS} regular expressions"
            raise invalid(*location, message=message, type="filter_too_large")
        if not isinstance(pattern, str) or (length := expanded_length(pattern)) > MAX_EXPANDED_LENGTH:
            return  # `read_operator` rejects it
        self._expanded_length += length
        if self._expanded_length > MAX_EXPANDED_LENGTH:
            message = (
                f"The regular expressions of a filter have at most {MAX_EXPANDED_LENGTH} characters together, "
                "with their repetitions written out"
            )
            raise invalid(*location, message=message, type="filter_too_large")


def check_field(path: str, fields: Collection[str] | None, location: Location) -> None:
    """Raises RequestInvalid if the rows have no field that the path can begin with. `fields` is as in `read_filter`."""
    root = path.partition(".")[0]
    if fields is not None and root not in fields:
        message = f"There is no field {root!r}; the fields are: {', '.join(fields)}"
        raise invalid(*location, message=message, type="unknown_field")


def _reject_foreign(name: str, value: object, location: Location) -> None:
    """Raises RequestInvalid for a key or a value that is written as in another system."""
    if logical := hints.logical_here(name, value):
        raise invalid(*location, message=f"{name!r} is written {logical} here", type="unknown_operator")
    if comparison := hints.comparison_here(name, value):
        message = f"An operator is written as {comparison} here; supported operators: {', '.join(OPERATORS)}"
        raise invalid(*location, message=message, type="unknown_operator")
    if name.startswith("$") and (operator := hints.operator_here(name)):
        message = f"{name!r} is an operator, not a field: use {{field, operator, value}} with the operator {operator}"
        raise invalid(*location, message=message, type="unknown_operator")


def _reject_dynamic(value: Any, location: Location) -> None:
    if isinstance(value, dict) and value.get("type") == "dynamic":
        raise invalid(*location, message="Dynamic values are not supported here", type="value_error")


def _case(raw: dict[str, Any], outer: bool, location: Location) -> bool:
    own = raw.get("case_sensitive")
    if own is not None and not isinstance(own, bool):
        raise invalid(*location, "case_sensitive", message="true or false", type="bool_type")
    return outer or bool(own)


def _compare(
    field: str, operator: Any, value: Any, case_sensitive: bool, location: Location, value_location: Location
) -> Leaf:
    _reject_dynamic(value, value_location)
    for index, member in enumerate(value if isinstance(value, list) else ()):
        _reject_dynamic(member, (*value_location, index))
    if not isinstance(operator, str) or operator not in OPERATORS:
        ours = hints.operator_here(operator) if isinstance(operator, str) else None
        hint = f"; use {ours}" if ours else ""
        message = f"Unsupported operator{hint}; supported: {', '.join(OPERATORS)}"
        raise invalid(*location, "operator", message=message, type="enum")
    test = read_operator(operator, value, case_sensitive=case_sensitive, location=value_location)
    return Leaf(field, operator, value, case_sensitive, test)
