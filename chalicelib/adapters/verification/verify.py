"""Verifies that a request was signed with a secret of the bucket's adapter, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalicelib.adapters.verification.errors import REASONS, Reason, SignatureInvalid
from chalicelib.adapters.verification.forms import Form, forms_of
from chalicelib.adapters.verification.keys import first_match, keys_of
from chalicelib.adapters.verification.reading import Presented, read_presented
from chalicelib.core.record import record


@record
class Verified:
    """A good signature. Everything here is signed.

    `form` is the name of the form. `message_id` is the id of the message, None if the form has none. `timestamp` is the
    time of signing in seconds since the epoch; None if the form has none, or if the sender signs each attempt with a
    new one. `payload_id` is the name of the payload's member that is the same for all attempts of a message, for a
    sender that signs each attempt with another timestamp. `secret_index` is the position of the secret that it used.
    """

    form: str
    message_id: str | None
    timestamp: int | None
    payload_id: str | None
    secret_index: int


def verify(
    adapter_type: str, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, now: float
) -> Verified:
    """Returns the result of the first form whose signature of the raw body is good.

    `headers` have lower-case names, and `now` is the time in seconds since the epoch. A form is tried only if its
    header is present. Every form that is present is tried with every secret, whatever the others resulted in. Raises
    SignatureInvalid with the most specific reason if no form is good, so also if `secrets` is empty.
    """
    accepted: list[Verified] = []
    reasons: list[Reason] = []
    for form in forms_of(adapter_type):
        if form.header in headers:
            try:
                accepted.append(_verify_form(form, headers, body, secrets, now))
            except SignatureInvalid as error:
                reasons.append(error.reason)
    if not accepted:
        raise SignatureInvalid(min(reasons, key=REASONS.index, default="missing"))
    return accepted[0]


def _verify_form(form: Form, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float) -> Verified:
    presented = read_presented(form, headers)
    position = _matching_secret(form, presented, body, secrets)
    if position is None:
        raise SignatureInvalid("mismatch")
    timestamp = None if presented.timestamp is None else _checked_timestamp(presented.timestamp, form, now)
    identifying = timestamp if form.time_identifies else None
    return Verified(form.name, presented.message_id, identifying, form.payload_id, position)


def _matching_secret(form: Form, presented: Presented, body: bytes, secrets: Sequence[str]) -> int | None:
    keys = keys_of(secrets, form.key)
    if form.signed is None:
        expected = [key.digest() for key in keys]
    else:
        before = form.signed.format(id=presented.message_id, timestamp=presented.timestamp)
        signed = before.encode() + body
        expected = [key.sign(signed) for key in keys]
    return first_match(presented.digests, keys, expected)


def _checked_timestamp(text: str, form: Form, now: float) -> int:
    timestamp = int(text)
    if timestamp < now - form.tolerance_seconds:
        raise SignatureInvalid("stale")
    if timestamp > now + form.tolerance_seconds:
        raise SignatureInvalid("future")
    return timestamp
