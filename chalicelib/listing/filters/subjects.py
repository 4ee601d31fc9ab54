"""The values of one row that a filter looks at, and what is read off them, each worked out once.

A filter has up to 200 parts, and every one of them may ask about the same 300 KB.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

from chalicelib.core.json_equality import comparable
from chalicelib.core.json_path import value_at
from chalicelib.core.text import fold

T = TypeVar("T")


class FieldValue:
    """A value, which may be MISSING."""

    __slots__ = ("_made", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self._made: dict[Hashable, Any] = {}

    def comparable(self, case_sensitive: bool) -> Hashable:
        """What is equal for two values exactly when they are the same."""
        return self._once(("comparable", case_sensitive), lambda: comparable(self.value, case_sensitive))

    def hash(self, case_sensitive: bool) -> int:
        """The hash of that."""
        return self._once(("hash", case_sensitive), lambda: hash(self.comparable(case_sensitive)))

    def members(self, case_sensitive: bool) -> frozenset[Hashable]:
        """What each member of a list is compared by."""
        return self._once(
            ("members", case_sensitive),
            lambda: frozenset(comparable(member, case_sensitive) for member in self.value),
        )

    def text(self, case_sensitive: bool) -> str:
        """A text as it is compared."""
        return self.value if case_sensitive else self._once("text", lambda: fold(self.value))

    def words(self, case_sensitive: bool) -> frozenset[str]:
        """The words of a text."""
        return self._once(("words", case_sensitive), lambda: frozenset(words_of(self.text(case_sensitive))))

    def spaced(self, case_sensitive: bool) -> str:
        """The words of a text between blanks."""
        return self._once(("spaced", case_sensitive), lambda: spaced(self.text(case_sensitive)))

    def _once(self, name: Hashable, make: Callable[[], T]) -> T:
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]  # type: ignore[no-any-return]


class RowValues:
    """One row as the parts of a filter see it."""

    __slots__ = ("_met", "_row")

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row
        self._met: dict[int, FieldValue] = {}

    def at(self, path: str) -> FieldValue:
        """What stands at a dotted path. One value has one subject, however many paths lead to it."""
        value = value_at(self._row, path)
        # The subject keeps the value, so nothing else can come to have its id.
        return self._met.setdefault(id(value), FieldValue(value))


def words_of(text: str) -> list[str]:
    """The words of a text, in their order."""
    return re.findall(r"\w+", text)


def spaced(text: str) -> str:
    """The words of a text between blanks, where adjacent ones are found in time linear in its length."""
    return f" {' '.join(words_of(text))} "
