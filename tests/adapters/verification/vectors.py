"""Signatures that were made with openssl, or that the senders have published, and the requests that have them."""

from __future__ import annotations

from dataclasses import dataclass, field

TEXT = "a secret text"
# From the documentation of Slack, without the signature's prefix.
SLACK_BODY = (
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)


@dataclass(frozen=True)
class Vector:
    """A request with a good signature. `command` prints the signature, which is the end of one of the headers."""

    name: str
    form: str
    secret: str
    body: bytes
    signature: str
    command: str
    headers: dict[str, str]
    timestamp: int | None = None
    message_id: str | None = None
    payload_id: str | None = None
    adapter_types: tuple[str, ...] = field(default=("generic_webhook",))

    @property
    def now(self) -> float:
        """A time at which the request is accepted."""
        return float(self.timestamp or 1_700_000_000)

    @property
    def is_hex(self) -> bool:
        """Whether the signature is in hex."""
        return len(self.signature) == 64


def _hex(signed: str, secret: str = TEXT) -> str:
    return f"printf '{signed}' | openssl dgst -sha256 -hmac '{secret}' -r | cut -c1-64"


def _base64(signed: str, secret: str = TEXT) -> str:
    return f"printf '{signed}' | openssl dgst -sha256 -hmac '{secret}' -binary | openssl base64 -A"


_HEX_OF = "openssl base64 -d -A | od -An -v -tx1 | tr -d ' \\n'"
_STANDARD_WEBHOOKS = (
    """printf 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}' | openssl dgst -sha256 -mac HMAC"""
    f" -macopt hexkey:$(printf 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' | {_HEX_OF}) -binary | openssl base64 -A"
)
_N1_HEX = "9027a520848e6f46c45f664a34e9689704fde3d99d7e3d5df264670c2b023c1b"
_N1_BASE64 = "kCelIISOb0bEX2ZKNOlolwT949mdfj1d8mRnDCsCPBs="
_TIMED_N1_HEX = "d7fcae1b203e12a925e71058899dc186305ee9aa3c45bb51c11267c1907ee563"
_TIMED_N1_BASE64 = "1/yuGyA+Eqkl5xBYiZ3BhjBe6ao8RbtRwRJnwZB+5WM="

