"""`If-Match` and `If-None-Match` (RFC 9110, section 13.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_TAG = re.compile(r'(?:W/)?"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What a caller requires of the state it found; None where nothing is required."""

    match: frozenset[str] | None = None
    none_match: frozenset[str] | None = None

    def holds(self, etag: str, *, counted: bool = False) -> bool:
        """Whether `If-Match` allows a write over the state of this ETag.

        An ETag is `"<id>-<revision>"`; one that is `counted` ends in the revision of statistics. A write
        does not mind that one: counters that moved meanwhile are no reason to refuse it.
        """
        if self.match is None or "*" in self.match:
            return True
        return _minded(etag.strip('"'), counted) in {_minded(tag, counted) for tag in self.match}

    def is_current(self, etag: str) -> bool:
        """Whether `If-None-Match` names exactly this state, counters included: the caller has it already."""
        if self.none_match is None:
            return False
        return "*" in self.none_match or etag.strip('"') in self.none_match


def _minded(tag: str, counted: bool) -> str:
    return tag.rpartition("-")[0] if counted else tag


ANY = Preconditions()


def read_preconditions(headers: Mapping[str, str]) -> Preconditions:
    """The preconditions in the headers of a request; words that are no entity tags match nothing."""
    return Preconditions(_tags(headers.get("if-match")), _tags(headers.get("if-none-match")))


def _tags(header: str | None) -> frozenset[str] | None:
    if header is None:
        return None
    return frozenset({"*"} if header.strip() == "*" else set(_TAG.findall(header)) - {"*"})
