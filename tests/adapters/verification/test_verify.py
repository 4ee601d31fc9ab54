"""Requests with several forms of signatures, the shared secret, and what the time of a refusal depends on."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

import pytest

from chalicelib.adapters.verification import keys
from chalicelib.adapters.verification.errors import REASONS, SignatureInvalid
from chalicelib.adapters.verification.verify import Verified, verify
from tests.adapters.verification.signed import OTHER, flipped_text
from tests.adapters.verification.vectors import TEXT, VECTORS

NOW = 1_700_000_000.0
BODY = b'{"n": 1}'
HEX = hmac.digest(TEXT.encode(), BODY, hashlib.sha256).hex()
BAD = "0" * 64
SHARED = "a shared secret"


def timed(timestamp: int, secret: str = TEXT) -> str:
    """Returns the value of a header with a timestamp inside."""
    return f"t={timestamp},v1={hmac.digest(secret.encode(), f'{timestamp}.'.encode() + BODY, hashlib.sha256).hex()}"


def refused(headers: dict[str, str], secrets: Sequence[str] = (TEXT,), adapter_type: str = "generic_webhook") -> str:
    with pytest.raises(SignatureInvalid) as caught:
        verify(adapter_type, headers, BODY, secrets, now=NOW)
    return caught.value.reason


@pytest.mark.parametrize("adapter_type", ["iconik", "supabase", "generic_webhook"])
def test_a_sender_that_cannot_sign_sends_the_secret(adapter_type: str) -> None:
    headers = {"x-webhook-secret": f" {SHARED} "}
    verified = verify(adapter_type, headers, b"any body", [OTHER, SHARED], now=NOW)
    assert verified == Verified("shared_secret", None, None, None, 1)
    for text in (*flipped_text(SHARED), SHARED.upper(), SHARED[:-1], SHARED + "x", f"{SHARED},{SHARED}"):
        assert refused({"x-webhook-secret": text}, [SHARED], adapter_type) in {"mismatch", "malformed"}, text
    assert refused(headers, [OTHER], adapter_type) == "mismatch"
    assert refused({"x-webhook-secret": ""}, [SHARED, ""], adapter_type) == "malformed"


def test_a_secret_that_is_not_ascii_cannot_be_sent_in_a_header() -> None:
    assert refused({"x-webhook-secret": "schlüssel"}, ["schlüssel"]) == "malformed"


def test_mux_does_not_accept_the_secret_itself() -> None:
    assert refused({"x-webhook-secret": SHARED}, [SHARED], "mux") == "missing"


def test_one_good_form_among_bad_ones_suffices() -> None:
    headers = {
        "mux-signature": "nonsense",
        "stripe-signature": timed(int(NOW) - 400),
        "x-slack-signature": f"v0={HEX}",
        "x-webhook-signature": HEX,
        "x-shopify-hmac-sha256": BAD,
        "x-webhook-secret": OTHER,
    }
    assert verify("generic_webhook", headers, BODY, [TEXT], now=NOW).form == "webhook_signature"


def test_the_first_of_several_good_forms_determines_the_result() -> None:
    standard = next(vector for vector in VECTORS if vector.form == "standard_webhooks")
    svix = next(vector for vector in VECTORS if vector.form == "svix")
    text = hmac.digest(standard.secret.encode(), standard.body, hashlib.sha256).hex()
    headers = {"x-webhook-signature": text, **svix.headers, **standard.headers}
    verified = verify("generic_webhook", headers, standard.body, [standard.secret], now=standard.now)
    assert (verified.form, verified.message_id) == ("standard_webhooks", standard.message_id)


def test_the_reason_is_the_most_specific_one() -> None:
    headers = {"x-zm-signature": f"v0={BAD}"}
    assert refused({}) == "missing"
    assert refused(headers) == "missing"
    assert refused(headers := headers | {"mux-signature": "nonsense"}) == "malformed"
    assert refused(headers := headers | {"x-hub-signature-256": BAD}) == "mismatch"
    assert refused(headers := headers | {"x-mixpeek-signature": timed(int(NOW) + 400)}) == "future"
    assert refused(headers | {"stripe-signature": timed(int(NOW) - 400)}) == "stale"


def test_only_a_good_signature_is_called_stale() -> None:
    assert refused({"mux-signature": timed(int(NOW) - 400, OTHER)}) == "mismatch"


def test_a_signature_of_one_form_is_not_one_of_another() -> None:
    assert refused({"x-slack-signature": f"v0={HEX}", "x-slack-request-timestamp": str(int(NOW))}) == "mismatch"
    assert refused({"x-hub-signature-256": timed(int(NOW)).partition("v1=")[2]}) == "mismatch"


@pytest.mark.parametrize("secrets", [[], [""], ["", ""], ["\ud800"], ["whsec_"]])
def test_without_a_usable_secret_nothing_is_accepted(secrets: list[str]) -> None:
    for key in (b"", bytes(32), *(secret.encode("utf-8", "replace") for secret in secrets)):
        signed = hmac.digest(key, f"msg_1.{int(NOW)}.".encode() + BODY, hashlib.sha256).hex()
        standard = {"webhook-id": "msg_1", "webhook-timestamp": str(int(NOW)), "webhook-signature": f"v1,{signed}"}
        assert refused(standard, secrets) == "mismatch"
    for key in (b"", bytes(32)):
        assert refused({"x-hub-signature-256": hmac.digest(key, BODY, hashlib.sha256).hex()}, secrets) == "mismatch"


def test_an_error_contains_only_the_reason() -> None:
    for reason in REASONS:
        assert str(SignatureInvalid(reason)) == f"The signature is not accepted: {reason}"
    with pytest.raises(SignatureInvalid) as caught:
        verify("generic_webhook", {"x-webhook-secret": OTHER}, BODY, ["\ud800", SHARED], now=NOW)
    assert caught.value.args == ("The signature is not accepted: mismatch",)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_keys_are_not_in_representations() -> None:
    (key, _) = keys.keys_of([SHARED], str.encode)
    assert key.value == SHARED.encode()
    assert SHARED not in repr(key)


def test_the_work_does_not_depend_on_the_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    work: list[tuple[str, int]] = []

    class Counted:
        """The functions of the module `hmac`, which record the sizes of what they process."""

        @staticmethod
        def digest(key: bytes, signed: bytes, name: str) -> bytes:
            work.append(("sign", len(signed)))
            return hmac.digest(key, signed, name)

        @staticmethod
        def compare_digest(left: bytes, right: bytes) -> bool:
            work.append(("compare", len(left)))
            return hmac.compare_digest(left, right)

    monkeypatch.setattr(keys, "hmac", Counted)
    headers = {"x-hub-signature-256": f"{BAD},{HEX},{BAD}", "mux-signature": timed(int(NOW)), "x-webhook-secret": TEXT}

    def work_of(*secrets: str) -> list[tuple[str, int]]:
        work.clear()
        try:
            accepted = verify("generic_webhook", headers, BODY, secrets, now=NOW) is not None
        except SignatureInvalid:
            accepted = False
        assert accepted == (TEXT in secrets)
        return list(work)

    usual = work_of(TEXT, OTHER)
    assert usual.count(("sign", len(BODY))) == 2
    assert [each for each in usual if each[0] == "compare"] == [("compare", 32)] * (3 + 1 + 1) * 2
    for secrets in ((), ("",), (OTHER,), (TEXT,), (OTHER, TEXT), (TEXT, TEXT), ("\ud800", OTHER), ("whsec_", "")):
        assert work_of(*secrets) == usual, secrets
