"""Each form of signature through the route: accepted, refused with a flipped bit, and the same delivery when retried.

The signatures are made here as the documentation of the senders says, and not by the code of the service.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from chalicelib.adapters.verification.forms import FORMS, forms_of
from tests.deliveries.counting import delivery_log
from tests.support.api import Api, ApiResponse
from tests.support.webhooks import anonymous, encoded, event, new_adapter_bucket
from tests.support.world import World

KEY = bytes(range(32))
SECRET = f"whsec_{b64encode(KEY).decode()}"
Headers = dict[str, str]
Sign = Callable[[bytes, int], Headers]


def _digest(signed: bytes, key: bytes = SECRET.encode()) -> bytes:
    return hmac.new(key, signed, hashlib.sha256).digest()


def _standard(vendor: str) -> Sign:
    def sign(body: bytes, moment: int) -> Headers:
        digest = b64encode(_digest(f"msg_1.{moment}.".encode() + body, KEY)).decode()
        return {f"{vendor}-Id": "msg_1", f"{vendor}-Timestamp": str(moment), f"{vendor}-Signature": f"v1,{digest}"}

    return sign


def _timed(header: str) -> Sign:
    return lambda body, moment: {header: f"t={moment},v1={_digest(f'{moment}.'.encode() + body).hex()}"}


def _versioned(vendor: str) -> Sign:
    return lambda body, moment: {
        f"{vendor}-Request-Timestamp": str(moment),
        f"{vendor}-Signature": f"v0={_digest(f'v0:{moment}:'.encode() + body).hex()}",
    }


SENDERS: dict[str, Sign] = {
    "standard_webhooks": _standard("Webhook"),
    "svix": _standard("Svix"),
    "mux": _timed("Mux-Signature"),
    "stripe": _timed("Stripe-Signature"),
    "mixpeek": _timed("X-Mixpeek-Signature"),
    "slack": _versioned("X-Slack"),
    "zoom": _versioned("X-Zm"),
    "hub": lambda body, _: {"X-Hub-Signature-256": f"sha256={_digest(body).hex()}"},
    "webhook_signature": lambda body, _: {"X-Webhook-Signature": _digest(body).hex()},
    "shopify": lambda body, _: {"X-Shopify-Hmac-Sha256": b64encode(_digest(body)).decode()},
    "shared_secret": lambda body, _: {"X-Webhook-Secret": SECRET},
}
WITHOUT_TIME = ("hub", "webhook_signature", "shopify", "shared_secret")
forms = pytest.mark.parametrize("form", SENDERS)


@pytest.fixture
def bucket(api: Api) -> str:
    return new_adapter_bucket(api, webhook_secret=SECRET)


def send(world: World, bucket: str, body: bytes, headers: Mapping[str, str], kind: str = "generic_webhook") -> Any:
    return anonymous(world).post(f"/v1/webhooks/{kind}/{bucket}", body, headers=headers)


def signed(world: World, form: str, payload: Any, *, age: int = 0) -> tuple[bytes, Headers]:
    body = encoded(payload)
    return body, SENDERS[form](body, int(world.clock.now.timestamp()) - age)


def flipped(headers: Headers) -> Iterator[Headers]:
    """Yields the headers with a flipped bit in the last digit or letter of each."""
    for name, value in headers.items():
        position = max(index for index, character in enumerate(value) if character.isalnum())
        changed = value[:position] + chr(ord(value[position]) ^ 1) + value[position + 1 :]
        yield {**headers, name: changed}


def assert_refused(response: ApiResponse) -> None:
    assert (response.status, response.error["code"]) == (401, "signature_refused"), response.text


def test_every_form_is_tested() -> None:
    assert list(SENDERS) == [form.name for form in FORMS]


@forms
def test_a_signed_request_is_accepted_and_one_with_a_flipped_bit_is_refused(
    world: World, api: Api, bucket: str, form: str
) -> None:
    body, headers = signed(world, form, event())
    for changed in flipped(headers):
        assert_refused(send(world, bucket, body, changed))
    if form != "shared_secret":  # which signs no body
        assert_refused(send(world, bucket, body[:-2] + bytes([body[-2] ^ 1]) + body[-1:], headers))
    assert delivery_log(api, bucket) == []
    accepted = send(world, bucket, body, headers)
    assert (accepted.status, accepted.json["status"]) == (200, "accepted"), accepted.text
    (delivery,) = delivery_log(api, bucket)
    assert (delivery["signature_form"], delivery["delivery_id"]) == (form, accepted.json["delivery_id"])


@forms
def test_an_old_request_is_refused_if_its_time_is_signed(world: World, bucket: str, form: str) -> None:
    for age in (360, -360):
        body, headers = signed(world, form, event(), age=age)
        response = send(world, bucket, body, headers)
        if form in WITHOUT_TIME:
            assert response.status == 200
        else:
            assert_refused(response)


@forms
def test_the_same_request_is_the_same_delivery(world: World, api: Api, bucket: str, form: str) -> None:
    body, headers = signed(world, form, event())
    first = send(world, bucket, body, headers).json
    again = send(world, bucket, body, headers).json
    assert (again["status"], again["delivery_id"]) == ("duplicate", first["delivery_id"])
    assert [each["repeats"] for each in delivery_log(api, bucket)] == [1]


# What identifies the message: its id in the payload, or the header of Standard Webhooks.
RETRIED: dict[str, dict[str, Any]] = {
    "stripe": {"id": "evt_1", "type": "film.added", "data": {"title": "M"}},
    "mux": {"id": "evt_1", "type": "film.added", "data": {"title": "M"}},
    "slack": {"event_id": "Ev1", "type": "event_callback", "data": {"title": "M"}},
    "standard_webhooks": event(),
    "svix": event(),
}


@pytest.mark.parametrize("form", RETRIED)
def test_a_retry_with_a_new_timestamp_is_the_same_delivery(world: World, api: Api, bucket: str, form: str) -> None:
    first = send(world, bucket, *signed(world, form, RETRIED[form], age=100)).json
    retried = send(world, bucket, *signed(world, form, {**RETRIED[form], "attempts": 2})).json
    assert (first["status"], retried["status"]) == ("accepted", "duplicate")
    assert retried["delivery_id"] == first["delivery_id"]
    (delivery,) = delivery_log(api, bucket)
    assert delivery["repeats"] == 1


@pytest.mark.parametrize("identifier", [None, 7, "", {}, [], "\ud800", "\u0000", "x" * 100_000])
@pytest.mark.parametrize("form", ["stripe", "slack"])
def test_without_a_usable_message_id_the_body_and_the_time_identify_a_delivery(
    world: World, bucket: str, form: str, identifier: Any
) -> None:
    name = "id" if form == "stripe" else "event_id"
    payload = {"id": "evt-1", **event(), name: identifier}
    ids = [send(world, bucket, *signed(world, form, payload, age=age)) for age in (0, 0, 9)]
    assert [response.status for response in ids] == [200, 200, 200], ids[0].text
    first, same, later = (response.json["delivery_id"] for response in ids)
    is_text = isinstance(identifier, str) and identifier not in ("", "\ud800")
    assert (first == same, first == later) == (True, is_text)


@pytest.mark.parametrize("adapter_type", ["iconik", "supabase", "mux"])
def test_an_adapter_accepts_only_the_forms_of_its_sender(world: World, api: Api, adapter_type: str) -> None:
    bucket = new_adapter_bucket(api, adapter_type=adapter_type, webhook_secret=SECRET, field_mapping=None)
    accepted = {form.name for form in forms_of(adapter_type)}
    assert accepted
    for form in SENDERS:
        response = send(world, bucket, *signed(world, form, event()), adapter_type)
        assert response.status == (200 if form in accepted else 401), form


def test_slack_checks_the_url_with_a_signed_challenge(world: World, api: Api, bucket: str) -> None:
    body, headers = signed(world, "slack", {"type": "url_verification", "challenge": "3eZbrw1aB", "token": "Jhj5"})
    for changed in flipped(headers):
        assert_refused(send(world, bucket, body, changed))
    response = send(world, bucket, body, headers)
    assert (response.status, response.json) == (200, {"challenge": "3eZbrw1aB"})
    assert delivery_log(api, bucket) == []


def test_zoom_checks_the_url_with_a_signed_token(world: World, api: Api, bucket: str) -> None:
    payload = {"event": "endpoint.url_validation", "event_ts": 1654503849680, "payload": {"plainToken": "qgg8vlvZ"}}
    body, headers = signed(world, "zoom", payload)
    for changed in flipped(headers):
        assert_refused(send(world, bucket, body, changed))
    response = send(world, bucket, body, headers)
    assert response.json == {"plainToken": "qgg8vlvZ", "encryptedToken": _digest(b"qgg8vlvZ").hex()}
    assert delivery_log(api, bucket) == []


def test_zoom_gets_a_response_with_the_secret_that_it_uses(world: World, api: Api, bucket: str) -> None:
    rotated = api.post(f"/v1/buckets/{bucket}/source-adapter/rotate-secret", {})
    assert rotated.status == 200
    payload = {"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZ"}}
    response = send(world, bucket, *signed(world, "zoom", payload))
    assert response.json["encryptedToken"] == _digest(b"qgg8vlvZ").hex()


def test_meta_checks_the_url_with_the_secret_in_the_query(world: World, bucket: str) -> None:
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": SECRET}
    path = f"/v1/webhooks/generic_webhook/{bucket}"
    response = anonymous(world).get(path, query=query)
    assert (response.status, response.text) == (200, "1158201444")
    assert response.headers["Content-Type"].startswith("text/plain")
    wrong = [{"hub.verify_token": SECRET[:-1] + "x"}, {"hub.mode": "unsubscribe"}, {"hub.challenge": "<script>"}]
    for change in [*wrong, {"hub.verify_token": ""}, {"hub.verify_token": "x" * 5000}, {"hub.verify_token": "\udcff"}]:
        changed = {name: value.encode("utf-8", "surrogateescape") for name, value in {**query, **change}.items()}
        assert_refused(anonymous(world).get(path, query=changed))
    assert_refused(anonymous(world).get(path))
    unknown = anonymous(world).get(f"/v1/webhooks/generic_webhook/bkt_{'0' * 16}", query=query)
    assert (unknown.status, unknown.error["code"]) == (404, "adapter_not_found")


def test_only_one_good_signature_among_others_is_needed(world: World, bucket: str) -> None:
    body, headers = signed(world, "standard_webhooks", event())
    good = headers["Webhook-Signature"]
    bad = f"v1,{b64encode(bytes(32)).decode()}"
    response = send(world, bucket, body, {**headers, "Webhook-Signature": f"{bad} v2,abc {good}"})
    assert response.json["status"] == "accepted", response.text
    both = {**headers, "Webhook-Signature": f"{bad} v2,abc"}
    assert_refused(send(world, bucket, encoded(event(2)), both))


def test_a_delivery_shows_no_secret(world: World, api: Api, bucket: str) -> None:
    send(world, bucket, *signed(world, "shared_secret", event()))
    assert SECRET not in json.dumps(delivery_log(api, bucket))
