"""What a list request of buckets says about ids, names and texts, to read fewer rows."""

from __future__ import annotations

from chalicelib.core.ids import is_id
from chalicelib.core.instants import instant_key
from chalicelib.core.text import fold
from chalicelib.listing.query import ListQuery

BY_AGE = ("created_at", "bucket_id")
BY_NAME = ("bucket_name",)


def order_of(query: ListQuery) -> str | None:
    """Returns the field to sort by if the rows of a table or index already have that order."""
    if len(query.sorts) != 1:
        return None
    sort = query.sorts[0]
    if sort.field in BY_NAME and sort.case_sensitive:  # the index has case-folded names
        return None
    return sort.field if sort.field in BY_AGE + BY_NAME else None


def is_descending(query: ListQuery) -> bool:
    """Returns whether the first sort is descending."""
    return query.sorts[0].descending


def ids_in(query: ListQuery) -> list[str] | None:
    """Returns the only id that can match the filter, an empty list if no id can, or None if the filter names no id."""
    for leaf in query.filter.required() if query.filter else ():
        if leaf.field == "bucket_id" and leaf.operator == "eq":
            return [fold(leaf.value)] if isinstance(leaf.value, str) and is_id(fold(leaf.value), "bkt") else []
    return None


def needles_in(query: ListQuery) -> tuple[str, ...]:
    """Returns the pieces that a row's case-folded text must contain to match the search."""
    return query.search.needles if query.search else ()


def prefix_in(query: ListQuery) -> str:
    """Returns the prefix of the case-folded name that the filter requires, or an empty text."""
    for leaf in query.filter.required() if query.filter else ():
        if leaf.field != "bucket_name" or not isinstance(leaf.value, str):
            continue
        # A name that equals a time may be another notation of it.
        if leaf.operator == "starts_with" or (leaf.operator == "eq" and instant_key(leaf.value) is None):
            return fold(leaf.value)
    return ""
