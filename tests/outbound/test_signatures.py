"""Signatures of webhooks. The expected ones were computed with openssl, and one is published by Standard Webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.outbound.signatures import new_webhook_secret, sign_webhook, signing_key

# 32 bytes in URL-safe base64 without padding, as earlier versions generated secrets, and the same in standard base64.
URL_SAFE = "whsec_-_8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0"
STANDARD = "whsec_+/8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0="
COMPLETED = b'{"status":"COMPLETED"}'


def signature(secret: str, body: bytes, *previous: str) -> str:
    return sign_webhook(secret, "bat_01", 1700000000, body, previous_secrets=previous)["webhook-signature"]


def test_the_example_of_standard_webhooks() -> None:
    # libraries/javascript/src/webhook.test.ts in https://github.com/standard-webhooks/standard-webhooks
    signed = sign_webhook(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert signed == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize(
    ("secret", "body", "expected"),
    [
        (STANDARD, COMPLETED, "v1,suhwDhqV2lnQrSxKmCaSK+uJcYwa8d1aq4HAy5coCrQ="),
        (URL_SAFE, COMPLETED, "v1,suhwDhqV2lnQrSxKmCaSK+uJcYwa8d1aq4HAy5coCrQ="),
        ("a secret text", COMPLETED, "v1,SxX9PbUy9Irt/5gKbOgXaU+7FNZal7+1paTemN6+jrk="),
        ("a secret text", b"\xff\x00", "v1,T/FyF+G6jm5rDRIRRtVoIvkKSsZre+yA1V337y3Dnwo="),
        ("schlüssel", b"{}", "v1,5NVl2XxspstOMOSYjrL4xb+Om+7hoqBzTs8MiZ8D9lE="),
        # After the prefix, this is not base64. So the client chose a text.
        ("whsec_not base64!", b"{}", "v1,j7VI2jCGARZ4c6jycw4+lKluHnpRuLP8AFn6QC8Hf6I="),
    ],
)
def test_signatures_agree_with_openssl(secret: str, body: bytes, expected: str) -> None:
    assert signature(secret, body) == expected


def test_a_message_has_a_signature_for_each_secret() -> None:
    both = signature(STANDARD, COMPLETED, "a secret text")
    assert both.split(" ") == [signature(STANDARD, COMPLETED), signature("a secret text", COMPLETED)]


@pytest.mark.parametrize("secret", ["", "whsec_"])
def test_an_empty_secret_is_an_error(secret: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        signature(secret, b"{}")


@pytest.mark.parametrize("message_id", ["", "a.1", "a b", "a\r\nb", "é"])
def test_an_id_with_other_characters_is_an_error(message_id: str) -> None:
    with pytest.raises(ValueError, match="id"):
        sign_webhook(STANDARD, message_id, 1700000000, b"{}")


def test_a_new_secret_is_accepted_by_every_library() -> None:
    secret = new_webhook_secret()
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert secret != new_webhook_secret()


@given(st.binary(min_size=1, max_size=64), st.booleans(), st.booleans())
def test_every_form_of_base64_gives_the_same_key(key: bytes, url_safe: bool, padded: bool) -> None:
    encoded = (base64.urlsafe_b64encode(key) if url_safe else base64.b64encode(key)).decode()
    assert signing_key("whsec_" + (encoded if padded else encoded.rstrip("="))) == key


@given(st.text(min_size=1), st.binary())
def test_a_receiver_that_knows_the_key_verifies_any_body(secret: str, body: bytes) -> None:
    try:
        key = signing_key(secret)
    except UnicodeEncodeError:
        return
    expected = base64.b64encode(hmac.new(key, b"bat_01.1700000000." + body, hashlib.sha256).digest()).decode()
    assert signature(secret, body) == f"v1,{expected}"
