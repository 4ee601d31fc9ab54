"""A thousand malformed deliveries: none is an error of the service, and without a good signature none has an effect."""

from __future__ import annotations

import gzip
import json
import random
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from chalice.app import Chalice

from chalicelib.api import create_app
from chalicelib.core.json_codec import to_json
from chalicelib.http.operation import MAX_BODY_BYTES
from tests.http.operations import assert_sane
from tests.outbound.hostile_urls import WRITTEN
from tests.support.api import Api, ApiResponse
from tests.support.webhooks import anonymous, encoded, event, new_adapter_bucket, signed
from tests.support.world import World

PARTS = 10
PER_PART = 100
UNKNOWN_BUCKET = f"bkt_{'0' * 16}"
HOSTILE_TEXTS = [
    "\u0000",
    "\ud800",
    "\ud83d",
    "\u202e",
    "\U0001d54f" * 50,
    "' OR 1=1 --",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "../" * 40,
    "#",
]
SCALARS: list[Any] = [None, True, -1, 0, 1.5, 10**400, 1e-320, "", " ", "x" * 300_000, [], {}, *HOSTILE_TEXTS]


def deep(levels: int, opening: str = "[", closing: str = "]") -> bytes:
    return (opening * levels + "1" + closing * levels).encode()


BODIES: list[bytes] = [
    b"",
    b" ",
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b"{",
    b'{"id": 1, "id": 2, "data": {"title": "a", "title": "b"}}',
    b'{"data": {"title": NaN}}',
    b'{"data": {"rating": 1e999}}',
    b'{"data": {"rating": ' + b"9" * 5000 + b"}}",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    b'{"id": "\xc3\x28"}',
    b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    b"a=1&b=2",
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--',
    gzip.compress(b'{"id": "1"}'),
    gzip.compress(b"[" * 5_000_000),
    bytes(range(256)),
    deep(200),
    deep(100_000),
    deep(50_000, '{"data":', "}"),
    b'{"data": ' + deep(900) + b"}",
    b"[" + b"0," * 300_000 + b"0]",
    b" " * (MAX_BODY_BYTES - 2) + b"{}",
    b"x" * (MAX_BODY_BYTES + 1),
    b"\x00" * 70_000,
    json.dumps({str(number): number for number in range(20_000)}).encode(),
]
BAD_HEADERS: list[dict[str, str]] = [
    {},
    {"X-Mixpeek-Signature": ""},
    {"X-Mixpeek-Signature": "t=1"},
    {"X-Mixpeek-Signature": "v1=abc,t="},
    {"X-Mixpeek-Signature": f"t={10**30},v1={'0' * 64}"},
    {"X-Mixpeek-Signature": f"t=1767225600,v1={'0' * 64}"},
    {"X-Mixpeek-Signature": ",".join(["v1=" + "0" * 64] * 500)},
    {"X-Mixpeek-Signature": "t=1767225600,v1=" + "é" * 64},
    {"X-Hub-Signature-256": "sha256=" + "0" * 64},
    {"X-Hub-Signature-256": "sha1=" + "0" * 40},
    {"X-Hub-Signature-256": "x" * 100_000},
    {"Stripe-Signature": "t=1767225600,v0=abc"},
    {"Webhook-Id": "a.b", "Webhook-Timestamp": "1767225600", "Webhook-Signature": "v1,AAAA"},
    {"Webhook-Id": "", "Webhook-Timestamp": "-1", "Webhook-Signature": "v1"},
    {"Webhook-Signature": "v1a,AAAA v1,===="},
    {"X-Slack-Signature": "v0=", "X-Slack-Request-Timestamp": "1e9"},
    {"X-Shopify-Hmac-Sha256": "not base64"},
    {"X-Webhook-Secret": "null"},
    {"X-Webhook-Secret": "\u0000"},
    {"Authorization": "Bearer x", "X-Namespace": "\udcff", "Cookie": "a=b"},
]
MEDIA_TYPES = ["application/json", "text/xml", "", "application/x-www-form-urlencoded", "multipart/form-data", "\u0000"]
IDENTIFIERS = [
    "x",
    "films",
    "bkt_",
    "bkt_%2e%2e",
    "bkt_' OR 1=1",
    "BKT_" + "0" * 16,
    "bkt_" + "0" * 5000,
    UNKNOWN_BUCKET,
]
KINDS = [
    "generic_webhook",
    "generic_webhook",
    "generic_webhook",
    "mux",
    "iconik",
    "bucket",
    "nothing",
    "..",
    "a" * 3000,
]


