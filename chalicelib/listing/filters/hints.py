"""Recognizes filters and sorts that are written as in other systems, and says how they are written here."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.listing.filters.operators import OPERATORS

# Operators of MongoDB, SQL, Django and programming languages, in lower case, without `$` and underscores.
_OPERATORS = {
    **{name.replace("_", ""): name for name in OPERATORS},
    **dict.fromkeys(("=", "==", "===", "is", "equals", "equal", "iexact", "exact", "term"), "eq"),
    **dict.fromkeys(("!=", "<>", "not", "neq", "notequals", "notequal", "isnot"), "ne"),
    **dict.fromkeys((">", "greaterthan", "after"), "gt"),
    **dict.fromkeys((">=", "ge", "greaterthanorequal", "min"), "gte"),
    **dict.fromkeys(("<", "lessthan", "before"), "lt"),
    **dict.fromkeys(("<=", "le", "lessthanorequal", "max"), "lte"),
    **dict.fromkeys(("any", "anyof", "oneof", "terms"), "in"),
    **dict.fromkeys(("notin", "noneof"), "nin"),
    **dict.fromkeys(("icontains", "has", "includes", "all", "elemmatch"), "contains"),
    **dict.fromkeys(("prefix", "beginswith", "istartswith"), "starts_with"),
    **dict.fromkeys(("suffix", "iendswith"), "ends_with"),
    **dict.fromkeys(("match", "search", "like", "ilike", "substring"), "text"),
    **dict.fromkeys(("matches", "regexp", "iregex", "rlike"), "regex"),
    **dict.fromkeys(("null", "isnone", "missing"), "is_null"),
}
_LOGICAL = {"and": "AND", "&&": "AND", "or": "OR", "||": "OR", "not": "NOT", "nor": "NOT", "!": "NOT"}
# Operators that are also likely names of members, so that an object with them is taken for a value.
_ALSO_MEMBERS = {"text", "phrase", "words"}


def operator_here(name: str) -> str | None:
    """Returns the operator that is written like this in another system, or None."""
    return _OPERATORS.get(_plain(name))


def logical_here(name: str, value: object) -> str | None:
    """Returns the logical key, such as AND, that is written like this in another system; None for other keys.

    Without a `$` the key can also be a field, so its value must be a filter or a list of filters.
    """
    logical = _LOGICAL.get(_plain(name))
    is_filter = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(part, dict) for part in value))
    return logical if name.startswith("$") or is_filter else None


def comparison_here(field: str, value: object) -> str | None:
    """Returns how to write `{field: {"$gte": 5}}` here, as JSON; None if the value has no operators of another system.

    Without a `$` all keys must be operators. The value could also be an object to compare with, which is then written
    with `field`, `operator` and `value`.
    """
    if not isinstance(value, dict) or not value:
        return None
    operators = {name: operator_here(name) for name in value}
    known = set(OPERATORS) - _ALSO_MEMBERS
    if not any(name.startswith("$") for name in operators) and not known.issuperset(operators):
        return None
    name, operator = next(iter(operators.items()))
    return _json({"field": field, "operator": operator, "value": value[name]}) if operator else None


def sort_here(entry: Any) -> str:
    """Returns the message for a sort in another form than `{field, direction}`."""
    field, direction = "created_at", "desc"
    if isinstance(entry, str) and entry.strip("+-"):
        name, _, order = entry.strip("+-").replace(":", " ").partition(" ")
        field, direction = name, "desc" if entry.startswith("-") or order.strip().lower() == "desc" else "asc"
    elif isinstance(entry, dict) and "field" not in entry and entry:
        field, order = next(iter(entry.items()))
        direction = "desc" if order == -1 or str(order).lower() in ("desc", "descending", "-1") else "asc"
    return f"use {{field, direction}}, for example {_json({'field': field[:100], 'direction': direction})}"


def _plain(name: str) -> str:
    return name.lower().removeprefix("$").replace("_", "")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
