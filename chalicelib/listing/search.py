"""Search: finds a term anywhere in the texts of a row. `*` in a term matches any characters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from chalicelib.core.errors import invalid
from chalicelib.core.record import record
from chalicelib.core.text import contains_in_order, fold

MAX_SEARCH_LENGTH = 500


@record
class Search:
    """A search term, split at `*` into pieces. The pieces are case-folded unless `case_sensitive`."""

    pieces: tuple[str, ...]
    case_sensitive: bool

    @property
    def needles(self) -> tuple[str, ...]:
        """The case-folded pieces. The case-folded text of every matching row contains all of them."""
        return tuple(fold(piece) for piece in self.pieces)

    def matches(self, texts: Iterable[str]) -> bool:
        """Whether one of the texts contains all pieces, one after another."""
        return any(self._matches_text(text) for text in texts)

    def _matches_text(self, text: str) -> bool:
        return contains_in_order(text if self.case_sensitive else fold(text), self.pieces)


def read_search(term: str | None, *, case_sensitive: bool = False) -> Search | None:
    """Returns the search for a term, or None if the term is null or blank. Raises RequestInvalid if it is too long."""
    if term is None or not term.strip():
        return None
    if len(term) > MAX_SEARCH_LENGTH:
        raise invalid("body", "search", message=f"At most {MAX_SEARCH_LENGTH} characters", type="string_too_long")
    text = term if case_sensitive else fold(term)
    return Search(tuple(piece for piece in text.split("*") if piece), case_sensitive)


def strings_in(value: Any) -> Iterator[str]:
    """Yields all strings in a JSON value at any depth, except the keys of objects."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from strings_in(member)
    elif isinstance(value, list):
        for member in value:
            yield from strings_in(member)