def mapped_values(rng: random.Random) -> dict[str, Any]:
    """A payload with hostile values where the adapter expects texts, numbers and a URL."""

    def value() -> Any:
        return rng.choice([rng.choice(SCALARS), rng.choice(WRITTEN), {"a": rng.choice(SCALARS)}, [1, "b"]])

    payload: dict[str, Any] = {"type": value(), "id": value(), "data": {}}
    for name in ("title", "rating", "film", "url"):
        if rng.random() < 0.8:
            payload["data"][name] = value()
    for name in rng.sample(["type", "id", "data"], rng.randint(0, 2)):
        payload[name] = rng.choice(SCALARS)
    return payload


def body_of(rng: random.Random) -> bytes:
    if rng.random() < 0.4:
        return rng.choice(BODIES)
    if rng.random() < 0.2:
        return rng.randbytes(rng.randint(0, 300))
    text = json.dumps(mapped_values(rng), ensure_ascii=rng.random() < 0.5)
    return text.encode("utf-8", "surrogatepass")


@contextmanager
def recorded(world: World) -> Iterator[list[str]]:
    """Yields the names of the calls to DynamoDB."""
    calls: list[str] = []

    def record(model: Any, **_: Any) -> None:
        calls.append(model.name)

    world.client.meta.events.register("before-call.dynamodb", record)
    try:
        yield calls
    finally:
        world.client.meta.events.unregister("before-call.dynamodb", record)


def rows(world: World) -> str:
    """All rows of both tables."""
    found = []
    for table in (world.tables.catalog, world.tables.objects):
        for page in world.client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            found += [to_json(row) for row in page["Items"]]
    return "\n".join(sorted(found))


def through_the_gateway(
    app: Chalice, kind: str, bucket: str, body: bytes, headers: Mapping[str, str], *, as_base64: bool
) -> ApiResponse:
    """Sends a request as API Gateway calls the function: the body in base64, or as text."""
    response = app(
        {
            "headers": dict(headers),
            "multiValueQueryStringParameters": None,
            "pathParameters": {"adapter_type": kind, "bucket_id": bucket},
            "stageVariables": None,
            "body": b64encode(body).decode() if as_base64 else body.decode(),
            "isBase64Encoded": as_base64,
            "requestContext": {
                "httpMethod": "POST",
                "resourcePath": "/v1/webhooks/{adapter_type}/{bucket_id}",
                "requestId": "r-1",
            },
        },
        None,
    )
    return ApiResponse(response["statusCode"], response["headers"], response["body"])


def send(
    world: World, app: Chalice, rng: random.Random, place: tuple[str, str], body: bytes, headers: Any
) -> ApiResponse:
    """Sends a webhook to an adapter type and a bucket, in one of the ways in which the service gets it."""
    kind, bucket = place
    way = rng.randrange(3)
    if way == 0 and all(name.isascii() and value.isprintable() for name, value in headers.items()):
        return anonymous(world).post(f"/v1/webhooks/{kind}/{bucket}", body, headers=headers)
    try:
        return through_the_gateway(app, kind, bucket, body, headers, as_base64=way == 1)
    except UnicodeDecodeError:
        return through_the_gateway(app, kind, bucket, body, headers, as_base64=True)


def new_bucket(api: Api) -> str:
    return new_adapter_bucket(
        api, batching={"mode": "immediate"}, blob_source={"file_field": "data.url", "target_property": "video"}
    )


