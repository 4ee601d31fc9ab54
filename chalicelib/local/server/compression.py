"""Compression of bodies as in API Gateway: of responses with the default of the parameter `CompressedBytes`, and of
all requests.
"""

from __future__ import annotations

import gzip
import zlib

from chalicelib.core.errors import MediaTypeUnsupported, TooLarge

# The smallest body that is compressed.
COMPRESSED_BYTES = 1_024

# The content codings of a request, and the window bits with which zlib decodes each: RFC 9110, section 8.4.1.
REQUEST_CODINGS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


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


def decompressed(content: bytes, content_encoding: str, limit: int) -> bytes:
    """Returns a request's body without its content coding, the value of `Content-Encoding`. `content` is not empty.

    Raises MediaTypeUnsupported if it is not in that coding, or has several members of gzip, and TooLarge for more than
    `limit` bytes.
    """
    coding = content_encoding.strip().lower()
    if coding in ("", "identity"):
        return content
    if coding not in REQUEST_CODINGS:
        raise MediaTypeUnsupported("Send the body with the Content-Encoding gzip or deflate, or without one")
    decoder = zlib.decompressobj(REQUEST_CODINGS[coding])
    try:
        body = decoder.decompress(content, limit + 1)
    except zlib.error as error:
        raise MediaTypeUnsupported(f"The body is not valid {coding}") from error
    if len(body) > limit:
        raise TooLarge()
    if not decoder.eof or decoder.unused_data:
        raise MediaTypeUnsupported(f"The body is not valid {coding}")
    return body
