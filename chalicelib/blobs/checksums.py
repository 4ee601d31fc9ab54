"""Checksums of files, as clients send and receive them: `algorithm:hash`."""

from __future__ import annotations

import re

from chalicelib.blobs.inputs import Location
from chalicelib.core.errors import RequestInvalid, invalid

SHA256_PREFIX = "sha256:"
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_CHECKSUM = re.compile(r"([A-Za-z0-9][A-Za-z0-9_./-]{0,31}):([A-Za-z0-9+/=_-]{1,160})")
_SHA256_NAMES = ("sha256", "sha-256")


def read_checksum(text: str | None, location: Location) -> str | None:
    """The checksum in a request, as clients receive it; a SHA-256 may be sent without its algorithm.

    Raises RequestInvalid, whose location starts with `location`.
    """
    if text is None:
        return None
    if _SHA256.fullmatch(text):
        return SHA256_PREFIX + text.lower()
    found = _CHECKSUM.fullmatch(text)
    if found is None:
        raise _malformed(location, "A checksum is 64 hex digits of a SHA-256, or algorithm:hash")
    if found[1].lower() in _SHA256_NAMES and not _SHA256.fullmatch(found[2]):
        raise _malformed(location, "A SHA-256 has 64 hex digits")
    return text


def sha256_in(checksum: str | None) -> str | None:
    """The SHA-256 in lower-case hex, if a checksum that `read_checksum` returned is one."""
    algorithm, _, hash_ = (checksum or "").partition(":")
    return hash_.lower() if algorithm.lower() in _SHA256_NAMES else None


def _malformed(location: Location, message: str) -> RequestInvalid:
    return invalid(*location, "checksum", message=message, type="checksum_malformed")
