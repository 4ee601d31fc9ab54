"""Presigned URLs of the AWS endpoint: each allows one request, unchanged and in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib.local.engine import Engine
from chalicelib.local.server.aws_endpoint import AwsEndpoint
from tests.local.server.conftest import BUCKET, Clock, ask, ask_url, code_of, presigned, signed_headers


def test_a_presigned_url_needs_no_authorization_header(endpoint: AwsEndpoint, s3: Any) -> None:
    assert ask_url(endpoint, presigned(s3, "get_object"), "GET") == (200, b"content")
    assert ask_url(endpoint, presigned(s3, "get_object"), "GET", Range="bytes=1-2") == (206, b"on")
    url = presigned(s3, "get_object", ResponseContentType="text/plain")
    assert ask_url(endpoint, url, "GET") == (200, b"content")
    assert ask_url(endpoint, presigned(s3, "put_object"), "PUT", b"new")[0] == 200
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"new"


TAMPERED: list[Callable[[str], str]] = [
    lambda url: url.replace("/k?", "/other?"),
    lambda url: url.replace("/k?", "/%6b?"),
    lambda url: url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"),
    lambda url: url.replace("us-east-1", "us-east-2").replace("eu-central-1", "eu-central-2"),
    lambda url: url + "&response-content-type=text%2Fhtml",
    lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"),
    lambda url: url.replace("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=host%3Brange"),
    lambda url: url.replace("127.0.0.1", "localhost"),
]


@pytest.mark.parametrize("tamper", TAMPERED)
def test_a_changed_presigned_url_is_rejected(endpoint: AwsEndpoint, s3: Any, tamper: Callable[[str], str]) -> None:
    url = presigned(s3, "get_object")
    changed = tamper(url)
    assert changed != url
    status, body = ask_url(endpoint, changed, "GET", Host=urlsplit(changed).netloc)
    assert (status, code_of(body)) == (403, "SignatureDoesNotMatch")


MALFORMED: list[Callable[[str], str]] = [
    lambda url: url.replace("X-Amz-Expires=60", "X-Amz-Expires=604801"),
    lambda url: url.replace("X-Amz-Expires=60", "X-Amz-Expires=0"),
    lambda url: url.replace("X-Amz-Expires=60", "X-Amz-Expires=-1"),
    lambda url: url.replace("&X-Amz-Expires=60", ""),
    lambda url: url.replace("HMAC-SHA256", "NONE"),
    lambda url: url.replace("=host", "="),
    lambda url: url.replace("=host", "=range"),
    lambda url: url.replace("aws4_request", "aws5_request"),
    lambda url: url.partition("&X-Amz-Signature")[0],
    lambda url: url + "&X-Amz-Expires=600000",
    lambda url: url + "&X-Amz-%45xpires=600000",
    lambda url: url.replace("X-Amz-Date=2", "X-Amz-Date=3"),
]


@pytest.mark.parametrize("break_", MALFORMED)
def test_a_malformed_presigned_url_is_a_bad_request(
    endpoint: AwsEndpoint, s3: Any, break_: Callable[[str], str]
) -> None:
    url = presigned(s3, "get_object")
    broken = break_(url)
    assert broken != url
    status, body = ask_url(endpoint, broken, "GET")
    assert status == 400
    assert code_of(body) in ("AuthorizationQueryParametersError", "InvalidRequest")


def test_a_presigned_url_is_for_one_method(endpoint: AwsEndpoint, s3: Any) -> None:
    status, body = ask_url(endpoint, presigned(s3, "get_object"), "PUT", b"new")
    assert (status, code_of(body)) == (403, "SignatureDoesNotMatch")
    assert ask_url(endpoint, presigned(s3, "put_object"), "GET")[0] == 403
    assert ask_url(endpoint, presigned(s3, "get_object"), "HEAD")[0] == 403
    assert ask_url(endpoint, presigned(s3, "get_object"), "DELETE")[0] == 403
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"content"


def test_a_presigned_url_expires(endpoint: AwsEndpoint, s3: Any, clock: Clock) -> None:
    url = presigned(s3, "get_object", 120)
    clock.offset = timedelta(seconds=110)
    assert ask_url(endpoint, url, "GET") == (200, b"content")
    clock.offset = timedelta(seconds=121)
    status, body = ask_url(endpoint, url, "GET")
    assert (status, code_of(body)) == (403, "AccessDenied")
    assert b"Request has expired" in body
    clock.offset = timedelta(minutes=-16)
    assert ask_url(endpoint, url, "GET")[0] == 403


def test_a_presigned_put_enforces_the_signed_type_and_length(endpoint: AwsEndpoint, s3: Any) -> None:
    url = presigned(s3, "put_object", ContentType="image/png", ContentLength=3)
    assert ask_url(endpoint, url, "PUT", b"abcd", Content_Type="image/png")[0] == 403
    assert ask_url(endpoint, url, "PUT", b"ab", Content_Type="image/png")[0] == 403
    assert ask_url(endpoint, url, "PUT", b"abc", Content_Type="text/html")[0] == 403
    assert ask_url(endpoint, url, "PUT", b"abc")[0] == 403
    chunked = ask_url(
        endpoint, url, "PUT", b"3\r\nabc\r\n0\r\n\r\n", Content_Type="image/png", Transfer_Encoding="chunked"
    )
    assert chunked[0] in (400, 403)
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"content"
    assert ask_url(endpoint, url, "PUT", b"abc", Content_Type="image/png")[0] == 200
    assert s3.get_object(Bucket=BUCKET, Key="k")["ContentType"] == "image/png"


def test_a_request_has_only_one_signature(engine: Engine, endpoint: AwsEndpoint, s3: Any) -> None:
    headers = signed_headers(engine, "s3", "GET", presigned(s3, "get_object"))
    parts = urlsplit(presigned(s3, "get_object"))
    assert ask(endpoint, headers, method="GET", path=f"{parts.path}?{parts.query}", body=b"")[0] == 400
