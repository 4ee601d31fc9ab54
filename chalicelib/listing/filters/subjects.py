"""The values of one row that a filter compares, with results that are computed once per value.

A filter has up to 200 parts, and each of them may compare the same value of 300 KB.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from chalicelib.core.json_equality import equality_key
from chalicelib.core.json_path import value_at
from chalicelib.core.text import fold
from chalicelib.listing.text_keys import text_key_of

T = TypeVar("T")

# Python's `\w` has no marks. So the characters of `_NOT_ASCII` that are not marks are removed first.
_NOT_ASCII = re.compile(r"[^\w\x00-\x7f]")
_WORD = re.compile(r"\w[\w\x80-\U0010ffff]*")
_ZERO_WIDTH_SPACE = "\u200b"


class FieldValue:
    """A value of a row, or MISSING. Its methods compute a result once and then return the same one."""

    __slots__ = ("_results", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self._results: dict[Hashable, Any] = {}

    def equality_key(self, case_sensitive: bool) -> Hashable:
        """Returns a key of the value. Two values are equal if and only if their keys are equal."""
        return self._once(("comparable", case_sensitive), lambda: key_of(self.value, case_sensitive))

    def hash(self, case_sensitive: bool) -> int:
        """Returns the hash of `equality_key`."""
        return self._once(("hash", case_sensitive), lambda: hash(self.equality_key(case_sensitive)))

    def members(self, case_sensitive: bool) -> frozenset[Hashable]:
        """Returns the keys (see `equality_key`) of the members of a list."""
        return self._once(
            ("members", case_sensitive),
            lambda: frozenset(key_of(member, case_sensitive) for member in self.value),
        )

    def text(self, case_sensitive: bool) -> str:
        """Returns a text, case-folded unless `case_sensitive`."""
        return self.value if case_sensitive else self._once("text", lambda: fold(self.value))

    def words(self, case_sensitive: bool) -> frozenset[str]:
        """Returns the words of a text."""
        return self._once(("words", case_sensitive), lambda: frozenset(words_of(self.text(case_sensitive))))

    def spaced(self, case_sensitive: bool) -> str:
        """Returns the words of a text as `spaced` joins them."""
        return self._once(("spaced", case_sensitive), lambda: spaced(self.text(case_sensitive)))

    def _once(self, name: Hashable, make: Callable[[], T]) -> T:
        if name not in self._results:
            self._results[name] = make()
        return self._results[name]  # type: ignore[no-any-return]


def key_of(value: Any, case_sensitive: bool) -> Hashable:
    """Returns the key of a value or an operand: two are the same exactly when their keys are equal."""
    return equality_key(value, text_key_of(case_sensitive=case_sensitive))


class RowValues:
    """The values of one row, each in a FieldValue."""

    __slots__ = ("_row", "_values")

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row
        self._values: dict[int, FieldValue] = {}

    def at(self, path: str) -> FieldValue:
        """Returns the value at a dotted path. Two paths to the same value return the same FieldValue."""
        value = value_at(self._row, path)
        # The FieldValue holds a reference to the value, so no other value can get the same id.
        return self._values.setdefault(id(value), FieldValue(value))


def words_of(text: str) -> list[str]:
    """Returns the words of a text, in order.

    A word has letters, digits, underscores and combining marks, and does not start with a mark. Format characters,
    such as the zero-width non-joiner, neither end a word nor belong to it (Unicode Standard Annex #29, rule WB4).
    """
    return _WORD.findall(_NOT_ASCII.sub(lambda found: _part_of_word(found[0]), text))


@lru_cache(maxsize=4096)
def _part_of_word(char: str) -> str:
    """Returns what remains of a character that is not ASCII, a letter or a digit; a blank if it ends a word."""
    category = unicodedata.category(char)
    if category.startswith("M"):
        return char
    return "" if category == "Cf" and char != _ZERO_WIDTH_SPACE else " "


def spaced(text: str) -> str:
    """Returns the words of a text, separated and surrounded by single spaces.

    In this form, adjacent words are found as a substring, in time linear in the length of the text.
    """
    return f" {' '.join(words_of(text))} "
