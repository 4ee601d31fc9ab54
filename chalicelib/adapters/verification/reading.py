"""Reads the headers of a signed request. Nothing that is read here is trusted before its signature is verified."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from collections.abc import Mapping

from chalicelib.adapters.verification.errors import SignatureInvalid
from chalicelib.adapters.verification.forms import Form
from chalicelib.core.record import record

MAX_HEADER_BYTES = 8_192

_HEX = re.compile(r"[0-9A-Fa-f]{64}")
# Either alphabet of base64 (RFC 4648). The last of the 43 characters of a digest has two bits too many, which are zero.
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{42}[AEIMQUYcgkosw048]=?")
_URL_SAFE = str.maketrans("-_", "+/")
# Decimal seconds. Twelve digits last for 30 000 years; a longer number is in another unit.
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
# Printable ASCII without space, and without the separator of the signed text: an id and a timestamp could otherwise be
# read as another pair. The first character is not one of JSON's (see forms.py).
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-][!-\-/-~]{0,255}")


@record
class Presented:
    """What the headers of a request contain for one form.

    `digests` are the decoded signatures, each of 32 bytes, or for the form with the secret itself its SHA-256.
    `timestamp` and `message_id` are as they were sent, and None if the form has none.
    """

    digests: tuple[bytes, ...]
    timestamp: str | None
    message_id: str | None


def read_presented(form: Form, headers: Mapping[str, str]) -> Presented:
    """Returns what headers with lower-case names contain for a form.

    Raises SignatureInvalid (`missing` or `malformed`). Signatures that cannot be decoded are left out, because another
    signature of the same header may be good.
    """
    timestamp, message_id = _timestamp(form, headers), _message_id(form, headers)
    digests = _digests(form, _value(headers, form.header))
    if not digests:
        raise SignatureInvalid("malformed")
    return Presented(digests, timestamp, message_id)


def decode_signature(text: str) -> bytes | None:
    """Returns the 32 bytes of a signature in hex or base64, or None for any other text.

    Hex may have upper and lower case, base64 either alphabet and no padding.
    """
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    if _BASE64.fullmatch(text):
        return b64decode(text.rstrip("=").translate(_URL_SAFE) + "=")
    return None


def _digests(form: Form, value: str) -> tuple[bytes, ...]:
    if form.signed is None:
        return (hashlib.sha256(value.encode()).digest(),)
    texts = [
        element.removeprefix(form.prefix)
        for element in _elements(form, value)
        if form.prefix_optional or element.startswith(form.prefix)
    ]
    return tuple(digest for text in texts if (digest := decode_signature(text)) is not None)


def _timestamp(form: Form, headers: Mapping[str, str]) -> str | None:
    if form.timestamp_header is None:
        return None
    elements = _elements(form, _value(headers, form.timestamp_header))
    found = [each for each in elements if each.startswith(form.timestamp_prefix)]
    text = found[0].removeprefix(form.timestamp_prefix) if len(found) == 1 else ""
    if not _TIMESTAMP.fullmatch(text):
        raise SignatureInvalid("malformed")
    return text


def _message_id(form: Form, headers: Mapping[str, str]) -> str | None:
    if form.id_header is None:
        return None
    message_id = _value(headers, form.id_header)
    if not _MESSAGE_ID.fullmatch(message_id):
        raise SignatureInvalid("malformed")
    return message_id


def _elements(form: Form, value: str) -> list[str]:
    return [element.strip() for element in value.split(form.separator)]


def _value(headers: Mapping[str, str], name: str) -> str:
    """Returns a header without surrounding blanks, in printable ASCII."""
    if name not in headers:
        raise SignatureInvalid("missing")
    value = headers[name]
    if len(value) > MAX_HEADER_BYTES:
        raise SignatureInvalid("malformed")
    value = value.strip(" \t")
    if not value or not value.isascii() or not value.isprintable():
        raise SignatureInvalid("malformed")
    return value
