"""Signatures of webhooks in the form of Standard Webhooks, which receivers check with its libraries.

The specification: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable

PREFIX = "whsec_"
SECRET_BYTES = 32  # the specification requires 24 to 64

# Both alphabets of base64 (RFC 4648), with padding or without.
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_URL_SAFE = str.maketrans("-_", "+/")
# The id must not contain the separator of the signed text, or an id and a time could be read as another pair.
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]+")


def new_webhook_secret() -> str:
    """Returns a new secret with 256 random bits.

    Libraries for Go and JavaScript accept only the standard alphabet of base64 with padding.
    """
    return PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign_webhook(
    secret: str, message_id: str, timestamp: int, body: bytes, *, previous_secrets: Iterable[str] = ()
) -> dict[str, str]:
    """Returns the headers that prove to the receiver who sent this body, and when.

    `message_id` is the same for every attempt. `timestamp` is the time of this attempt in seconds since the epoch;
    receivers reject one that is more than five minutes off. A receiver that knows any of the secrets accepts the
    message, so that a secret can be replaced without a lost message. Raises ValueError for an id that cannot be signed
    and for an empty secret.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("the id of a message must consist of letters, digits, _ and -")
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [_signature(signing_key(each), signed) for each in (secret, *previous_secrets)]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def signing_key(secret: str) -> bytes:
    """Returns the bytes of a secret. Raises ValueError if there are none.

    After `whsec_` follows base64. Secrets that the service generated before it used the standard alphabet are URL-safe
    and without padding; a receiver replaces `-` by `+` and `_` by `/` for libraries that do not accept them. Any other
    secret is a text that the client chose, and its bytes in UTF-8 are the key.
    """
    encoded = secret.removeprefix(PREFIX)
    if encoded == secret or not _is_base64(encoded):
        key = secret.encode() if encoded else b""
    else:
        text = encoded.rstrip("=").translate(_URL_SAFE)
        key = b64decode(text + "=" * (-len(text) % 4))
    if not key:
        raise ValueError("the secret of a webhook must not be empty")
    return key


def _is_base64(text: str) -> bool:
    # One character more than a multiple of four has too few bits for a byte.
    return _BASE64.fullmatch(text) is not None and len(text.rstrip("=")) % 4 != 1


def _signature(key: bytes, signed: bytes) -> str:
    return f"v1,{b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"
