"""Compression of responses, as API Gateway does it with the default of the parameter `CompressedBytes`."""

from __future__ import annotations

import gzip

# The smallest body that is compressed.
COMPRESSED_BYTES = 1_024


def compressed(content: bytes, accept_encoding: str | None) -> bytes | None:
    """Returns a response's body in gzip, or None if it is small or the client does not accept gzip.

    `accept_encoding` is the header of the request (RFC 9110, section 12.5.3).
    """
    if len(content) < COMPRESSED_BYTES or not accepts_gzip(accept_encoding or ""):
        return None
    return gzip.compress(content, compresslevel=1, mtime=0)


def accepts_gzip(accept_encoding: str) -> bool:
    """Returns whether the header accepts gzip, by its name or by `*`, with a weight that is not zero."""
    weights = dict(map(_coding_and_weight, accept_encoding.lower().split(",")))
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _coding_and_weight(part: str) -> tuple[str, float]:
    coding, *parameters = (each.strip() for each in part.split(";"))
    weight = next((value for name, _, value in (each.partition("=") for each in parameters) if name == "q"), "1")
    try:
        return coding, float(weight)
    except ValueError:
        return coding, 0.0
