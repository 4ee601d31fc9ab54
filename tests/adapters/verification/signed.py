"""What the tests of this folder share: the outcome of a request, and ways to change it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chalicelib.adapters.verification.errors import SignatureInvalid
from chalicelib.adapters.verification.verify import Verified, verify
from tests.adapters.verification.vectors import Vector

OTHER = "another secret text"


def outcome(
    vector: Vector,
    adapter_type: str = "generic_webhook",
    *,
    now: float | None = None,
    secrets: Sequence[str] | None = None,
) -> Verified | str:
    """Returns the result of verifying a vector's request, or the reason why it is refused."""
    tried = [vector.secret] if secrets is None else secrets
    try:
        return verify(adapter_type, vector.headers, vector.body, tried, now=vector.now if now is None else now)
    except SignatureInvalid as error:
        return error.reason


def flipped_bytes(data: bytes) -> Iterator[bytes]:
    """Yields the data with each bit flipped in turn."""
    for position in range(len(data)):
        for bit in range(8):
            yield data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]


def flipped_text(text: str) -> Iterator[str]:
    """Yields the text with each of the lowest seven bits of each character flipped in turn."""
    for position, character in enumerate(text):
        for bit in range(7):
            yield text[:position] + chr(ord(character) ^ 1 << bit) + text[position + 1 :]
