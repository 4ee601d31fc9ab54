"""Random requests: what is signed with a known secret is accepted, and nothing else, without another error."""

from __future__ import annotations

import base64
import hashlib
import hmac
import shutil
import subprocess

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chalicelib.adapters.verification.errors import SignatureInvalid
from chalicelib.adapters.verification.forms import FORMS, Form
from chalicelib.adapters.verification.handshakes import handshake, handshake_get
from chalicelib.adapters.verification.verify import verify

NOW = 1_700_000_000.0
HEADERS = sorted({name for form in FORMS for name in (form.header, form.timestamp_header, form.id_header) if name})
# Also lone surrogates, which JSON can contain.
ANY_TEXT = st.text(st.characters(codec=None))
PIECES = st.sampled_from(
    [
        "t=",
        "v1=",
        "v0=",
        "v1,",
        "sha256=",
        ",",
        " ",
        "=",
        "\t",
        "\n",
        "1700000000",
        "9" * 30,
        "0" * 64,
        "A" * 43,
        "é",
        ".",
    ]
)
VALUES = st.one_of(
    ANY_TEXT,
    st.lists(PIECES, max_size=12).map("".join),
    st.lists(st.one_of(PIECES, ANY_TEXT), max_size=6).map("".join),
    st.integers(8_000, 9_000).map(lambda length: "v1=0," * (length // 5)),
)
ADAPTER_TYPES = st.sampled_from(["mux", "iconik", "supabase", "generic_webhook", "bucket", ""])
SIGNING = [form for form in FORMS if form.signed is not None]


@settings(max_examples=500)
@given(
    ADAPTER_TYPES,
    st.dictionaries(st.sampled_from(HEADERS), VALUES),
    st.binary(max_size=50),
    st.lists(ANY_TEXT, max_size=3),
    st.floats(allow_nan=False),
)
def test_random_headers_are_refused_without_another_error(
    adapter_type: str, headers: dict[str, str], body: bytes, secrets: list[str], now: float
) -> None:
    assume(headers.get("x-webhook-secret", "").strip(" \t") not in secrets)
    with pytest.raises(SignatureInvalid):
        verify(adapter_type, headers, body, secrets, now=now)


def signed_headers(form: Form, key: bytes, body: bytes, timestamp: int, message_id: str) -> dict[str, str]:
    """Signs a body with Python's `hmac`, as a sender does."""
    assert form.signed is not None
    signed = form.signed.replace("{id}", message_id).replace("{timestamp}", str(timestamp)).encode() + body
    signature = form.prefix + hmac.new(key, signed, hashlib.sha256).hexdigest()
    headers = {form.header: f"t={timestamp},{signature}" if form.timestamp_prefix else signature}
    if form.timestamp_header and form.timestamp_header != form.header:
        headers[form.timestamp_header] = str(timestamp)
    return headers | ({form.id_header: message_id} if form.id_header else {})


@given(
    st.sampled_from(SIGNING),
    st.text(min_size=1),
    st.binary(),
    st.integers(-300, 300),
    st.from_regex(r"[A-Za-z0-9_-]{1,100}", fullmatch=True),
)
def test_what_was_signed_with_the_secret_is_accepted(
    form: Form, secret: str, body: bytes, seconds: int, message_id: str
) -> None:
    assume(not secret.startswith("whsec_"))
    timestamp = int(NOW) + seconds
    headers = signed_headers(form, secret.encode(), body, timestamp, message_id)
    verified = verify("generic_webhook", headers, body, [secret], now=NOW)
    assert verified.form == form.name
    assert verified.timestamp == (timestamp if form.timestamp_header and form.time_identifies else None)
    assert verified.message_id == (message_id if form.id_header else None)


@given(st.sampled_from(["webhook", "svix"]), st.binary(min_size=1, max_size=64), st.binary())
def test_a_secret_of_standard_webhooks_is_decoded(vendor: str, key: bytes, body: bytes) -> None:
    (form,) = [form for form in FORMS if form.header == f"{vendor}-signature"]
    secret = f"whsec_{base64.b64encode(key).decode()}"
    headers = signed_headers(form, key, body, int(NOW), "msg_1")
    assert verify("generic_webhook", headers, body, [secret], now=NOW).message_id == "msg_1"
    with pytest.raises(SignatureInvalid):
        verify("generic_webhook", headers, body + b" ", [secret], now=NOW)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@settings(max_examples=40, deadline=None)
@given(st.sampled_from(SIGNING), st.binary(min_size=1, max_size=80), st.binary(max_size=2_000))
def test_what_openssl_signs_is_accepted(form: Form, key: bytes, body: bytes) -> None:
    assert form.signed is not None
    secret = f"whsec_{base64.b64encode(key).decode()}"
    used = key if form.id_header else secret.encode()
    signed = form.signed.replace("{id}", "msg_1").replace("{timestamp}", str(int(NOW))).encode() + body
    command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{used.hex()}", "-binary"]
    digest = subprocess.run(command, input=signed, capture_output=True, check=True).stdout
    value = form.prefix + base64.b64encode(digest).decode()
    headers = signed_headers(form, b"another key", body, int(NOW), "msg_1")
    headers[form.header] = f"t={int(NOW)},{value}" if form.timestamp_prefix else value
    assert verify("generic_webhook", headers, body, [secret], now=NOW).form == form.name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
HANDSHAKES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.just("url_verification") | JSON,
        "event": st.just("endpoint.url_validation") | JSON,
        "challenge": JSON,
        "payload": JSON | st.fixed_dictionaries({"plainToken": JSON}),
    },
)


@given(ADAPTER_TYPES, JSON | HANDSHAKES, st.lists(ANY_TEXT, max_size=2))
def test_the_response_to_a_random_handshake_is_a_short_ascii_text(
    adapter_type: str, payload: object, secrets: list[str]
) -> None:
    response = handshake(adapter_type, payload, secrets)
    for text in (response or {}).values():
        assert text.isascii()
        assert 0 < len(text) <= 500


@given(
    st.dictionaries(
        st.sampled_from(["hub.mode", "hub.verify_token", "hub.challenge"]), st.sampled_from(["subscribe"]) | ANY_TEXT
    ),
    st.lists(ANY_TEXT, max_size=2),
)
def test_a_random_handshake_of_meta_needs_a_secret(query: dict[str, str], secrets: list[str]) -> None:
    if handshake_get(query, secrets) is not None:
        assert query["hub.verify_token"] in secrets
