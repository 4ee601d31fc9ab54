"""The keys that signatures are verified with.

A response time must not tell whether a bucket exists, or whether its secret was rotated lately. So the work is the same
for no secret, for one and for two: keys that are never accepted take the place of missing secrets.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field

from chalicelib.core.record import record

# The current secret, and the previous one for a while after a rotation.
USUAL_NUMBER = 2

_PLACEHOLDER = bytes(32)


@record
class Key:
    """A key of a signature. If it is not `accepted`, the result of its comparison does not count."""

    value: bytes = field(repr=False)
    accepted: bool

    def sign(self, signed: bytes) -> bytes:
        """Returns the HMAC-SHA256 of a text: 32 bytes."""
        return hmac.digest(self.value, signed, hashlib.sha256)

    def digest(self) -> bytes:
        """Returns the SHA-256 of the key itself: 32 bytes, so that the length of a secret does not affect times."""
        return hashlib.sha256(self.value).digest()


def keys_of(secrets: Sequence[str], derive: Callable[[str], bytes]) -> list[Key]:
    """Returns a key for each secret, in order, and further ones up to the usual number, which are not accepted.

    `derive` returns the key of a secret, and raises ValueError if it has none. Such a secret, and an empty key, which
    every sender could know, are not accepted either.
    """
    return [_key(secret, derive) for secret in (*secrets, *[""] * (USUAL_NUMBER - len(secrets)))]


def first_match(presented: Iterable[bytes], keys: Sequence[Key], expected: Iterable[bytes]) -> int | None:
    """Returns the position of the first accepted key whose expected digest was presented, or None.

    `expected` has the digest of each key. All are compared with all, in a time that does not depend on their values.
    """
    matching = [
        position
        for position, (key, digest) in enumerate(zip(keys, expected, strict=True))
        if _equals_any(digest, presented) & key.accepted
    ]
    return matching[0] if matching else None


def _equals_any(digest: bytes, presented: Iterable[bytes]) -> bool:
    found = False
    for each in presented:
        found |= hmac.compare_digest(digest, each)
    return found


def _key(secret: str, derive: Callable[[str], bytes]) -> Key:
    try:
        value = derive(secret)
    except ValueError:  # also UnicodeEncodeError
        value = b""
    return Key(value or _PLACEHOLDER, accepted=bool(value))