VECTORS = [
    Vector(
        # libraries/javascript/src/webhook.test.ts in https://github.com/standard-webhooks/standard-webhooks
        "the example of Standard Webhooks",
        form="standard_webhooks",
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        body=b'{"test": 2432232314}',
        signature="g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        command=_STANDARD_WEBHOOKS,
        headers={
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        timestamp=1614265330,
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
    ),
    Vector(
        # https://docs.svix.com/receiving/verifying-payloads/how
        "the example of Svix",
        form="svix",
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        body=b'{"test": 2432232314}',
        signature="g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        command=_STANDARD_WEBHOOKS,
        headers={
            "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "svix-timestamp": "1614265330",
            "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        timestamp=1614265330,
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
    ),
    Vector(
        "Standard Webhooks with a text as the secret",
        form="standard_webhooks",
        secret=TEXT,
        body=b'{"a": 1}',
        signature="YJ4drAWAdu+KHfkDSbo1HOHWGxy6rCe8G3FSU+Ijllk=",
        command=_base64('msg_1.1700000000.{"a": 1}'),
        headers={
            "webhook-id": "msg_1",
            "webhook-timestamp": "1700000000",
            "webhook-signature": "v1,YJ4drAWAdu+KHfkDSbo1HOHWGxy6rCe8G3FSU+Ijllk=",
        },
        timestamp=1700000000,
        message_id="msg_1",
    ),
    Vector(
        # tests/api-resources/webhooks.test.ts in https://github.com/muxinc/mux-node-sdk
        "the example of Mux",
        form="mux",
        secret="SuperSecret123",
        body=b'{"test":"body"}',
        signature="854ece4c22acef7c66b57d4e504153bc512595e8e9c772ece2a68150548c19a7",
        command=_hex('1565125718.{"test":"body"}', "SuperSecret123"),
        headers={"mux-signature": ("t=1565125718,v1=854ece4c22acef7c66b57d4e504153bc512595e8e9c772ece2a68150548c19a7")},
        timestamp=1565125718,
        payload_id="id",
        adapter_types=("generic_webhook", "mux"),
    ),
    Vector(
        "Stripe, whose key is the text of the secret with its prefix",
        form="stripe",
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        body=b'{"id": "evt_1", "object": "event"}',
        signature="5338ba0a9043769760d4203256188a70ea31ec485baebe733379e029b79f3783",
        command=_hex('1700000000.{"id": "evt_1", "object": "event"}', "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        headers={
            "stripe-signature": ("t=1700000000,v1=5338ba0a9043769760d4203256188a70ea31ec485baebe733379e029b79f3783")
        },
        timestamp=1700000000,
        payload_id="id",
    ),
    Vector(
        "Mixpeek",
        form="mixpeek",
        secret=TEXT,
        body=b'{"n": 1}',
        signature=_TIMED_N1_HEX,
        command=_hex('1700000000.{"n": 1}'),
        headers={"x-mixpeek-signature": f"t=1700000000,v1={_TIMED_N1_HEX}"},
        timestamp=1700000000,
        adapter_types=("generic_webhook", "iconik", "supabase"),
    ),
    Vector(
        "Mixpeek in base64",
        form="mixpeek",
        secret=TEXT,
        body=b'{"n": 1}',
        signature=_TIMED_N1_BASE64,
        command=_base64('1700000000.{"n": 1}'),
        headers={"x-mixpeek-signature": f"t=1700000000,v1={_TIMED_N1_BASE64}"},
        timestamp=1700000000,
        adapter_types=("generic_webhook", "iconik", "supabase"),
    ),
    Vector(
        # https://docs.slack.dev/authentication/verifying-requests-from-slack
        "the example of Slack",
        form="slack",
        secret="8f742231b10e8888abcd99yyyzzz85a5",
        body=SLACK_BODY.encode(),
        signature="a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        command=_hex(f"v0:1531420618:{SLACK_BODY.replace('%', '%%')}", "8f742231b10e8888abcd99yyyzzz85a5"),
        headers={
            "x-slack-request-timestamp": "1531420618",
            "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        },
        timestamp=1531420618,
        payload_id="event_id",
    ),
    Vector(
        "Zoom",
        form="zoom",
        secret=TEXT,
        body=b'{"event": "recording.completed"}',
        signature="f64b375b99def64ba171a0ca2c5a3dbed27cd37d7cb15168642d0b5577e62e04",
        command=_hex('v0:1700000000:{"event": "recording.completed"}'),
        headers={
            "x-zm-request-timestamp": "1700000000",
            "x-zm-signature": "v0=f64b375b99def64ba171a0ca2c5a3dbed27cd37d7cb15168642d0b5577e62e04",
        },
        timestamp=1700000000,
    ),
    Vector(
        # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
        "the example of GitHub",
        form="hub",
        secret="It's a Secret to Everybody",
        body=b"Hello, World!",
        signature="757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        command=_hex("Hello, World!", "It'\\''s a Secret to Everybody"),
        headers={"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
    ),
    Vector(
        "a body and a secret that are not ASCII",
        form="hub",
        secret="schlüssel",
        body=b"\xff\x00",
        signature="12599a52fc981e90c14c2dd7dcacf3651d2aee87e1b7ff3465f5682474051d88",
        command=_hex("\\377\\000", "schlüssel"),
        headers={"x-hub-signature-256": "sha256=12599a52fc981e90c14c2dd7dcacf3651d2aee87e1b7ff3465f5682474051d88"},
    ),
    Vector(
        "bare hex",
        form="webhook_signature",
        secret=TEXT,
        body=b'{"n": 1}',
        signature=_N1_HEX,
        command=_hex('{"n": 1}'),
        headers={"x-webhook-signature": _N1_HEX},
    ),
    Vector(
        "hex with a prefix",
        form="webhook_signature",
        secret=TEXT,
        body=b'{"n": 1}',
        signature=_N1_HEX,
        command=_hex('{"n": 1}'),
        headers={"x-webhook-signature": f"sha256={_N1_HEX}"},
    ),
    Vector(
        "bare base64",
        form="webhook_signature",
        secret=TEXT,
        body=b'{"n": 1}',
        signature=_N1_BASE64,
        command=_base64('{"n": 1}'),
        headers={"x-webhook-signature": _N1_BASE64},
    ),
    Vector(
        "an empty body",
        form="webhook_signature",
        secret=TEXT,
        body=b"",
        signature="3df4595e1214b3f4ecb7756bd3c6dea5b5e4fde95de3f6d643b7c6a37b82cd1d",
        command=_hex(""),
        headers={"x-webhook-signature": "3df4595e1214b3f4ecb7756bd3c6dea5b5e4fde95de3f6d643b7c6a37b82cd1d"},
    ),
    Vector(
        "Shopify",
        form="shopify",
        secret=TEXT,
        body=b'{"n": 1}',
        signature=_N1_BASE64,
        command=_base64('{"n": 1}'),
        headers={"x-shopify-hmac-sha256": _N1_BASE64},
    ),
]
