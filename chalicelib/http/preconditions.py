"""`If-Match` and `If-None-Match` (RFC 9110, section 13.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from chalicelib.core.record import record

_TAG = re.compile(r'(?:W/)?"([^"]*)"')


@record
class Preconditions:
    """The ETags in `If-Match` and `If-None-Match`; None for a missing header. `*` stands for any ETag."""

    match: frozenset[str] | None = None
    none_match: frozenset[str] | None = None

    def holds(self, etag: str, *, counted: bool = False) -> bool:
        """Returns whether the preconditions allow a write to an existing resource with this ETag.

        `If-Match` must have the ETag or be `*`, and `If-None-Match` must neither have it nor be `*`. An ETag is
        `"<id>-<revision>"`. With `counted` it has a further `-` and the revision of the statistics, which writes
        ignore: a change of statistics does not fail a write.
        """
        matches = self.match is None or _has(self.match, etag, counted)
        return matches and not (self.none_match is not None and _has(self.none_match, etag, counted))

    @property
    def is_empty(self) -> bool:
        """Returns whether the request has neither header."""
        return self.match is None and self.none_match is None

    def is_current(self, etag: str) -> bool:
        """Returns whether `If-None-Match` has this ETag (statistics included), so that the response is 304."""
        if self.none_match is None:
            return False
        return "*" in self.none_match or etag.strip('"') in self.none_match


def _has(tags: frozenset[str], etag: str, counted: bool) -> bool:
    if "*" in tags:
        return True
    return _for_writes(etag.strip('"'), counted) in {_for_writes(tag, counted) for tag in tags}


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
