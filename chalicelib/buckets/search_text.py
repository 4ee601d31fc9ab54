"""The text by which the name index is searched, and the condition of a search."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.aws.dynamodb.expressions import Condition, all_of, any_of, contains
from chalicelib.core.text import fold

SEARCH_TEXT_BYTES = 2048
# The end of a truncated search text. The index cannot exclude such a row, so its bucket is always read and compared.
TRUNCATION_MARK = "\x01"
# DynamoDB limits expressions to 4 KB. A condition with fewer needles matches more rows. All rows are compared again
# after they are read.
MAX_CONDITION_NEEDLES = 10


def search_text(texts_: Iterable[str]) -> str:
    """Returns the case-folded texts of a row as one text for the name index.

    A text of more than `SEARCH_TEXT_BYTES` bytes is truncated and ends in `TRUNCATION_MARK`.
    """
    text = fold("\n".join(text for text in texts_ if text))
    encoded = text.encode()
    if len(encoded) <= SEARCH_TEXT_BYTES:
        return text
    return encoded[:SEARCH_TEXT_BYTES].decode(errors="ignore") + TRUNCATION_MARK


def contains_all(needles: Iterable[str]) -> Condition | None:
    """Returns the condition for rows that may contain all of these case-folded texts, or None if there are none."""
    longest = sorted(set(needles), key=lambda needle: (-len(needle), needle))[:MAX_CONDITION_NEEDLES]
    wanted = [contains("search_text", needle) for needle in longest]
    return any_of(all_of(*wanted), contains("search_text", TRUNCATION_MARK)) if wanted else None