@pytest.mark.parametrize("part", range(PARTS))
def test_a_malformed_request_is_refused_without_effect_or_kept_if_it_is_signed(
    world: World, api: Api, part: int
) -> None:
    rng, bucket, app = random.Random(part), new_bucket(api), create_app(lambda: world.services)
    before = rows(world)
    for number in range(PER_PART // 2):
        kind = rng.choice(KINDS)
        identifier = rng.choice([bucket, bucket, *IDENTIFIERS])
        headers = {"Content-Type": rng.choice(MEDIA_TYPES), **rng.choice(BAD_HEADERS)}
        response = send(world, app, rng, (kind, identifier), body_of(rng), headers)
        assert_sane(response)
        assert response.status in (400, 401, 403, 404, 413), (number, response.text)
    assert rows(world) == before
    for number in range(PER_PART // 2):
        body = body_of(rng)
        headers = {**signed(world, body, age=number), "Content-Type": rng.choice(MEDIA_TYPES)}
        response = send(world, app, rng, ("generic_webhook", bucket), body, headers)
        assert_sane(response)
        if len(body) > MAX_BODY_BYTES:
            assert response.status == 413
        else:
            assert (response.status, response.json["reason"] is None) == (200, response.json["status"] == "accepted")
            found = api.get(f"/v1/buckets/{bucket}/source-adapter/deliveries/{response.json['delivery_id']}")
            assert (found.status, found.json["body_bytes"]) == (200, len(body))
    assert api.post(f"/v1/buckets/{bucket}/source-adapter/test", {}).status == 200
    world.pump()
    status = api.get(f"/v1/buckets/{bucket}/source-adapter/status")
    assert status.json["stats"]["events_received"] == len(listed(api, bucket))


def listed(api: Api, bucket: str) -> list[dict[str, Any]]:
    response = api.post(f"/v1/buckets/{bucket}/source-adapter/deliveries/list", {"limit": 1000})
    assert response.status == 200, response.text
    return list(response.json["results"])


@pytest.mark.parametrize("headers", BAD_HEADERS[:-1], ids=range(len(BAD_HEADERS) - 1))
def test_a_refusal_makes_the_same_calls_whether_or_not_the_bucket_exists(
    world: World, api: Api, headers: dict[str, str]
) -> None:
    bucket, app = new_bucket(api), create_app(lambda: world.services)
    rotated = new_adapter_bucket(api, name="rotated")
    assert api.post(f"/v1/buckets/{rotated}/source-adapter/rotate-secret", {}).status == 200
    places = [
        ("generic_webhook", bucket),
        ("generic_webhook", rotated),
        ("generic_webhook", UNKNOWN_BUCKET),
        ("generic_webhook", "x"),
        ("mux", bucket),
        ("mux", UNKNOWN_BUCKET),
    ]
    made = []
    for kind, identifier in places:
        with recorded(world) as calls:
            response = through_the_gateway(app, kind, identifier, encoded(event()), headers, as_base64=True)
        assert response.status in (401, 404)
        made.append(calls)
    assert made == [["GetItem"]] * len(places)


@pytest.mark.parametrize(
    "body", [event(), event(rating="many"), b"<xml/>", [1], gzip.compress(b'{"id": 1}')], ids=range(5)
)
def test_a_body_in_base64_is_verified_as_it_was_sent(world: World, api: Api, body: Any) -> None:
    bucket, app, raw = new_adapter_bucket(api), create_app(lambda: world.services), encoded(body)
    headers = signed(world, raw)
    for as_base64 in (True, False):
        if as_base64 or raw[:1] != b"\x1f":
            response = through_the_gateway(app, "generic_webhook", bucket, raw, headers, as_base64=as_base64)
            assert response.status == 200, response.text
    wrong = through_the_gateway(app, "generic_webhook", bucket, b64encode(raw), headers, as_base64=True)
    assert wrong.status == 401
    (delivery,) = listed(api, bucket)
    assert delivery["body_bytes"] == len(raw)
