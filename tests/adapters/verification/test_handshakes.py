"""The handshakes of Slack, Zoom and Meta."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.adapters.verification.handshakes import handshake, handshake_get
from tests.adapters.verification.signed import OTHER
from tests.adapters.verification.vectors import TEXT

# https://docs.slack.dev/reference/events/url_verification
SLACK = {
    "token": "Jhj5dZrVaK7ZwHHjRyZWjbDl",
    "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
    "type": "url_verification",
}
# https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint
ZOOM = {
    "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"},
    "event_ts": 1654503849680,
    "event": "endpoint.url_validation",
}
# printf 'qgg8vlvZRS6UYooatFL8Aw' | openssl dgst -sha256 -hmac 'a secret text' -r
ZOOM_ENCRYPTED = "6979938846fa9f41f2437ebf5dcf40780a50ae5759afd811344d924c1ab3de8f"
# https://developers.facebook.com/docs/graph-api/webhooks/getting-started
META = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "meatyhamhock"}
NOT_TOKENS: list[Any] = [None, 1, True, "", "a b", "é", "\ud800", "a\n", "x" * 501, ["x"], {"x": "x"}]


def test_the_handshake_of_slack_returns_the_challenge() -> None:
    assert handshake("generic_webhook", SLACK, [TEXT]) == {"challenge": SLACK["challenge"]}


def test_the_handshake_of_zoom_returns_the_signed_token() -> None:
    expected = {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": ZOOM_ENCRYPTED}
    assert handshake("generic_webhook", ZOOM, [TEXT]) == expected
    assert handshake("generic_webhook", ZOOM, [TEXT, OTHER]) == expected
    assert handshake("generic_webhook", ZOOM, [OTHER, TEXT]) != expected


@pytest.mark.parametrize("secrets", [[], [""], ["\ud800"]])
def test_without_a_usable_secret_zoom_gets_no_signed_token(secrets: list[str]) -> None:
    assert handshake("generic_webhook", ZOOM, secrets) is None


@pytest.mark.parametrize("adapter_type", ["mux", "iconik", "supabase", "bucket", ""])
@pytest.mark.parametrize("payload", [SLACK, ZOOM], ids=["Slack", "Zoom"])
def test_only_generic_webhooks_have_handshakes(adapter_type: str, payload: object) -> None:
    assert handshake(adapter_type, payload, [TEXT]) is None


@pytest.mark.parametrize("value", NOT_TOKENS, ids=lambda value: repr(value)[:12])
def test_a_token_is_a_text_of_sane_length(value: object) -> None:
    assert handshake("generic_webhook", SLACK | {"challenge": value}, [TEXT]) is None
    assert handshake("generic_webhook", ZOOM | {"payload": {"plainToken": value}}, [TEXT]) is None


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "url_verification",
        {},
        {"type": "url_verification"},
        {"type": ["url_verification"], "challenge": "x"},
        {"type": "event_callback", "challenge": "x"},
        {"event": "endpoint.url_validation"},
        {"event": "endpoint.url_validation", "payload": []},
        {"event": "endpoint.url_validation", "payload": "plainToken"},
        {"event": "recording.completed", "payload": {"plainToken": "x"}},
    ],
)
def test_other_payloads_are_no_handshakes(payload: object) -> None:
    assert handshake("generic_webhook", payload, [TEXT]) is None


@pytest.mark.parametrize("secrets", [["meatyhamhock"], [OTHER, "meatyhamhock"], ["", "meatyhamhock", OTHER]])
def test_meta_gets_its_challenge_for_a_secret(secrets: list[str]) -> None:
    assert handshake_get(META, secrets) == "1158201444"


@pytest.mark.parametrize("secrets", [[], [""], [OTHER], ["meatyhamhock "], ["meatyhamhoc"], ["MEATYHAMHOCK"]])
def test_meta_gets_nothing_for_another_token(secrets: list[str]) -> None:
    assert handshake_get(META, secrets) is None


@pytest.mark.parametrize("token", ["schlüssel", "two words", "x" * 500])
def test_every_secret_can_be_the_token_of_meta(token: str) -> None:
    assert handshake_get(META | {"hub.verify_token": token}, [token]) == "1158201444"


@pytest.mark.parametrize("token", ["", "\ud800", "x" * 501])
def test_a_token_that_is_no_secret_is_refused(token: str) -> None:
    assert handshake_get(META | {"hub.verify_token": token}, [token, "\0" * 32]) is None


@pytest.mark.parametrize("challenge", ["", "<b>", "a b", "é", "1\n", "x" * 201])
def test_a_challenge_that_could_be_a_page_is_not_returned(challenge: str) -> None:
    assert handshake_get(META | {"hub.challenge": challenge}, ["meatyhamhock"]) is None


@pytest.mark.parametrize("name", sorted(META))
def test_the_handshake_of_meta_needs_all_parameters(name: str) -> None:
    query = {other: value for other, value in META.items() if other != name}
    assert handshake_get(query, ["meatyhamhock", ""]) is None
    assert handshake_get(META | {name: "x y"}, ["meatyhamhock"]) is None
