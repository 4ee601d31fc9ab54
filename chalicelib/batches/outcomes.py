"""The outcomes of the objects of a batch, each stored as one letter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from chalicelib.processing.processor import Category, error_type

WAITING = "-"
COMPLETED = "C"
# The object was COMPLETED before, and the batch skips such objects.
ALREADY_COMPLETED = "S"
# The object was changed, or deleted, while it was processed. Its current state was left as it is.
CHANGED = "M"
DELETED = "D"
SKIPPED: Mapping[str, str] = {
    ALREADY_COMPLETED: "already completed",
    CHANGED: "changed while it was processed",
    DELETED: "deleted while it was processed",
}
# The letter of a failure is that of its category.
FAILURES: Mapping[str, Category] = {
    "d": "dependency",
    "n": "network",
    "v": "validation",
    "a": "authentication",
    "x": "runtime",
    "r": "resource",
}
LETTER_OF_CATEGORY: Mapping[Category, str] = {category: letter for letter, category in FAILURES.items()}
RESOURCE: Literal["resource"] = "resource"
ALL_LETTERS = (WAITING, COMPLETED, *SKIPPED, *FAILURES)


def is_transient(letter: str) -> bool:
    """Returns whether this is the letter of a transient failure."""
    return letter in FAILURES and error_type(FAILURES[letter]) == "transient"
