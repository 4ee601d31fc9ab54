"""The accepted forms of signatures, and which types of adapters accept them.

All signatures are HMAC-SHA256 (RFC 2104). docs/reference/webhook-signatures.md has links to the documentation of the
senders.

Most forms have the same key. So what was signed in a form with a timestamp is also a good signature in the forms
without one, if the whole signed text is sent as the body. That text begins with an id, a timestamp or `v0:`. It is
never a JSON object, so nobody can repeat an old event in this way.
"""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.core.record import record
from chalicelib.outbound.signatures import signing_key

TOLERANCE_SECONDS = 300


def text_key(secret: str) -> bytes:
    """Returns the text of a secret in UTF-8. Raises UnicodeEncodeError for a text that is not Unicode."""
    return secret.encode()


@record
class Form:
    """How a sender signs its requests. Names of headers are in lower case."""

    name: str
    header: str  # has the signatures
    signed: str | None  # what is signed before the body, with `{id}` and `{timestamp}`; None: the header has the secret
    prefix: str = ""  # of a signature; elements of the header without it are ignored
    prefix_optional: bool = False
    separator: str = ","  # between the elements of the header
    timestamp_header: str | None = None
    timestamp_prefix: str = ""  # of the element of that header that is the timestamp
    tolerance_seconds: int = TOLERANCE_SECONDS  # how far the timestamp may be from the current time
    id_header: str | None = None  # has the id of the message, which is signed
    time_identifies: bool = True  # whether all attempts of a message have the same timestamp
    payload_id: str | None = None  # the member of the signed payload that is the same for all attempts of a message
    key: Callable[[str], bytes] = text_key  # from a secret; raises ValueError if it has no key


def _standard_webhooks(name: str, vendor: str) -> Form:
    return Form(
        name,
        header=f"{vendor}-signature",
        signed="{id}.{timestamp}.",
        prefix="v1,",
        separator=" ",
        timestamp_header=f"{vendor}-timestamp",
        id_header=f"{vendor}-id",
        key=signing_key,
    )


def _timestamp_inside(name: str, header: str, payload_id: str | None = None) -> Form:
    return Form(
        name,
        header,
        signed="{timestamp}.",
        prefix="v1=",
        timestamp_header=header,
        timestamp_prefix="t=",
        payload_id=payload_id,
    )


def _version_zero(name: str, vendor: str, payload_id: str | None = None, *, time_identifies: bool = True) -> Form:
    return Form(
        name,
        header=f"{vendor}-signature",
        signed="v0:{timestamp}:",
        prefix="v0=",
        timestamp_header=f"{vendor}-request-timestamp",
        time_identifies=time_identifies,
        payload_id=payload_id,
    )


def _body_only(name: str, header: str, prefix: str = "") -> Form:
    return Form(name, header, signed="", prefix=prefix, prefix_optional=True)


MUX = _timestamp_inside("mux", "mux-signature", payload_id="id")
MIXPEEK = _timestamp_inside("mixpeek", "x-mixpeek-signature")
SHARED_SECRET = Form("shared_secret", "x-webhook-secret", signed=None)
# If several forms of a request are good, the first one determines the id and the timestamp of the message.
FORMS = (
    _standard_webhooks("standard_webhooks", "webhook"),
    _standard_webhooks("svix", "svix"),
    MUX,
    _timestamp_inside("stripe", "stripe-signature", payload_id="id"),
    MIXPEEK,
    _version_zero("slack", "x-slack", payload_id="event_id"),
    # Zoom signs each attempt with a new time. Its payloads have the time of the event.
    _version_zero("zoom", "x-zm", time_identifies=False),
    _body_only("hub", "x-hub-signature-256", "sha256="),
    _body_only("webhook_signature", "x-webhook-signature", "sha256="),
    _body_only("shopify", "x-shopify-hmac-sha256"),
    SHARED_SECRET,
)
_FORMS_BY_ADAPTER_TYPE = {
    "mux": (MUX,),
    "iconik": (MIXPEEK, SHARED_SECRET),
    "supabase": (MIXPEEK, SHARED_SECRET),
    "generic_webhook": FORMS,
}


def forms_of(adapter_type: str) -> tuple[Form, ...]:
    """Returns the forms that an adapter of this type accepts: none if it receives no webhooks."""
    return _FORMS_BY_ADAPTER_TYPE.get(adapter_type, ())
