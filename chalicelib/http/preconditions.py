"""`If-Match` and `If-None-Match` (RFC 9110, section 13.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_TAG = re.compile(r'(?:W/)?"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The ETags in `If-Match` and `If-None-Match`; None for a missing header. `*` stands for any ETag."""

    match: frozenset[str] | None = None
    none_match: frozenset[str] | None = None

    def holds(self, etag: str, *, counted: bool = False) -> bool:
        """Returns whether `If-Match` allows a write to a resource with this ETag.

        An ETag is `"<id>-<revision>"`. With `counted` it has a further `-` and the revision of the statistics, which is
        not compared, so that a change of the statistics does not make a write fail.
        """
        if self.match is None or "*" in self.match:
            return True
        return _for_writes(etag.strip('"'), counted) in {_for_writes(tag, counted) for tag in self.match}

    def is_current(self, etag: str) -> bool:
        """Returns whether `If-None-Match` has this ETag (statistics included), so that the response is 304."""
        if self.none_match is None:
            return False
        return "*" in self.none_match or etag.strip('"') in self.none_match


def _for_writes(tag: str, counted: bool) -> str:
    return tag.rpartition("-")[0] if counted else tag


ANY = Preconditions()


def read_preconditions(headers: Mapping[str, str]) -> Preconditions:
    """Returns the preconditions in the headers of a request. Values that are not entity tags match nothing."""
    return Preconditions(_tags(headers.get("if-match")), _tags(headers.get("if-none-match")))


def _tags(header: str | None) -> frozenset[str] | None:
    if header is None:
        return None
    return frozenset({"*"} if header.strip() == "*" else set(_TAG.findall(header)) - {"*"})
