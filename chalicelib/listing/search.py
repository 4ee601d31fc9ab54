"""Search: a substring anywhere in a row's texts, with `*` for any run of characters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib.core.errors import invalid
from chalicelib.core.text import contains_in_order, fold

LONGEST = 500


@dataclass(frozen=True, slots=True)
class Search:
    """A search term, read: its pieces between `*`, folded unless `case_sensitive`."""

    pieces: tuple[str, ...]
    case_sensitive: bool

    @property
    def needles(self) -> tuple[str, ...]:
        """The folded pieces that a matching row's folded text holds."""
        return tuple(fold(piece) for piece in self.pieces)

    def matches(self, texts: Iterable[str]) -> bool:
        """Whether one of the texts holds the pieces, one behind the other."""
        return any(self._in(text) for text in texts)

    def _in(self, text: str) -> bool:
        return contains_in_order(text if self.case_sensitive else fold(text), self.pieces)


def read_search(term: str | None, *, case_sensitive: bool = False) -> Search | None:
    """The search for a term; none for a blank one. Raises RequestInvalid for one that is too long."""
    if term is None or not term.strip():
        return None
    if len(term) > LONGEST:
        raise invalid("body", "search", message=f"At most {LONGEST} characters", type="string_too_long")
    text = term if case_sensitive else fold(term)
    return Search(tuple(piece for piece in text.split("*") if piece), case_sensitive)


def texts_of(value: Any) -> Iterator[str]:
    """All strings in a JSON value, keys of objects left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from texts_of(member)
    elif isinstance(value, list):
        for member in value:
            yield from texts_of(member)
